//! How far the tensors of two files are from each other.

use std::collections::BTreeSet;

use super::{Checkpoint, Tensor};
use crate::dtype::{DType, element_as_f64, element_count};

/// One name that occurs in at least one of two files, and how its tensors compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The name of the tensor.
    pub name: String,
    /// How they compare.
    pub verdict: Verdict,
}

/// How the tensors of one name compare.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Only the first file has it.
    OnlyFirst,
    /// Only the second file has it.
    OnlySecond,
    /// The shapes differ.
    Shape(Vec<usize>, Vec<usize>),
    /// The element types differ.
    DType(DType, DType),
    /// Shape and type agree.
    Values {
        /// Elements whose bits differ, two NaNs counting as equal.
        differing: usize,
        /// The largest |a − b|; infinite where just one is NaN or they are unequal infinities.
        largest_difference: f64,
        /// The largest finite |b|.
        largest_value: f64,
    },
}

impl Difference {
    /// Whether both files have the tensor and every element has the same bits, two NaNs counting as equal.
    pub fn is_equal(&self) -> bool {
        matches!(self.verdict, Verdict::Values { differing: 0, .. })
    }

    /// Whether the largest difference is at most `rtol` times the largest value of the second file's tensor, or at most `atol`.
    /// Never for tensors that cannot be compared.
    pub fn within(&self, rtol: f64, atol: f64) -> bool {
        match self.verdict {
            Verdict::Values { largest_difference, largest_value, .. } => {
                largest_difference <= atol.max(rtol * largest_value)
            }
            _ => false,
        }
    }

    /// The largest difference over the largest value of the second file, 0 for equal tensors; infinite for tensors that
    /// cannot be compared.
    pub fn relative(&self) -> f64 {
        self.relative_to(0.0)
    }

    /// The largest difference over the largest value of the second file or over `least`, whichever is larger: a tensor of
    /// mere cancellation noise has no digits of its own. 0 for equal tensors; infinite for tensors that cannot be compared.
    pub fn relative_to(&self, least: f64) -> f64 {
        match self.verdict {
            Verdict::Values { largest_difference: 0.0, .. } => 0.0,
            Verdict::Values { largest_difference, largest_value, .. } => largest_difference / largest_value.max(least),
            _ => f64::INFINITY,
        }
    }
}

/// Compares the tensors of `a` and `b` by name: one entry for every name of either, in sorted order.
pub fn compare(a: &Checkpoint, b: &Checkpoint) -> Vec<Difference> {
    let names: BTreeSet<&str> = a.tensors.iter().chain(&b.tensors).map(|tensor| tensor.name.as_str()).collect();
    let verdict = |name: &str| match (a.tensor(name), b.tensor(name)) {
        (Some(a), Some(b)) => compare_tensors(a, b),
        (Some(_), None) => Verdict::OnlyFirst,
        (None, _) => Verdict::OnlySecond,
    };
    names.into_iter().map(|name| Difference { name: name.to_owned(), verdict: verdict(name) }).collect()
}

fn compare_tensors(a: &Tensor, b: &Tensor) -> Verdict {
    if a.shape != b.shape {
        return Verdict::Shape(a.shape.clone(), b.shape.clone());
    }
    if a.dtype != b.dtype {
        return Verdict::DType(a.dtype, b.dtype);
    }
    let size = a.dtype.size();
    // Both may have been made by hand; elements that are not there are not compared.
    let count = element_count(&a.shape).unwrap_or(0).min(a.data.len() / size).min(b.data.len() / size);
    let (mut differing, mut largest_difference, mut largest_value) = (0, 0f64, 0f64);
    for index in 0..count {
        let (x, y) = (element_as_f64(a.dtype, &a.data, index), element_as_f64(b.dtype, &b.data, index));
        if y.is_finite() {
            largest_value = largest_value.max(y.abs());
        }
        let bytes = index * size..(index + 1) * size;
        if a.data[bytes.clone()] == b.data[bytes.clone()] || (x.is_nan() && y.is_nan()) {
            continue;
        }
        differing += 1;
        let difference = match a.dtype {
            // Exact where doubles would round both to the same value.
            DType::I64 => integer(&a.data[bytes.clone()]).abs_diff(integer(&b.data[bytes])) as f64,
            _ => (x - y).abs(),
        };
        largest_difference = largest_difference.max(if difference.is_nan() { f64::INFINITY } else { difference });
    }
    Verdict::Values { differing, largest_difference, largest_value }
}

