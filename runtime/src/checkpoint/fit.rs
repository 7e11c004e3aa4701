//! Whether the tensors of a file are those that a program wants, and what was probably meant where they are not.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::TensorInfo;
use crate::dtype::DType;
use crate::text::nearest;

/// A tensor that a program wants and a file does not offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The name that is wanted.
    pub name: String,
    /// The type that is wanted.
    pub dtype: DType,
    /// The shape that is wanted.
    pub shape: Vec<usize>,
    /// Why the file does not offer it.
    pub reason: Reason,
    /// The tensor of the file that was probably meant.
    pub guess: Option<String>,
}

/// Why a file does not offer a tensor. Where type and shape both differ, the shape is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It has none of that name.
    Absent,
    /// It has one of this other shape.
    Shape(Vec<usize>),
    /// It has one of this other type.
    DType(DType),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mismatch { name, dtype, shape, reason, guess } = self;
        let name = name.escape_debug();
        match reason {
            Reason::Absent => write!(f, "`{name}` ({dtype} {shape:?}) is not in the file")?,
            Reason::Shape(found) => write!(f, "`{name}` has shape {shape:?}, in the file {found:?}")?,
            Reason::DType(found) => write!(f, "`{name}` is {dtype}, in the file {found}")?,
        }
        guess.as_ref().map_or(Ok(()), |guess| write!(f, "; `{}` would fit", guess.escape_debug()))
    }
}

/// Lists the wanted tensors that `file` does not offer under their name with their type and shape, in the order of
/// `wanted`.
///
/// A guess is a tensor of the right type and shape that nobody wants by its own name: the one of the nearest name, else
/// the only one, else the first (in the file's order) whose last path step agrees. No tensor is guessed twice.
pub fn fit(file: &[TensorInfo], wanted: &[(String, DType, Vec<usize>)]) -> Vec<Mismatch> {
    let by_name: BTreeMap<&str, &TensorInfo> = file.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let names: HashSet<&str> = wanted.iter().map(|(name, ..)| name.as_str()).collect();
    let mut free: Vec<&TensorInfo> = file.iter().filter(|tensor| !names.contains(tensor.name.as_str())).collect();
    let mut mismatches = Vec::new();
    for (name, dtype, shape) in wanted {
        let reason = match by_name.get(name.as_str()) {
            None => Reason::Absent,
            Some(tensor) if tensor.shape != *shape => Reason::Shape(tensor.shape.clone()),
            Some(tensor) if tensor.dtype != *dtype => Reason::DType(tensor.dtype),
            Some(_) => continue,
        };
        let guess = guess(&free, name, *dtype, shape);
        free.retain(|tensor| Some(&tensor.name) != guess.as_ref());
        mismatches.push(Mismatch { name: name.clone(), dtype: *dtype, shape: shape.clone(), reason, guess });
    }
    mismatches
}

fn guess(free: &[&TensorInfo], name: &str, dtype: DType, shape: &[usize]) -> Option<String> {
    let fitting =
        || free.iter().filter(|tensor| tensor.dtype == dtype && tensor.shape == shape).map(|t| t.name.as_str());
    let last_step = |name: &str| name.rsplit(['.', '#']).next().map(str::to_owned);
    let only = || {
        let mut all = fitting();
        all.next().filter(|_| all.next().is_none())
    };
    let guess = nearest(name, fitting())
        .or_else(only)
        .or_else(|| fitting().find(|other| last_step(other) == last_step(name)))?;
    Some(guess.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, dtype: DType, shape: &[usize]) -> TensorInfo {
        TensorInfo { name: name.into(), dtype, shape: shape.to_vec() }
    }

    fn want(name: &str, shape: &[usize]) -> (String, DType, Vec<usize>) {
        (name.into(), DType::F32, shape.to_vec())
    }

    #[test]
    fn a_file_that_fits_has_no_mismatch_and_may_hold_more() {
        let file = [info("a.w", DType::F32, &[2, 3]), info("spare", DType::I64, &[])];
        assert_eq!(fit(&file, &[want("a.w", &[2, 3])]), []);
    }

    #[test]
    fn renamed_tensors_are_guessed_once_each() {
        let file = [
            info("Net.dense.w", DType::F32, &[4, 4]),
            info("Net.dense_2.w", DType::F32, &[4, 4]),
            info("Net.dense.b", DType::F32, &[4]),
        ];
        let wanted = [want("Mlp.dense.w", &[4, 4]), want("Mlp.dense_2.w", &[4, 4]), want("Mlp.dense.b", &[4])];
        let guesses: Vec<_> = fit(&file, &wanted).into_iter().map(|mismatch| mismatch.guess.unwrap()).collect();
        assert_eq!(guesses, ["Net.dense.w", "Net.dense_2.w", "Net.dense.b"]);
    }

    #[test]
    fn the_only_tensor_of_the_shape_is_guessed_whatever_its_name() {
        let file = [info("fc1.weight", DType::F32, &[7, 5]), info("fc1.bias", DType::F32, &[5])];
        let mismatches = fit(&file, &[want("Mlp.dense.w", &[7, 5]), want("Mlp.dense.b", &[9])]);
        assert_eq!(mismatches[0].guess.as_deref(), Some("fc1.weight"));
        assert_eq!(mismatches[1].guess, None);
        assert_eq!(mismatches[1].to_string(), "`Mlp.dense.b` (f32 [9]) is not in the file");
    }

    #[test]
    fn other_shapes_and_types_are_told() {
        let file = [info("a", DType::F32, &[3, 2]), info("b", DType::F64, &[2]), info("c", DType::F32, &[2, 3])];
        let mismatches = fit(&file, &[want("a", &[2, 3]), want("b", &[2])]);
        assert_eq!(mismatches[0].to_string(), "`a` has shape [2, 3], in the file [3, 2]; `c` would fit");
        assert_eq!(mismatches[1].to_string(), "`b` is f32, in the file f64");
    }
}
