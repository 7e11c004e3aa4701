//! Constant folding: what depends on constants alone is computed while compiling, through the oracle, so it has the bits
//! that the step would compute.

use super::rebuild::{Fate, Visit, rebuild};
use crate::interp::{evaluate, prepare, uniform};
use crate::ir::array::Array;
use crate::ir::attrs::Const;
use crate::ir::graph::Graph;
use crate::ir::op::Meaning;
use crate::ir::types::DType;
use crate::ops::logic::scalar_type;
use crate::ops::source::{CONST, splat};
use crate::prog::Lane;

/// Most elements of operands and result together that are evaluated in full; scalar meanings need one element only.
const MOST_ELEMENTS: usize = 4096;

/// The graph in which every node on constants that gives the same number everywhere is a constant. Keeps every bit.
///
/// A node whose elements differ is left as it is: constants of a graph are splats.
pub fn fold(graph: &Graph) -> Graph {
    rebuild(graph, |visit| match folded(graph, &visit) {
        Some(c) => Fate::Value(visit.b.constant(c, visit.node.types[0].shape.clone())),
        None => Fate::Keep,
    })
}

/// The constant that every element of a node is.
fn folded(graph: &Graph, visit: &Visit<'_, '_>) -> Option<Const> {
    let node = visit.node;
    if std::ptr::eq(node.op, &CONST) || matches!(node.op.meaning, Meaning::Source) || node.types.len() != 1 {
        return None;
    }
    let constants: Vec<Const> = visit.args.iter().map(|v| v.as_const()).collect::<Option<_>>()?;
    let result = node.types[0].sizes()?;
    let prepared = prepare(graph, node);
    let lanes: Vec<Lane> = constants.iter().map(|c| lane(*c)).collect();
    if let Some(value) = uniform(&prepared, &lanes) {
        return Some(constant(value));
    }
    let shapes: Vec<Vec<usize>> = visit.args.iter().map(|v| v.ty().sizes()).collect::<Option<_>>()?;
    let elements: usize = shapes.iter().chain([&result]).map(|s| s.iter().product::<usize>()).sum();
    if elements > MOST_ELEMENTS {
        return None;
    }
    let operands: Vec<Array> = constants.iter().zip(&shapes).map(|(c, shape)| splat(*c, shape)).collect();
    let operands: Vec<&Array> = operands.iter().collect();
    everywhere(evaluate(node, &prepared, &operands).first()?)
}

fn lane(c: Const) -> Lane {
    Lane::from_bits(scalar_type(c.dtype()), c.bits())
}

fn constant(value: Lane) -> Const {
    match value {
        Lane::F32(x) => Const::Float(DType::F32, f64::from(x)),
        Lane::F64(x) => Const::Float(DType::F64, x),
        Lane::I32(n) => Const::Int(DType::I32, i64::from(n)),
        Lane::I64(n) => Const::Int(DType::I64, n),
        Lane::U8(n) => Const::Int(DType::U8, i64::from(n)),
        Lane::Bool(holds) => Const::Int(DType::Bool, i64::from(holds)),
    }
}

/// The constant that all elements are, to the bit; `None` when they differ or there is none.
fn everywhere(array: &Array) -> Option<Const> {
    macro_rules! first {
        ($($v:ident)*) => {
            match array {
                $(Array::$v(a) => {
                    let first = Lane::$v(*a.first()?);
                    a.iter().all(|x| Lane::$v(*x).same(first)).then(|| constant(first))
                })*
            }
        };
    }
    first!(F32 F64 I32 I64 U8 Bool)
}

#[cfg(test)]
mod tests {
    use super::{MOST_ELEMENTS, fold};
    use crate::ir::attrs::{Attrs, Const, Slot};
    use crate::ir::builder::{Builder, Val};
    use crate::ir::dim::Dim;
    use crate::ir::types::{DType, TensorType};
    use crate::ops::source::IOTA;
    use crate::ops::unary::{EXP, LOG};

    type Make = for<'b> fn(&'b Builder) -> Val<'b>;

    fn splat(b: &Builder, x: f64, n: usize) -> Val<'_> {
        b.constant(Const::Float(DType::F32, x), vec![Dim::from(n)])
    }

    /// The constant that the only output of a folded graph is.
    fn folded(make: Make) -> Option<Const> {
        let b = Builder::new();
        b.output("y", make(&b));
        let graph = fold(&b.finish());
        match graph.node(graph.outputs[0].value.node).attrs {
            Attrs::Const(c, _) => Some(c),
            _ => None,
        }
    }

    fn float(x: f64) -> Option<Const> {
        Some(Const::Float(DType::F32, x))
    }

    #[test]
    fn what_is_the_same_everywhere_is_computed() {
        assert_eq!(folded(|b| splat(b, 2.0, 3) + splat(b, 0.5, 3) * splat(b, 3.0, 3)), float(3.5));
        // Ten lanes joined as the order of sums says; one chain would give the float above 1.
        assert_eq!(folded(|b| splat(b, 0.1, 10).sum(&[0])), float(1.0));
        assert_eq!(folded(|b| -splat(b, 0.0, 1)), float(-0.0));
        assert_eq!(folded(|b| splat(b, -1.0, 2).unary(&LOG)), float(f64::NAN));
        assert_eq!(folded(|b| b.add(&IOTA, Attrs::Iota(Dim::from(1)), &[])), Some(Const::Int(DType::I32, 0)));
    }

    #[test]
    fn one_element_is_enough_for_a_scalar_meaning_of_any_size() {
        assert_eq!(folded(|b| splat(b, 0.0, 1 << 40).unary(&EXP)), float(1.0));
    }

    #[test]
    fn what_differs_is_large_or_is_read_stays() {
        assert_eq!(folded(|b| b.add(&IOTA, Attrs::Iota(Dim::from(2)), &[])), None);
        assert_eq!(folded(|b| splat(b, 1.0, 3).pad(0, 1, 0)), None);
        assert_eq!(folded(|b| splat(b, 1.0, MOST_ELEMENTS).sum(&[0])), None);
        assert_eq!(folded(|b| b.read(Slot::State(0), TensorType::scalar(DType::F32)) * 0.0), None);
    }
}
