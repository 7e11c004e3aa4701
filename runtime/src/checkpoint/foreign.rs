//! Tensors as another system keeps them: under other names, with axes in another order, one of ours as a sum of several of theirs,
//! several of ours as parts of one of theirs.
//!
//! Absent terms of a sum are written as -0, which added to any number gives that number, also to -0: what was written is read
//! again to the bit.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Tensor;
use crate::dtype::{DType, byte_count, element_as_f64};

/// How another system keeps a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Their tensors, whose sum it is. The first has all of its places, others may have the first ones only.
    pub parts: Vec<Part>,
    /// Its sizes here, axes taken apart where they are joined otherwise there.
    pub apart: Vec<usize>,
    /// Which of these follow one another there.
    pub order: Vec<usize>,
    /// Its sizes there: those of `apart` in that order, joined.
    pub shape: Vec<usize>,
}

/// What a tensor of another system has of one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The name in the module that owns it.
    pub name: String,
    /// The places along its first axis that are ours. Of a tensor without axes, the only one.
    pub places: Range<usize>,
    /// The sizes of all of it.
    pub shape: Vec<usize>,
}

/// The name of what a module owns, whose names are written `net.3.*`.
pub fn full_name(module: &str, name: &str) -> String {
    module.replacen('*', name, 1)
}

impl Layout {
    /// Of what is there as it is here.
    pub fn own(name: &str, shape: Vec<usize>) -> Layout {
        let (apart, order) = (shape.clone(), (0..shape.len()).collect());
        let mut layout = Layout { parts: vec![], apart, order, shape };
        layout.parts = vec![Part { name: name.to_owned(), places: 0..layout.rows(), shape: layout.shape.clone() }];
        layout
    }

    /// The places along its first axis there.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The values of a tensor of ours, floats of a type, as the sum of theirs; none where `find` lacks one of `parts` with its
    /// shape.
    pub fn load<'t>(&self, dtype: DType, find: &dyn Fn(&str) -> Option<&'t Tensor>) -> Option<Vec<u8>> {
        let mut ours = nothing(dtype, &self.apart)?;
        for part in &self.parts {
            let theirs = find(&part.name).filter(|tensor| tensor.shape == part.shape)?;
            for (there, here) in self.elements(part) {
                let sum = element_as_f64(dtype, &ours, here) + element_as_f64(theirs.dtype, &theirs.data, there);
                put(dtype, &mut ours, here, sum);
            }
        }
        Some(ours)
    }

    /// Adds the values of a tensor of ours, floats of a type, to their tensors by name: all to the first of the sum, nothing to
    /// the others. None where a tensor has more bytes than can be counted.
    pub fn store(&self, module: &str, dtype: DType, ours: &[u8], tensors: &mut BTreeMap<String, Tensor>) -> Option<()> {
        for (number, part) in self.parts.iter().enumerate() {
            let name = full_name(module, &part.name);
            let data = nothing(dtype, &part.shape)?;
            let new = Tensor { name: name.clone(), dtype, shape: part.shape.clone(), data };
            let theirs = tensors.entry(name).or_insert(new);
            for (there, here) in self.elements(part).filter(|_| number == 0) {
                put(dtype, &mut theirs.data, there, element_as_f64(dtype, ours, here));
            }
        }
        Some(())
    }

    /// The elements of a part, numbered in their tensor, with those of ours that they belong to.
    fn elements(&self, part: &Part) -> impl Iterator<Item = (usize, usize)> {
        let mut strides = vec![1; self.apart.len()];
        for axis in (1..strides.len()).rev() {
            strides[axis - 1] = strides[axis] * self.apart[axis];
        }
        // `order` names the axes of `apart`.
        let axes: Vec<(usize, usize)> = self.order.iter().map(|&axis| (self.apart[axis], strides[axis])).collect();
        let row: usize = self.shape.iter().skip(1).product();
        let first = part.places.start * row;
        let mut at = vec![0; axes.len()];
        let mut here = 0;
        (0..part.places.len() * row).map(move |number| {
            let element = (first + number, here);
            for (place, (size, stride)) in at.iter_mut().zip(&axes).rev() {
                (*place, here) = (*place + 1, here + stride);
                if *place < *size {
                    break;
                }
                (*place, here) = (0, here - size * stride);
            }
            element
        })
    }
}

/// As many elements as a shape has, all of them -0.
fn nothing(dtype: DType, shape: &[usize]) -> Option<Vec<u8>> {
    let mut data = vec![0; byte_count(dtype, shape)?];
    for number in 0..data.len() / dtype.size() {
        put(dtype, &mut data, number, -0.0);
    }
    Some(data)
}

