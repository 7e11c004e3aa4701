//! A loop, turn by turn.

use super::{Prepared, evaluate_all};
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::graph::Node;
use crate::ir::scan::Scan;
use crate::map_array;
use ndarray::{ArrayD, Axis, IxDyn};

/// The results of a loop on these operands.
///
/// # Panics
/// When the operands are not those that inference has seen.
pub(super) fn run(scan: &Scan, prepared: &[Prepared], operands: &[&Array]) -> Vec<Array> {
    let (first, inputs) = operands.split_at(scan.carries);
    let mut carries: Vec<Array> = first.iter().map(|a| (*a).clone()).collect();
    let mut yields: Vec<Option<Array>> = vec![None; scan.yields()];
    let turns = scan.count().unwrap_or_else(|| unreachable!("sizes are numbers once a graph is specialised"));
    for turn in 0..turns {
        let position = if scan.reversed { turns - 1 - turn } else { turn };
        let source = |node: &Node| match node.attrs {
            Attrs::Slot(Slot::State(i), _) => carries[i as usize].clone(),
            Attrs::Slot(Slot::Input(j), _) if (j as usize) < scan.stacks => element(inputs[j as usize], position),
            Attrs::Slot(Slot::Input(j), _) => inputs[j as usize].clone(),
            Attrs::Slot(Slot::Step, _) => Array::I64(ArrayD::from_elem(IxDyn(&[]), position as i64)),
            _ => unreachable!("a body reads its carries, its inputs and its position"),
        };
        let values = evaluate_all(&scan.body, prepared, &source);
        for (state, value) in &scan.body.updates {
            let (i, value) = (*state as usize, values.get(*value));
            match i.checked_sub(scan.carries) {
                None => carries[i] = value.clone(),
                Some(y) => place(&mut yields[y], scan, i, position, value),
            }
        }
    }
    let stacks =
        yields.into_iter().enumerate().map(|(y, stack)| stack.unwrap_or_else(|| empty(scan, scan.carries + y)));
    carries.into_iter().chain(stacks).collect()
}

fn element(stack: &Array, position: usize) -> Array {
    map_array!(stack, a => a.index_axis(Axis(0), position).to_owned())
}

/// The stack of yield `i` before the first turn.
fn empty(scan: &Scan, i: usize) -> Array {
    let stacked = scan.next_type(i).map(|ty| scan.stacked(ty));
    let ty = stacked.unwrap_or_else(|| unreachable!("inference has seen a value for every yield"));
    let shape = ty.sizes().unwrap_or_else(|| unreachable!("sizes are numbers once a graph is specialised"));
    let bytes = vec![0; shape.iter().product::<usize>() * ty.dtype.size()];
    Array::from_bytes(ty.dtype, &shape, &bytes).unwrap_or_else(|| unreachable!("as many bytes as the type has"))
}

fn place(stack: &mut Option<Array>, scan: &Scan, i: usize, position: usize, value: &Array) {
    macro_rules! assign {
        ($($v:ident)*) => {
            match (stack.get_or_insert_with(|| empty(scan, i)), value) {
                $((Array::$v(stack), Array::$v(value)) => stack.index_axis_mut(Axis(0), position).assign(value),)*
                _ => unreachable!("a yield has one element type"),
            }
        };
    }
    assign!(F32 F64 I32 I64 U8 Bool);
}
