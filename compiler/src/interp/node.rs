//! One node: a scalar meaning as a program run over whole tensors, a tensor meaning as it stands.

use crate::ir::array::Array;
use crate::ir::attrs::Attrs;
use crate::ir::graph::{Graph, Node};
use crate::ir::op::{Meaning, ScalarArgs, ScalarFn};
use crate::map_array;
use crate::ops::logic::scalar_type;
use crate::prog::{Builder, Column, E, Inst, Lane, Prog, Slice, interp};
use ndarray::{ArrayD, IxDyn};

/// What is made once for a node, however often it is evaluated.
#[derive(Debug)]
pub enum Prepared {
    /// The program of one element.
    Program(Prog),
    /// Nothing: the row's own function computes the whole tensor.
    Whole,
    /// The nodes of a loop's body.
    Body(Vec<Prepared>),
}

/// Prepares a node of `graph`.
///
/// # Panics
/// When a free size is left.
pub fn prepare(graph: &Graph, node: &Node) -> Prepared {
    match node.op.meaning {
        Meaning::Scalar(meaning) => Prepared::Program(program(graph, node, meaning)),
        Meaning::Tensor(_) | Meaning::Source => Prepared::Whole,
        Meaning::Scan => match &node.attrs {
            Attrs::Scan(scan) => Prepared::Body(super::prepare_all(&scan.body)),
            _ => unreachable!("inference admits no other attributes"),
        },
    }
}

/// The program of one element of a node: port k is the element of operand k, index d the coordinate along axis d of the
/// result.
fn program(graph: &Graph, node: &Node, meaning: ScalarFn) -> Prog {
    let ty = &node.types[0];
    assert!(ty.sizes().is_some(), "`{}` of type {ty} has a free size", node.op.name);
    Prog::build(|p: &Builder| {
        let ports = (0u16..).zip(&node.operands);
        let args: Vec<E<'_>> = ports.map(|(k, v)| p.port(k, scalar_type(graph.ty(*v).dtype))).collect();
        let axes = u8::try_from(ty.rank()).unwrap_or_else(|_| panic!("a tensor of {} axes", ty.rank()));
        let index: Vec<E<'_>> = (0..axes).map(|d| p.index(d)).collect();
        vec![meaning(&ScalarArgs { p, args: &args, attrs: &node.attrs, ty, index: &index })]
    })
}

/// The results of a node on these operands, each row-major and contiguous.
///
/// # Panics
/// When the operands are not those that inference has seen, or the node is a source, which has no value of its own.
pub fn evaluate(node: &Node, prepared: &Prepared, operands: &[&Array]) -> Vec<Array> {
    match (prepared, &node.op.meaning) {
        (Prepared::Program(prog), _) => vec![elementwise(node, prog, operands)],
        (Prepared::Whole, Meaning::Tensor(meaning)) => {
            meaning(operands, &node.attrs, &node.types).into_iter().map(row_major).collect()
        }
        (Prepared::Body(body), _) => match &node.attrs {
            Attrs::Scan(scan) => super::scan::run(scan, body, operands),
            _ => unreachable!("inference admits no other attributes"),
        },
        (Prepared::Whole, _) => panic!("`{}` has no value of its own", node.op.name),
    }
}

fn elementwise(node: &Node, prog: &Prog, operands: &[&Array]) -> Array {
    let shape = node.types[0].sizes().unwrap_or_else(|| unreachable!("a prepared node has numbers for sizes"));
    let ports: Vec<Slice<'_>> = operands.iter().map(|a| lanes(a, &shape)).collect();
    match interp::eval_slices(prog, &ports, &shape).pop() {
        Some(column) => from_column(column, &shape),
        None => unreachable!("the program of a node has one result"),
    }
}

/// The elements of an operand as the lanes of a loop over `shape`; an operand that is one number is the same in every lane.
fn lanes<'a>(array: &'a Array, shape: &[usize]) -> Slice<'a> {
    macro_rules! lanes {
        ($($v:ident)*) => {
            match array {
                $(Array::$v(a) => match a.as_slice() {
                    Some([x]) if a.ndim() == 0 && !shape.is_empty() => Slice::Splat(Lane::$v(*x)),
                    Some(elements) => Slice::$v(elements),
                    None => unreachable!("arrays of the oracle are row-major"),
                })*
            }
        };
    }
    lanes!(F32 F64 I32 I64 U8 Bool)
}

fn from_column(column: Column, shape: &[usize]) -> Array {
    macro_rules! fill {
        ($($v:ident)*) => {
            match column {
                $(Column::$v(elements) => Array::$v(
                    ArrayD::from_shape_vec(IxDyn(shape), elements).expect("the loop has one lane an element"),
                ),)*
            }
        };
    }
    fill!(F32 F64 I32 I64 U8 Bool)
}

/// The same tensor with its elements in row-major order in memory; movements may leave a view's order.
fn row_major(array: Array) -> Array {
    map_array!(array, a => if a.is_standard_layout() { a } else { a.as_standard_layout().into_owned() })
}

/// The value of every element of a node whose operands are the same everywhere; `None` when the elements of the result differ
/// by their coordinates, or the row has no program.
pub fn uniform(prepared: &Prepared, operands: &[Lane]) -> Option<Lane> {
    let Prepared::Program(prog) = prepared else { return None };
    if prog.insts().iter().any(|inst| matches!(inst, Inst::Index(_))) {
        return None;
    }
    interp::eval(prog, operands, &[]).pop()
}