/// Writes a float, rounded to a type of floats.
fn put(dtype: DType, data: &mut [u8], number: usize, value: f64) {
    let at = number * dtype.size();
    match dtype {
        DType::F32 => data[at..at + 4].copy_from_slice(&(value as f32).to_le_bytes()),
        _ => data[at..at + 8].copy_from_slice(&value.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, dtype: DType, shape: &[usize], values: &[f64]) -> Tensor {
        let mut tensor = Tensor { name: name.into(), dtype, shape: shape.to_vec(), data: vec![] };
        tensor.data = vec![0; values.len() * dtype.size()];
        values.iter().enumerate().for_each(|(i, value)| put(dtype, &mut tensor.data, i, *value));
        tensor
    }

    fn values(dtype: DType, data: &[u8]) -> Vec<f64> {
        (0..data.len() / dtype.size()).map(|i| element_as_f64(dtype, data, i)).collect()
    }

    fn transposed(name: &str, rows: usize, columns: usize) -> Layout {
        let shape = vec![columns, rows];
        let part = Part { name: name.into(), places: 0..columns, shape: shape.clone() };
        Layout { parts: vec![part], apart: vec![rows, columns], order: vec![1, 0], shape }
    }

    #[test]
    fn axes_change_places() {
        let theirs = tensor("weight", DType::F64, &[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let ours = transposed("weight", 2, 3).load(DType::F32, &|_| Some(&theirs)).unwrap();
        assert_eq!(values(DType::F32, &ours), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        let mut written = BTreeMap::new();
        transposed("weight", 2, 3).store("net.0.*", DType::F32, &ours, &mut written).unwrap();
        let back = &written["net.0.weight"];
        assert_eq!(
            (values(DType::F32, &back.data), back.shape.as_slice()),
            (vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2][..])
        );
        assert_eq!(transposed("weight", 3, 2).load(DType::F32, &|_| Some(&theirs)), None, "another shape");
    }

    #[test]
    fn axes_are_taken_apart_and_joined() {
        // [i = 2, (g o) = (2 1)] is [(g i), o] there.
        let part = Part { name: "weight".into(), places: 0..4, shape: vec![4, 1] };
        let layout = Layout { parts: vec![part], apart: vec![2, 2, 1], order: vec![1, 0, 2], shape: vec![4, 1] };
        let theirs = tensor("weight", DType::F32, &[4, 1], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(values(DType::F32, &layout.load(DType::F32, &|_| Some(&theirs)).unwrap()), [1.0, 3.0, 2.0, 4.0]);
    }

    #[test]
    fn sums_and_shared_tensors_come_back_to_the_bit() {
        let part = |name: &str, places: Range<usize>, rows| Part { name: name.into(), places, shape: vec![rows] };
        let mut b = Layout::own("b", vec![3]);
        b.parts = vec![part("ih", 0..3, 3), part("hh", 0..2, 3)];
        let mut c = Layout::own("c", vec![1]);
        c.parts = vec![part("hh", 2..3, 3)];
        let file =
            [tensor("ih", DType::F64, &[3], &[1.0, 2.0, 3.0]), tensor("hh", DType::F64, &[3], &[0.5, 0.25, 8.0])];
        let find = |name: &str| file.iter().find(|tensor| tensor.name == name);
        assert_eq!(values(DType::F64, &b.load(DType::F64, &find).unwrap()), [1.5, 2.25, 3.0]);
        assert_eq!(values(DType::F64, &c.load(DType::F64, &find).unwrap()), [8.0]);
        let ours = [tensor("b", DType::F32, &[3], &[-0.0, 0.0, 7.0]), tensor("c", DType::F32, &[1], &[-5.0])];
        let mut written = BTreeMap::new();
        b.store("*", DType::F32, &ours[0].data, &mut written).unwrap();
        c.store("*", DType::F32, &ours[1].data, &mut written).unwrap();
        assert_eq!(values(DType::F32, &written["hh"].data), [0.0, 0.0, -5.0]);
        let find = |name: &str| written.get(name);
        assert_eq!(b.load(DType::F32, &find).as_ref(), Some(&ours[0].data));
        assert_eq!(c.load(DType::F32, &find).as_ref(), Some(&ours[1].data));
    }

    #[test]
    fn tensors_without_axes_have_one_place() {
        let layout = Layout::own("scale", vec![]);
        let theirs = tensor("scale", DType::F64, &[], &[0.1]);
        assert_eq!(values(DType::F32, &layout.load(DType::F32, &|_| Some(&theirs)).unwrap()), [f64::from(0.1f32)]);
    }
}
