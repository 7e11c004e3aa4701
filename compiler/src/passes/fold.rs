//! Constant folding: what depends on constants alone is computed while compiling, through the oracle, so it has the bits
//! that the step would compute.

use super::rebuild::{Fate, Visit, rebuild};
use crate::interp::{evaluate, prepare, uniform};
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Const, Table};
use crate::ir::builder::Val;
use crate::ir::graph::Graph;
use crate::ir::op::Meaning;
use crate::ir::types::DType;
use crate::ops::logic::scalar_type;
use crate::ops::source::{CONST, TABLE, splat};
use crate::prog::Lane;
use std::sync::Arc;

/// Most elements of operands and result together that are evaluated in full; scalar meanings need one element only.
const MOST_ELEMENTS: usize = 4096;

/// What a node on constants comes to.
enum Folded {
    /// The same in every element.
    Splat(Const),
    /// Elements that differ, no more of them than the tables have that they are made of.
    Table(Table),
}

/// The graph in which what depends on constants alone is a constant. Keeps every bit.
///
/// A node on splats whose elements differ is left as it is: it takes no memory then.
pub fn fold(graph: &Graph) -> Graph {
    rebuild(graph, |visit| match folded(graph, &visit) {
        Some(Folded::Splat(c)) => Fate::Value(visit.b.constant(c, visit.node.types[0].shape.clone())),
        Some(Folded::Table(table)) => Fate::Value(visit.b.add(&TABLE, Attrs::Table(Arc::new(table)), &[])),
        None => Fate::Keep,
    })
}

/// The constant that a node is.
fn folded(graph: &Graph, visit: &Visit<'_, '_>) -> Option<Folded> {
    let node = visit.node;
    if std::ptr::eq(node.op, &CONST) || matches!(node.op.meaning, Meaning::Source) || node.types.len() != 1 {
        return None;
    }
    if !visit.args.iter().all(|v| v.as_const().is_some() || v.as_table().is_some()) {
        return None;
    }
    let prepared = prepare(graph, node);
    if let Some(splats) = visit.args.iter().map(|v| v.as_const()).collect::<Option<Vec<Const>>>() {
        let lanes: Vec<Lane> = splats.into_iter().map(lane).collect();
        if let Some(value) = uniform(&prepared, &lanes) {
            return Some(Folded::Splat(constant(value)));
        }
    }
    let result: usize = node.types[0].sizes()?.iter().product();
    let operands: Vec<(Array, bool)> = visit.args.iter().map(|v| held(*v)).collect::<Option<_>>()?;
    let elements = |tables: bool| {
        operands.iter().filter(|o| o.1 || !tables).map(|o| o.0.shape().iter().product::<usize>()).sum::<usize>()
    };
    if elements(false) + result > MOST_ELEMENTS {
        return None;
    }
    let made = evaluate(node, &prepared, &operands.iter().map(|o| &o.0).collect::<Vec<_>>()).into_iter().next()?;
    match everywhere(&made) {
        Some(c) => Some(Folded::Splat(c)),
        None if result <= elements(true) => Some(Folded::Table(Table::of(&made))),
        None => None,
    }
}

/// A constant operand that is small, and whether it is a table.
fn held(v: Val<'_>) -> Option<(Array, bool)> {
    let shape = v.ty().sizes()?;
    if shape.iter().try_fold(1usize, |all, n| all.checked_mul(*n)).is_none_or(|n| n > MOST_ELEMENTS) {
        return None;
    }
    match v.as_const() {
        Some(c) => Some((splat(c, &shape), false)),
        None => Some((v.as_table()?.array(), true)),
    }
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
    use crate::ir::array::Array;
    use crate::ir::attrs::{Attrs, Const, Slot, Table};
    use crate::ir::builder::{Builder, Val};
    use crate::ir::dim::Dim;
    use crate::ir::types::{DType, TensorType};
    use crate::ops::source::{IOTA, TABLE};
    use crate::ops::unary::{EXP, LOG};
    use std::sync::Arc;

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

    fn table(b: &Builder) -> Val<'_> {
        let array = Array::F32(ndarray::arr1(&[1.0, 2.0, 4.0]).into_dyn());
        b.add(&TABLE, Attrs::Table(Arc::new(Table::of(&array))), &[])
    }

    #[test]
    fn what_is_made_of_tables_is_a_table_that_is_no_larger() {
        let b = Builder::new();
        b.output("y", (table(&b) * splat(&b, 0.5, 3)).slice(0, 1, Dim::from(2)));
        b.output("z", table(&b).broadcast(vec![Dim::from(2), Dim::from(3)], vec![1]));
        let graph = fold(&b.finish());
        let halves = Array::F32(ndarray::arr1(&[1.0, 2.0]).into_dyn());
        let attrs = |i: usize| graph.node(graph.outputs[i].value.node).attrs.clone();
        assert_eq!(attrs(0), Attrs::Table(Arc::new(Table::of(&halves))));
        assert!(matches!(attrs(1), Attrs::Broadcast { .. }), "twice as many elements are no constant");
        assert_eq!(folded(|b| table(b).sum(&[0])), float(7.0));
    }

    #[test]
    fn what_differs_is_large_or_is_read_stays() {
        assert_eq!(folded(|b| b.add(&IOTA, Attrs::Iota(Dim::from(2)), &[])), None);
        assert_eq!(folded(|b| splat(b, 1.0, 3).pad(0, 1, 0)), None);
        assert_eq!(folded(|b| splat(b, 1.0, MOST_ELEMENTS).sum(&[0])), None);
        assert_eq!(folded(|b| b.read(Slot::State(0), TensorType::scalar(DType::F32)) * 0.0), None);
    }
}
