//! Shapes for every row: sizes around the widths of vectors, tiles and blocks, any two of which meet on any two axes.
//!
//! The sizes of a shape are a line of an orthogonal array of strength two over the field of 17 elements: line (i, j) has the
//! entries i, i + j, i + 2j and j mod 17, so that in any two columns each of the 289 ordered pairs stands in exactly one line.
//! In the first three the pair of p and q stands in a line whose j is ±(p − q), or half of it, so the 153 lines with j at most 8
//! have each pair in one order or the other. 47 of the other lines make a sample of 200, which has no ordered pair twice.

use super::cases::{Case, dims, domain, ty};
use nnc_compiler::ir::attrs::Slot;
use nnc_compiler::ir::attrs::{Attrs, Contract, Conv, ConvAxis, Rows, Window};
use nnc_compiler::ir::builder::Builder;
use nnc_compiler::ir::dim::Dim;
use nnc_compiler::ir::op::{Arity, Domain, Lower, Op};
use nnc_compiler::ir::scan::Scan;
use nnc_compiler::ir::types::DType;
use std::sync::Arc;

/// Sizes of axes.
pub const SIZES: [usize; 17] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 257];
/// Lines of a sample.
const MOST: usize = 200;

/// Lists of four sizes each. The last column of the array is the factor j itself.
pub fn sample() -> impl Iterator<Item = [usize; 4]> {
    // 40 has no common factor with 153, nor 55 with 136, so that the lines are spread over their part of the array.
    let near = (0..153).map(|line| line * 40 % 153).map(|line| (line / 9, line % 9));
    let far = (0..136).map(|line| line * 55 % 136).map(|line| (line / 8, 9 + line % 8));
    let lines = near.chain(far).take(MOST);
    lines.map(|(i, j)| [0, 1, 2, 3].map(|k| SIZES[if k == 3 { j } else { (i + k * j) % 17 }]))
}

