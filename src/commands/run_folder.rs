//! The folder of a run, from the shell's side: refusing one that is there, going on in one, and where Ctrl-C saves.

use std::fs;
use std::path::{Path, PathBuf};

use nnc_grammar::codes;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::train::{CURVE, Folder, INIT, LAST, Progress, StateSpec};

use super::run::{Arguments, Running};
use super::run_source::resolved;
use crate::report::Plain;
use crate::show::{Interrupted, counted};

/// The folder that was asked for, once it is open.
pub(super) struct Out {
    /// Open from [`Out::open`] on.
    pub(super) folder: Option<Folder>,
    /// The learning curve beside the state that the run goes on from.
    curve: Option<String>,
}

impl Out {
    /// Checks the choice, before anything takes time.
    pub(super) fn new(arguments: &Arguments) -> Result<Out, Plain> {
        if let Some(path) = arguments.out.as_ref().filter(|path| !arguments.force && path.exists()) {
            let headline = format!("{} is there already", path.display());
            return Err(Plain::new(codes::FILE, headline).help("name another folder, or use it with `--force`"));
        }
        let curve = arguments.init.as_ref().and_then(|init| fs::read_to_string(init.with_file_name(CURVE)).ok());
        Ok(Out { folder: None, curve })
    }

    /// Makes the folder and writes the program into it; `epoch` epochs are completed.
    pub(super) fn open(&mut self, run: &Running<'_>, epoch: u64) -> Result<(), Plain> {
        let Some(path) = &run.arguments.out else { return Ok(()) };
        self.folder = Some(self.prepare(run, path, epoch)?);
        Ok(())
    }

    fn prepare(&self, run: &Running<'_>, path: &Path, epoch: u64) -> Result<Folder, Plain> {
        let mut folder = Folder::create(path)?;
        let init = run.arguments.init.as_deref();
        let own = init.filter(|init| folder.holds(init));
        if let Some(init) = own {
            folder.keep_init(init)?;
        }
        // A run that goes on in its own folder must not lose its state before it has written a new one.
        if !init.is_some_and(|init| same_file(init, &path.join(LAST))) {
            folder.clear(own.map(|_| INIT))?;
        }
        if let Some(curve) = self.curve.as_ref().filter(|_| epoch > 0) {
            folder.continue_curve(curve, epoch);
        }
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let named = own.map(|_| PathBuf::from(INIT)).or_else(|| init.map(absolute));
        folder.write_sources(&resolved(run, named.as_deref())?)?;
        Ok(folder)
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Saves what an interrupted run without a folder would lose, and says how to go on.
pub(super) fn interrupted(
    run: &Running<'_>,
    out: Out,
    rows: usize,
    progress: &Progress,
    (specs, states): (&[StateSpec], &[Buffer]),
    kept: Option<&[Buffer]>,
) -> Result<Interrupted, Plain> {
    let folder = match &out.folder {
        Some(folder) => folder.path().to_owned(),
        None => {
            // Nothing is lost where the current folder may not be written.
            let path = free_folder(Path::new(""), &run.loaded.name);
            let elsewhere = free_folder(&std::env::temp_dir(), &run.loaded.name);
            let here = out.prepare(run, &path, progress.epoch).map(|folder| (path, folder));
            let (path, folder) = here.or_else(|lost| {
                let there = out.prepare(run, &elsewhere, progress.epoch);
                there.map(|folder| (elsewhere, folder)).map_err(|_| lost)
            })?;
            folder.write_last(run.plan, rows, progress, specs, states)?;
            if let Some(kept) = kept {
                folder.write_best(run.plan, specs, kept)?;
            }
            path
        }
    };
    let event = Interrupted {
        step: progress.step,
        epochs: progress.epoch,
        state: folder.join(LAST).display().to_string(),
        command: go_on(run.arguments, &folder),
    };
    run.console.remark(&format!(
        "interrupted after {}, {} completed; all state is in {}\ngo on with: {}",
        counted(event.step, "step"),
        counted(event.epochs, "epoch"),
        event.state,
        event.command
    ));
    Ok(event)
}

/// The first of `mnist-interrupted`, `mnist-interrupted-2`, … in a folder that is not there.
fn free_folder(folder: &Path, program: &str) -> PathBuf {
    let stem = Path::new(program).file_stem().map_or("run".into(), |stem| stem.to_string_lossy().into_owned());
    let named =
        |n: u32| folder.join(if n == 1 { format!("{stem}-interrupted") } else { format!("{stem}-interrupted-{n}") });
    (1..).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(1))
}

/// The command that goes on with a run whose state is in `folder`. Seed and order come with the state.
fn go_on(arguments: &Arguments, folder: &Path) -> String {
    let mut words = vec!["nnc run".to_owned(), quoted(&arguments.program.file.display().to_string())];
    for (name, value) in &arguments.program.set {
        words.push(format!("--set {}", quoted(&format!("{name}={value}"))));
    }
    let numbers = [("epochs", arguments.epochs), ("steps", arguments.steps), ("batch", arguments.batch)];
    words.extend(numbers.iter().filter_map(|(name, number)| Some(format!("--{name} {}", (*number)?))));
    words.extend(arguments.machine.threads.map(|threads| format!("--threads {threads}")));
    words.extend(arguments.machine.threads_always.then(|| "--threads-always".to_owned()));
    words.extend(arguments.json.then(|| "--json".to_owned()));
    let (init, out) = (folder.join(LAST).display().to_string(), folder.display().to_string());
    words.push(format!("--init {} --out {} --force", quoted(&init), quoted(&out)));
    words.join(" ")
}

/// A word for the shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(
            ["a/b.nn", "a b", "it's", "", "lr=0.1"].map(quoted),
            ["a/b.nn", "'a b'", r"'it'\''s'", "''", "lr=0.1"]
        );
    }
}
