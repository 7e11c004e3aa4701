//! Weights in the names and shapes of PyTorch: what a file of such weights gives, and what is written for it.

use std::collections::{BTreeMap, BTreeSet};

use nnc_compiler::program::{Kept, Program};
use nnc_grammar::codes;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::checkpoint::{Checkpoint, Mismatch, Tensor, TensorInfo, fit, full_name};
use nnc_runtime::dtype::DType;
use nnc_runtime::train::{AVERAGE, StateSpec};

use crate::report::Plain;

/// The states to be read, by number, with the names of the modules that own them in the file.
pub(crate) type Wanted<'a> = (usize, &'a str);

/// The tensors that a file of floats lacks, or has in other shapes. Of what type its floats are does not matter.
pub(crate) fn mismatches(program: &Program, file: &Checkpoint, wanted: &[Wanted<'_>]) -> Vec<Mismatch> {
    let alike = |dtype: DType| if dtype.is_float() { program.precision } else { dtype };
    let info = |tensor: &Tensor| TensorInfo { dtype: alike(tensor.dtype), ..tensor.info() };
    let info: Vec<TensorInfo> = file.tensors.iter().map(info).collect();
    let mut seen = BTreeSet::new();
    let mut list = vec![];
    for (kept, module) in wanted.iter().filter_map(|(number, module)| Some((of(program, *number)?, module))) {
        for part in &kept.layout.parts {
            let name = full_name(module, &part.name);
            // Several states may share a tensor.
            if seen.insert(name.clone()) {
                list.push((name, program.precision, part.shape.clone()));
            }
        }
    }
    fit(&info, &list)
}

/// Whether a file has something of a state.
pub(crate) fn holds(program: &Program, file: &Checkpoint, (number, module): Wanted<'_>) -> bool {
    let parts = of(program, number).map_or(&[][..], |kept| &kept.layout.parts);
    parts.iter().any(|part| file.tensor(&full_name(module, &part.name)).is_some())
}

/// Gives a state the value that a file without mismatches has.
pub(crate) fn load(program: &Program, file: &Checkpoint, (number, module): Wanted<'_>, state: &mut Buffer) {
    let find = |name: &str| file.tensor(&full_name(module, name));
    if let Some(values) = of(program, number).and_then(|kept| kept.layout.load(program.precision, &find)) {
        // As many elements as the state has: both have its sizes.
        state.as_mut_slice().copy_from_slice(&values);
    }
}

/// All parameters and statistics under PyTorch's names and in its shapes; parameters as their averages are, where there are some.
pub(crate) fn tensors(program: &Program, specs: &[StateSpec], states: &[Buffer]) -> Result<Vec<Tensor>, Plain> {
    let mut tensors = BTreeMap::new();
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for (&number, Kept { module, layout }) in &program.torch {
        let number = number as usize;
        let path = specs[number].path.as_str();
        let owner = path.rsplit_once('.').map_or("", |(owner, _)| owner);
        for name in layout.parts.iter().map(|part| full_name(module, &part.name)) {
            // Parameters of one layer may share a tensor.
            let first = *owners.entry(name.clone()).or_insert(owner);
            if first != owner {
                let plain = Plain::new(codes::WEIGHTS, format!("`{first}` and `{owner}` both have a tensor `{name}`"));
                return Err(plain.help("`init … as torch(\"net.3\")` tells what a part is called"));
            }
        }
        let average = format!("{path}{AVERAGE}");
        let value = specs.iter().position(|spec| spec.path == average).unwrap_or(number);
        let stored = layout.store(module, program.precision, states[value].as_slice(), &mut tensors);
        stored.ok_or_else(|| Plain::new(codes::TOO_LARGE, format!("`{path}` has too many elements")))?;
    }
    Ok(tensors.into_values().collect())
}

fn of(program: &Program, number: usize) -> Option<&Kept> {
    program.torch.get(&u32::try_from(number).ok()?)
}