fn integer(bytes: &[u8]) -> i64 {
    bytes.first_chunk().map_or(0, |&bytes| i64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: &[(&str, Vec<f64>)]) -> Checkpoint {
        let tensor = |(name, values): &(&str, Vec<f64>)| Tensor {
            name: (*name).into(),
            dtype: DType::F64,
            shape: vec![values.len()],
            data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        Checkpoint { tensors: tensors.iter().map(tensor).collect(), ..Checkpoint::default() }
    }

    fn verdict(a: Vec<f64>, b: Vec<f64>) -> Difference {
        compare(&file(&[("x", a)]), &file(&[("x", b)])).remove(0)
    }

    #[test]
    fn values_are_compared_by_their_largest() {
        let far = verdict(vec![1.0, -2.0, 3.0], vec![1.0, -2.5, 4.0]);
        assert_eq!(far.verdict, Verdict::Values { differing: 2, largest_difference: 1.0, largest_value: 4.0 });
        assert_eq!(far.relative(), 0.25);
        assert!(!far.is_equal());
    }

    #[test]
    fn tolerances_are_of_the_largest_value_or_absolute() {
        let far = verdict(vec![1.0, -2.0, 3.0], vec![1.0, -2.5, 4.0]);
        assert!(far.within(0.25, 0.0) && far.within(0.0, 1.0) && !far.within(0.2, 0.9));
        assert_eq!((far.relative_to(2.0), far.relative_to(8.0)), (0.25, 0.125));
        assert!(!verdict(vec![f64::NAN], vec![1.0]).within(1.0, 1e300));
        assert!(!compare(&file(&[("x", vec![1.0])]), &file(&[]))[0].within(1.0, 1.0));
    }

    #[test]
    fn nan_equals_nan_and_nothing_else() {
        let quiet = f64::from_bits(0x7ff8_0000_0000_0001);
        assert!(verdict(vec![f64::NAN, f64::INFINITY], vec![quiet, f64::INFINITY]).is_equal());
        assert_eq!(verdict(vec![f64::NAN], vec![1.0]).relative(), f64::INFINITY);
        assert_eq!(verdict(vec![f64::INFINITY], vec![f64::NEG_INFINITY]).relative(), f64::INFINITY);
    }

    #[test]
    fn zeros_of_different_sign_differ_in_bits_only() {
        let zeros = verdict(vec![0.0], vec![-0.0]);
        assert!(!zeros.is_equal());
        assert_eq!(zeros.relative(), 0.0);
    }

    #[test]
    fn large_integers_are_compared_exactly() {
        let of = |value: i64| Checkpoint {
            tensors: vec![Tensor {
                name: "n".into(),
                dtype: DType::I64,
                shape: vec![],
                data: value.to_le_bytes().to_vec(),
            }],
            ..Checkpoint::default()
        };
        let verdict = compare(&of(i64::MAX), &of(i64::MAX - 1)).remove(0).verdict;
        assert!(matches!(verdict, Verdict::Values { largest_difference: 1.0, .. }), "{verdict:?}");
    }

    #[test]
    fn names_shapes_and_types_are_compared_first() {
        let a = file(&[("a", vec![1.0]), ("b", vec![1.0])]);
        let mut b = file(&[("b", vec![1.0, 2.0]), ("c", vec![1.0])]);
        let verdicts: Vec<Verdict> = compare(&a, &b).into_iter().map(|difference| difference.verdict).collect();
        assert_eq!(verdicts, [Verdict::OnlyFirst, Verdict::Shape(vec![1], vec![2]), Verdict::OnlySecond]);
        b.tensors[0] = Tensor { name: "b".into(), dtype: DType::U8, shape: vec![1], data: vec![1] };
        assert_eq!(compare(&a, &b)[1].verdict, Verdict::DType(DType::F64, DType::U8));
    }
}