/// The row on operands in f64 whose axes have these sizes, and how many multiply-adds, or elements, it takes; nothing for a row
/// without a shape.
pub fn shaped(op: Op, [a, b, c, d]: [usize; 4]) -> Option<(Case, usize)> {
    let float = DType::F64;
    let one =
        |attrs: Attrs, shape: &[usize]| (Case { attrs, operands: vec![ty(float, shape)] }, shape.iter().product());
    let two = |attrs: Attrs, x: &[usize], y: &[usize], work: usize| {
        (Case { attrs, operands: vec![ty(float, x), ty(float, y)] }, work)
    };
    let middle = |n: usize| if n > 2 { n / 2 } else { 1 };
    Some(match op.name {
        "cast" => one(Attrs::Cast(float), &[a, b]),
        "reshape" => one(Attrs::Reshape(dims(&[b, a * c])), &[a, b, c]),
        "permute" => one(Attrs::Permute([[2, 0, 1], [1, 0, 2], [0, 2, 1]][d % 3].to_vec()), &[a, b, c]),
        "broadcast" => {
            let map = [vec![0, 2], vec![1, 2], vec![0, 1]][d % 3].clone();
            let shape = [a, b, c];
            let from: Vec<usize> = map.iter().map(|&i| shape[i]).collect();
            (one(Attrs::Broadcast { shape: dims(&shape), map }, &from).0, a * b * c)
        }
        "slice" => one(
            Attrs::Slice {
                axis: d % 2,
                start: Dim::from([a, b][d % 2] - middle([a, b][d % 2])),
                len: Dim::from(middle([a, b][d % 2])),
            },
            &[a, b],
        ),
        "pad" => one(Attrs::Pad { axis: d % 2, before: (c % 5).into(), after: (c % 3).into() }, &[a, b]),
        "reverse" => one(Attrs::Axis(d % 3), &[a, b, c]),
        "concat" if d % 2 == 0 => two(Attrs::Axis(1), &[a, b], &[a, c], a * (b + c)),
        "concat" => two(Attrs::Axis(0), &[b, a], &[c, a], a * (b + c)),
        "window" | "overlap" => {
            let size = 1 + d % 3;
            let (stride, dilation) = (1 + d % 2, 1 + c % 2);
            let len = b + (size - 1) * dilation;
            let rule = Window { axis: 1, len: Dim::from(len), size, stride, dilation };
            let shape = if op.name == "window" { vec![a, len, c] } else { vec![a, (b - 1) / stride + 1, size, c] };
            one(Attrs::Window(rule), &shape)
        }
        "sum" | "maximum" | "first_maximum" => one(
            Attrs::Axes([vec![0], vec![1], vec![2], vec![0, 1], vec![1, 2], vec![0, 1, 2]][d % 6].clone()),
            &[a, b, c],
        ),
        "contract" => match d % 4 {
            0 => two(Attrs::Contract(Contract { batch: vec![], sum: vec![(1, 0)] }), &[a, b], &[b, c], a * b * c),
            1 => two(Attrs::Contract(Contract { batch: vec![], sum: vec![(0, 0)] }), &[b, a], &[b, c], a * b * c),
            2 => two(Attrs::Contract(Contract { batch: vec![], sum: vec![(1, 1)] }), &[a, b], &[c, b], a * b * c),
            _ => {
                let rule = Contract { batch: vec![(0, 1)], sum: vec![(2, 0)] };
                two(Attrs::Contract(rule), &[3, a, b], &[b, 3, c], 3 * a * b * c)
            }
        },
        "conv" => {
            let taps = 1 + d % 3;
            let axis = ConvAxis {
                stride: 1 + d % 2,
                dilation: 1 + c % 2,
                spacing: 1,
                before: Dim::constant(1),
                after: Dim::constant(2),
            };
            let places = usize::try_from(axis.results(&Dim::from(b), &Dim::from(taps))?.as_constant()?).ok()?;
            let rule = Attrs::Conv(Conv { axes: vec![axis] });
            two(rule, &[2, 1, b, 1, a], &[1, taps, a, 1, c], 2 * places * taps * a * c)
        }
        "gather" => {
            let rows = Attrs::Rows(Rows { batch: 0, size: Dim::from(a) });
            (Case { attrs: rows, operands: vec![ty(float, &[a, b]), ty(DType::I32, &[c])] }, (a + c) * b)
        }
        "scatter_add" => {
            let rows = Attrs::Rows(Rows { batch: 0, size: Dim::from(c) });
            (Case { attrs: rows, operands: vec![ty(float, &[a, b]), ty(DType::I32, &[a])] }, (a + c) * b)
        }
        "cumsum" => one(Attrs::Axis(d % 3), &[a, b, c]),
        "recurrence" => two(Attrs::Axis(d % 2), &[a, b], &[a, b], a * b),
        "scan" => (sums(a, b, c % 2 == 0), a * b),
        "stop_gradient" => return None,
        _ => match (op.lower, op.arity) {
            (Lower::Elementwise, Arity::Exactly(n)) if n > 0 => {
                let element = |i| match domain(op, i) {
                    Domain::Float(..) => float,
                    Domain::Int(..) => DType::I32,
                    Domain::Bool => DType::Bool,
                };
                let operands = (0..n).map(|i| ty(element(i), &[a, b])).collect();
                (Case { attrs: Attrs::None, operands }, a * b)
            }
            _ => return None,
        },
    })
}

/// A loop that adds the elements of a stack to its carry, times it.
fn sums(turns: usize, n: usize, reversed: bool) -> Case {
    let body = Builder::new();
    let carry = body.read(Slot::State(0), ty(DType::F64, &[n]));
    let element = body.read(Slot::Input(0), ty(DType::F64, &[n]));
    let next = carry * 0.5 + element * carry * 0.125 + element;
    body.update(0, next);
    body.update(1, next);
    let scan = Scan { body: body.finish(), turns: Dim::from(turns), carries: 1, stacks: 1, reversed };
    Case { attrs: Attrs::Scan(Arc::new(scan)), operands: vec![ty(DType::F64, &[n]), ty(DType::F64, &[turns, n])] }
}
