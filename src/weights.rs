//! Weights files: reading them, and saying what does not fit.

use std::path::Path;

use nnc_compiler::program::{self, Called, Init, Program, State};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role as Origin};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::checkpoint::{self, Checkpoint, Mismatch, fit};
use nnc_runtime::dtype::element_as_f64;
use nnc_runtime::train::{
    AVERAGE, BEST, Key, Order, Plan, Progress, Refusal, Role, StateSpec, begin_averages, restore, vocabulary_entry,
    weights_of,
};

use crate::console::{Console, Failed};
use crate::load::Loaded;
use crate::report::Plain;
use crate::{foreign, session};

/// Mismatches listed at most.
const MOST: usize = 12;

/// Reads a file of weights.
pub(crate) fn read(path: &Path) -> Result<Checkpoint, Plain> {
    checkpoint::read(path).map_err(|error| Plain { code: codes::WEIGHTS, ..Plain::from(error) })
}

/// The file of weights that the shell names, or an empty one.
pub(crate) fn given(path: Option<&Path>) -> Result<Checkpoint, Plain> {
    path.map_or_else(|| Ok(Checkpoint::default()), read)
}

/// Fails if the program has weights and the shell names none.
pub(crate) fn check_given(loaded: &Loaded, path: Option<&Path>) -> Result<(), Plain> {
    if path.is_some() || loaded.program.states.is_empty() {
        return Ok(());
    }
    let plain = Plain::new(codes::MISSING_ARGUMENT, format!("{} has weights, and none are given", loaded.name));
    Err(plain.help("name their file: `--weights last.safetensors`"))
}

/// Copies weights, and all other state of a training state, into `states`; tells the progress of the latter.
pub(crate) fn restore_into(
    loaded: &Loaded,
    path: &Path,
    file: &Checkpoint,
    specs: &[StateSpec],
    states: &mut [Buffer],
    console: &Console,
) -> Result<Option<(Progress, Key)>, Failed> {
    for (column, digest) in session::vocabularies(&loaded.program) {
        if file.metadata.get(&vocabulary_entry(&column)).is_some_and(|known| *known != digest) {
            let headline = format!("{}: these weights belong to another vocabulary of `{column}`", path.display());
            let plain = Plain::new(codes::WEIGHTS, headline).note("class numbers would stand for other tokens");
            return Err(plain
                .help("the vocabulary is that of the training text: give the data that they were trained on")
                .into());
        }
    }
    let restored = restore(file, specs, states).map_err(|refusal| refuse(loaded, path, &refusal, console))?;
    if !restored.ignored.is_empty() {
        let (shown, path) = (list(&restored.ignored), path.display());
        console.remark(&format!("{path}: {} tensors are not in the program: {shown}", restored.ignored.len()));
    }
    Ok(restored.progress)
}

/// Gives the states of the program's `init` lines the values that their files hold.
///
/// A parameter that is selected must be in the file, and begins as its average does where the file has one; a statistic may be.
pub(crate) fn initialise(
    loaded: &Loaded,
    inits: &[Init],
    specs: &[StateSpec],
    states: &mut [Buffer],
    console: &Console,
) -> Result<(), Failed> {
    for init in inits {
        let path = loaded.beside(init.span, &init.path);
        let refuse = |headline: String| Diagnostic::error(codes::WEIGHTS, init.span, headline);
        let read = if init.torch.is_some() { checkpoint::read_widened } else { checkpoint::read };
        let file = read(&path).map_err(|error| {
            let plain = Plain::from(error);
            loaded.fail(console, &plain.help.into_iter().fold(refuse(plain.headline), Diagnostic::help))
        })?;
        let numbers: Vec<usize> = init.states.iter().map(|n| *n as usize).collect();
        let (filled, help) = match &init.torch {
            Some(Called { modules, .. }) => {
                let wanted = numbers.into_iter().zip(modules.iter().map(String::as_str));
                let filled = initialise_foreign(&loaded.program, &file, wanted, specs, states);
                (filled, "tensors are found by PyTorch's names: `as torch(\"net.3\")` tells what stands before them")
            }
            None => (initialise_own(&file, numbers, specs, states), "tensors are found by the paths of parameters"),
        };
        if let Err(mismatches) = filled {
            let (count, shown) = (mismatches.len(), path.display());
            let d = refuse(format!("{shown} does not hold what this line selects: {count} tensors differ"));
            let more = (count > MOST).then(|| format!("… and {} more", count - MOST));
            let notes = mismatches.iter().take(MOST).map(Mismatch::to_string).chain(more);
            let d = notes
                .fold(d.origin(Origin::Declaration, init.at, "these are to begin as in the file"), Diagnostic::note);
            return Err(loaded.fail(console, &d.help(help)));
        }
    }
    begin_averages(specs, states, &|_| true);
    Ok(())
}

