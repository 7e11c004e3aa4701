//! From a file back to states: weights to start from, or all state to go on from.

use std::collections::HashSet;

use super::plan::{AVERAGE, Role, StateSpec};
use super::progress::{Key, Progress};
use crate::buffer::Buffer;
use crate::checkpoint::{Checkpoint, Mismatch, fit};

/// What a file gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// Where the run goes on, and the key that it must share; absent when the file holds weights alone.
    pub progress: Option<(Progress, Key)>,
    /// Tensors of the file that the program does not have.
    pub ignored: Vec<String>,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// These tensors do not fit.
    Tensors(Vec<Mismatch>),
    /// An entry of the metadata cannot be read.
    Metadata(String),
}

/// Copies the tensors of `checkpoint` into `states`, which hold initial values.
///
/// Every parameter must be there. Of a training state (a file with progress) every slot and statistic must be there, too;
/// a file of weights may leave statistics out, and averages, which then begin as their parameters do. Nothing is copied when something does not fit.
///
pub fn restore(checkpoint: &Checkpoint, specs: &[StateSpec], states: &mut [Buffer]) -> Result<Restored, Refusal> {
    let progress = Progress::from_metadata(&checkpoint.metadata).map_err(Refusal::Metadata)?;
    let wanted = |spec: &StateSpec| match spec.role {
        Role::Parameter => true,
        Role::Slot => progress.is_some(),
        Role::Average => progress.is_some() || checkpoint.tensor(&spec.path).is_some(),
        Role::Statistic | Role::Fitted => progress.is_some() || checkpoint.tensor(&spec.path).is_some(),
        Role::Metric => false,
    };
    let list: Vec<_> = specs.iter().filter(|s| wanted(s)).map(|s| (s.path.clone(), s.dtype, s.shape.clone())).collect();
    let file: Vec<_> = checkpoint.tensors.iter().map(|tensor| tensor.info()).collect();
    let mismatches = fit(&file, &list);
    if !mismatches.is_empty() {
        return Err(Refusal::Tensors(mismatches));
    }
    for (spec, state) in specs.iter().zip(&mut *states) {
        if let Some(tensor) = checkpoint.tensor(&spec.path).filter(|_| wanted(spec)) {
            // `fit` has compared type and shape, and a state holds exactly its elements.
            state.as_mut_slice().copy_from_slice(&tensor.data);
        }
    }
    begin_averages(specs, states, &|average| checkpoint.tensor(average).is_none());
    let known: HashSet<&str> = specs.iter().map(|spec| spec.path.as_str()).collect();
    let ignored = file.into_iter().map(|tensor| tensor.name).filter(|name| !known.contains(name.as_str())).collect();
    Ok(Restored { progress, ignored })
}

/// Lets averages begin as their parameters are, where `fresh` says so of the average's path.
pub fn begin_averages(specs: &[StateSpec], states: &mut [Buffer], fresh: &dyn Fn(&str) -> bool) {
    for (number, spec) in specs.iter().enumerate().filter(|(_, s)| s.role == Role::Average && fresh(&s.path)) {
        let parameter = spec.path.strip_suffix(AVERAGE);
        let parameter = specs.iter().position(|s| s.role == Role::Parameter && Some(s.path.as_str()) == parameter);
        if let Some(parameter) = parameter {
            states[number] = states[parameter].clone();
        }
    }
}