/// Gives states, by number, the values that a file of a run has, or tells what it lacks.
fn initialise_own(
    file: &Checkpoint,
    numbers: Vec<usize>,
    specs: &[StateSpec],
    states: &mut [Buffer],
) -> Result<(), Vec<Mismatch>> {
    let wanted = |&n: &usize| specs[n].role == Role::Parameter || file.tensor(&specs[n].path).is_some();
    let numbers: Vec<usize> = numbers.into_iter().filter(wanted).collect();
    let info: Vec<_> = file.tensors.iter().map(|tensor| tensor.info()).collect();
    let want = |&n: &usize| (specs[n].path.clone(), specs[n].dtype, specs[n].shape.clone());
    let mismatches = fit(&info, &numbers.iter().map(want).collect::<Vec<_>>());
    if !mismatches.is_empty() {
        return Err(mismatches);
    }
    for n in numbers {
        let average = file.tensor(&format!("{}{AVERAGE}", specs[n].path)).filter(|a| a.data.len() == states[n].len());
        if let Some(tensor) = average.or_else(|| file.tensor(&specs[n].path)) {
            // `fit` has compared type and shape, and a state holds exactly its elements.
            states[n].as_mut_slice().copy_from_slice(&tensor.data);
        }
    }
    Ok(())
}

/// The same of a file in PyTorch's names and shapes.
fn initialise_foreign<'w>(
    program: &Program,
    file: &Checkpoint,
    wanted: impl Iterator<Item = foreign::Wanted<'w>>,
    specs: &[StateSpec],
    states: &mut [Buffer],
) -> Result<(), Vec<Mismatch>> {
    let needed = |wanted: &foreign::Wanted<'w>| {
        specs[wanted.0].role == Role::Parameter || foreign::holds(program, file, *wanted)
    };
    let wanted: Vec<foreign::Wanted<'w>> = wanted.filter(needed).collect();
    let mismatches = foreign::mismatches(program, file, &wanted);
    if !mismatches.is_empty() {
        return Err(mismatches);
    }
    wanted.into_iter().for_each(|wanted| foreign::load(program, file, wanted, &mut states[wanted.0]));
    Ok(())
}

fn list(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", name.escape_debug())).collect();
    if names.len() > MOST {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

fn refuse(loaded: &Loaded, path: &Path, refusal: &Refusal, console: &Console) -> Failed {
    let shown = path.display();
    let mismatches = match refusal {
        Refusal::Metadata(what) => return Plain::new(codes::WEIGHTS, format!("{shown}: {what}")).into(),
        Refusal::Tensors(mismatches) => mismatches,
    };
    let headline = format!("{shown} does not fit the program: {} tensors differ", mismatches.len());
    let notes = mismatches.iter().take(MOST).map(Mismatch::to_string);
    let more = (mismatches.len() > MOST).then(|| format!("… and {} more", mismatches.len() - MOST));
    let help = "weights fit a program whose models have the same paths, shapes and precision";
    // The place of the first tensor that does not fit.
    let state = loaded.program.states.iter().find(|s| mismatches.first().is_some_and(|m| m.name == s.path));
    match state.and_then(|state| loaded.program.sites.get(state.site.0 as usize)) {
        Some(site) => {
            let d = Diagnostic::error(codes::WEIGHTS, site.span, headline).label("declared here");
            let d = notes.chain(more).fold(d, Diagnostic::note).help(help);
            loaded.fail(console, &d)
        }
        None => notes.chain(more).fold(Plain::new(codes::WEIGHTS, headline).help(help), Plain::note).into(),
    }
}

/// Checks that a run which goes on takes its rows in the order of the run before.
pub(crate) fn check_key(path: &Path, key: &Key, plan: &Plan, rows: usize) -> Result<(), Plain> {
    let (batch, rows) = (plan.batch.get() as u64, rows as u64);
    let differ = |what: &str, then: &dyn std::fmt::Display, now: &dyn std::fmt::Display| {
        let headline = format!("{}: the run had {what} {then}, now it is {now}", path.display());
        let help = format!(
            "leave the choice out to go on with that run, or start a new one from the weights alone: \
             `--init {}`",
            path.with_file_name(BEST).display()
        );
        Err(Plain::new(codes::WEIGHTS, headline).help(help))
    };
    match key {
        Key { seed, .. } if *seed != plan.seed => differ("the seed", seed, &plan.seed),
        Key { order, .. } if *order != plan.order => differ("the order", &order.name(), &plan.order.name()),
        Key { batch: then, .. } if *then != batch => differ("batches of", then, &batch),
        Key { rows: then, .. } if *then != rows => differ("training rows numbering", then, &rows),
        _ => Ok(()),
    }
}

/// The weights that the run chose before, which lie beside its state.
pub(crate) fn kept(
    loaded: &Loaded,
    last: &Path,
    specs: &[StateSpec],
    states: &[Buffer],
    console: &Console,
) -> Result<Vec<Buffer>, Failed> {
    let path = last.with_file_name(BEST);
    let file = read(&path).map_err(|plain| {
        plain.note(format!("{} belongs to a run that has chosen its best weights, which lie beside it", last.display()))
    })?;
    let mut weights = weights_of(specs, states);
    let mut best = states.to_vec();
    restore_into(loaded, &path, &file, specs, &mut best, console)?;
    for (weight, state) in weights.iter_mut().zip(best).filter(|(weight, _)| !weight.is_empty()) {
        *weight = state;
    }
    Ok(weights)
}

/// The seed and the order of rows of the run that a file comes from.
pub(crate) fn split_key(file: Option<&Checkpoint>) -> Option<(u64, Order)> {
    nnc_runtime::train::split_key(&file?.metadata)
}

/// A statistic of the training rows that a file does not hold.
pub(crate) fn unfitted<'p>(program: &'p Program, file: &Checkpoint) -> Option<&'p State> {
    program.states.iter().find(|state| state.role == program::Role::Fitted && file.tensor(&state.path).is_none())
}

/// A statistic of the training rows that is not finite.
pub(crate) fn not_finite<'p>(program: &'p Program, states: &[Buffer]) -> Option<&'p State> {
    let finite = |state: &State, values: &Buffer| {
        let bytes = values.as_slice();
        (0..bytes.len() / state.ty.dtype.size()).all(|i| element_as_f64(state.ty.dtype, bytes, i).is_finite())
    };
    let fitted = program.states.iter().zip(states).filter(|(state, _)| state.role == program::Role::Fitted);
    fitted.into_iter().find(|(state, values)| !finite(state, values)).map(|(state, _)| state)
}

/// Refuses weights for evaluation and prediction that lack a statistic of the training rows.
pub(crate) fn check_fitted(loaded: &Loaded, path: &Path, file: &Checkpoint) -> Result<(), Plain> {
    match unfitted(&loaded.program, file) {
        Some(state) => {
            let headline = format!("{} does not hold the statistic `{}`", path.display(), state.path);
            let plain = Plain::new(codes::WEIGHTS, headline).note("it is computed of the training rows by `nnc run`");
            Err(plain.help("take weights that this program has trained"))
        }
        None => Ok(()),
    }
}
