//! Operand types and attributes for every row of the table. A row without a case fails the tests.

use nnc_compiler::ir::attrs::{Attrs, Const, Contract, Conv, ConvAxis, Rows, Slot, Table, Window};
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::dim::Dim;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::{Arity, Domain, Lower, Op};
use nnc_compiler::ir::scan::Scan;
use nnc_compiler::ir::types::{DType, TensorType};
use std::sync::Arc;

/// One application of a row.
#[derive(Clone, Debug)]
pub struct Case {
    pub attrs: Attrs,
    pub operands: Vec<TensorType>,
}

impl Case {
    /// Adds the operands, read from inputs 0, 1, …, and the row.
    pub fn build<'b>(&self, b: &'b Builder, op: Op) -> (Vec<Val<'b>>, Val<'b>) {
        let reads = (0..).zip(&self.operands).map(|(i, ty)| b.read(Slot::Input(i), ty.clone()));
        let args: Vec<Val<'b>> = reads.collect();
        (args.clone(), b.add(op, self.attrs.clone(), &args))
    }

    /// The graph whose only output is the row's result.
    pub fn graph(&self, op: Op) -> Graph {
        let b = Builder::new();
        b.output("y", self.build(&b, op).1);
        b.finish()
    }

    /// Whether all floats and the results are f64, so that differences can be taken.
    pub fn is_double(&self, op: Op) -> bool {
        let graph = self.graph(op);
        let result = |t: DType| matches!(t, DType::F64 | DType::Bool);
        let operand =
            |t: &TensorType| result(t.dtype) || matches!((t.dtype, op.lower), (DType::I32, Lower::Routine(_)));
        graph.nodes().last().is_some_and(|(_, n)| n.types.iter().all(|t| result(t.dtype)))
            && self.operands.iter().all(operand)
    }
}

/// The domain of operand `i`; the last one serves all further operands.
pub fn domain(op: Op, i: usize) -> Domain {
    op.domain.get(i).or(op.domain.last()).copied().unwrap_or(Domain::Float(-4.0, 4.0))
}

pub fn dims(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().map(|&n| Dim::from(n)).collect()
}

pub fn ty(dtype: DType, sizes: &[usize]) -> TensorType {
    TensorType::new(dtype, dims(sizes))
}

/// Cases of a row in a float type; none for a row that the generator does not know.
pub fn cases(op: Op, float: DType) -> Vec<Case> {
    let one = |attrs: Attrs, shape: &[usize]| Case { attrs, operands: vec![ty(float, shape)] };
    let shapes: [&[usize]; 4] = [&[], &[1], &[17], &[3, 5]];
    match op.name {
        "cast" => [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8, DType::Bool]
            .into_iter()
            .flat_map(|from| [DType::F32, DType::F64, DType::I32, DType::I64].map(|to| (from, to)))
            .filter(|(from, to)| *from == float || *to == float)
            .map(|(from, to)| Case { attrs: Attrs::Cast(to), operands: vec![ty(from, &[3, 7])] })
            .collect(),
        "reshape" => vec![
            one(Attrs::Reshape(dims(&[6])), &[2, 3]),
            one(Attrs::Reshape(dims(&[3, 1, 8])), &[4, 6]),
            one(Attrs::Reshape(dims(&[])), &[1, 1]),
        ],
        "permute" => vec![
            one(Attrs::Permute(vec![1, 0]), &[3, 5]),
            one(Attrs::Permute(vec![2, 0, 1]), &[2, 3, 5]),
            one(Attrs::Permute(vec![3, 1, 2, 0]), &[2, 3, 4, 5]),
            one(Attrs::Permute(vec![0, 2, 1]), &[3, 17, 8]),
        ],
        "broadcast" => {
            let case = |shape: &[usize], map: &[usize], from: &[usize]| {
                one(Attrs::Broadcast { shape: dims(shape), map: map.to_vec() }, from)
            };
            vec![
                case(&[4], &[], &[]),
                case(&[3, 5], &[1], &[5]),
                case(&[3, 5], &[0], &[3]),
                case(&[2, 3, 4], &[0, 2], &[2, 4]),
                case(&[2, 3, 4, 5], &[1], &[3]),
            ]
        }
        "slice" => {
            let case = |axis, start: usize, len: usize, from: &[usize]| {
                one(Attrs::Slice { axis, start: Dim::from(start), len: Dim::from(len) }, from)
            };
            vec![case(0, 1, 3, &[5]), case(1, 0, 2, &[3, 4]), case(0, 2, 1, &[3, 4]), case(1, 3, 9, &[2, 17, 3])]
        }
        "pad" => {
            let case = |axis, before: usize, after: usize, from: &[usize]| {
                one(Attrs::Pad { axis, before: before.into(), after: after.into() }, from)
            };
            vec![case(0, 1, 2, &[3]), case(1, 0, 3, &[3, 4]), case(0, 2, 0, &[3, 4]), case(1, 1, 1, &[2, 3, 5])]
        }
        "reverse" => vec![one(Attrs::Axis(0), &[5]), one(Attrs::Axis(1), &[3, 4]), one(Attrs::Axis(0), &[3, 4, 2])],
        "concat" => {
            let case = |axis, parts: &[&[usize]]| Case {
                attrs: Attrs::Axis(axis),
                operands: parts.iter().map(|p| ty(float, p)).collect(),
            };
            vec![
                case(0, &[&[3], &[5], &[1]]),
                case(1, &[&[2, 3], &[2, 1]]),
                case(0, &[&[2, 3], &[4, 3]]),
                case(1, &[&[2, 3, 2], &[2, 1, 2], &[2, 4, 2]]),
            ]
        }
        "window" | "overlap" => {
            let case = |axis, [len, size, stride, dilation]: [usize; 4], from: &[usize]| {
                let rule = Window { axis, len: Dim::from(len), size, stride, dilation };
                let mut shape = from.to_vec();
                if op.name == "overlap" {
                    shape.splice(axis..=axis, [(len - (size - 1) * dilation - 1) / stride + 1, size]);
                }
                one(Attrs::Window(rule), &shape)
            };
            vec![
                case(0, [7, 3, 1, 1], &[7]),
                case(1, [8, 3, 2, 1], &[2, 8]),
                case(0, [9, 2, 3, 2], &[9, 5]),
                case(1, [6, 3, 1, 2], &[3, 6, 4]),
                case(1, [4, 4, 1, 1], &[2, 4, 3]),
            ]
        }
        "sum" | "maximum" | "first_maximum" => vec![
            one(Attrs::Axes(vec![0]), &[17]),
            one(Attrs::Axes(vec![1]), &[3, 5]),
            one(Attrs::Axes(vec![0]), &[5, 3]),
            one(Attrs::Axes(vec![0, 1]), &[3, 4]),
            one(Attrs::Axes(vec![1]), &[2, 5, 3]),
            one(Attrs::Axes(vec![0, 1]), &[3, 4, 2]),
            one(Attrs::Axes(vec![1, 2]), &[3, 4, 2]),
            one(Attrs::Axes(vec![0, 2]), &[3, 2, 4, 2]),
            one(Attrs::Axes(vec![0]), &[4100]),
            one(Attrs::Axes(vec![0]), &[300, 2]),
        ],
        "argmax" => vec![
            one(Attrs::Axis(0), &[17]),
            one(Attrs::Axis(1), &[3, 10]),
            one(Attrs::Axis(0), &[5, 4]),
            one(Attrs::Axis(1), &[2, 5, 3]),
        ],
        "contract" => contractions(float),
        "conv" => convolutions(float),
        "const" => vec![
            Case { attrs: Attrs::Const(Const::Float(float, -0.1), dims(&[3, 4])), operands: vec![] },
            Case { attrs: Attrs::Const(Const::Float(float, f64::NAN), dims(&[])), operands: vec![] },
            Case { attrs: Attrs::Const(Const::Int(DType::I32, -7), dims(&[5])), operands: vec![] },
            Case { attrs: Attrs::Const(Const::Int(DType::Bool, 1), dims(&[5])), operands: vec![] },
        ],
        "table" => [(float, &[3, 5][..]), (DType::I32, &[7]), (DType::Bool, &[4]), (DType::U8, &[2, 1, 3])]
            .map(|(dtype, shape)| {
                let bytes = shape.iter().product::<usize>() * dtype.size();
                // Bits of small floats, small whole numbers, truth values.
                let bytes = (0..bytes).map(|i| if dtype.is_float() { i as u8 % 63 } else { (i % 3 % 2) as u8 });
                let table = Table { dtype, shape: shape.to_vec(), bytes: bytes.collect() };
                Case { attrs: Attrs::Table(Arc::new(table)), operands: vec![] }
            })
            .to_vec(),
        "read" => [float, DType::I32, DType::U8, DType::Bool]
            .map(|t| Case { attrs: Attrs::Slot(Slot::Input(0), Box::new(ty(t, &[3, 5]))), operands: vec![] })
            .to_vec(),
        "counter" => [Slot::Seed, Slot::Step]
            .map(|slot| Case { attrs: Attrs::Slot(slot, Box::new(ty(DType::I64, &[]))), operands: vec![] })
            .to_vec(),
        "size" => [float, DType::I32, DType::I64]
            .map(|t| Case { attrs: Attrs::Size(t, Dim::from(64)), operands: vec![] })
            .to_vec(),
        "iota" => [1, 5, 33].map(|n: usize| Case { attrs: Attrs::Iota(Dim::from(n)), operands: vec![] }).to_vec(),
        "random_uniform" | "random_normal" => [&[][..], &[33], &[3, 5]]
            .map(|shape| Case {
                attrs: Attrs::Random { stream: 0x8000_0001, shape: dims(shape) },
                operands: vec![ty(DType::I64, &[]); 3],
            })
            .to_vec(),
        "gather" => {
            let case = |x: &[usize], index: &[usize], batch: usize| Case {
                attrs: Attrs::Rows(Rows { batch, size: Dim::from(x[batch]) }),
                operands: vec![ty(float, x), ty(DType::I32, index)],
            };
            vec![
                case(&[5, 3], &[7], 0),
                case(&[5, 40], &[2, 3], 0),
                case(&[4], &[], 0),
                case(&[3, 5], &[3, 2], 1),
                case(&[2, 3, 4, 2], &[2, 3, 5], 2),
                case(&[2, 6, 3], &[2], 1),
                case(&[5, 3, 300], &[400], 0),
            ]
        }
        "scatter_add" => {
            let case = |x: &[usize], index: usize, batch: usize, size: usize| Case {
                attrs: Attrs::Rows(Rows { batch, size: Dim::from(size) }),
                operands: vec![ty(float, x), ty(DType::I32, &x[..index])],
            };
            vec![
                case(&[7, 3], 1, 0, 5),
                case(&[2, 3, 40], 2, 0, 5),
                case(&[4], 0, 0, 3),
                case(&[3, 9], 2, 1, 5),
                case(&[2, 3, 5, 2], 3, 2, 4),
                case(&[2, 6, 3], 1, 1, 4),
                case(&[400, 300], 1, 0, 5),
            ]
        }
        "argsort" => [(false, &[9][..]), (true, &[3, 5]), (false, &[2, 3, 40]), (true, &[700, 20])]
            .map(|(descending, shape)| one(Attrs::Descending(descending), shape))
            .to_vec(),
        "cumsum" => [(0, &[17][..]), (1, &[3, 5]), (0, &[3, 5]), (1, &[2, 4, 3]), (0, &[40, 700]), (1, &[70, 200])]
            .map(|(axis, shape)| one(Attrs::Axis(axis), shape))
            .to_vec(),
        "recurrence" => [(0, &[1][..]), (0, &[17]), (1, &[3, 5]), (0, &[3, 5]), (1, &[2, 4, 3]), (0, &[9, 700])]
            .map(|(axis, shape)| Case { attrs: Attrs::Axis(axis), operands: vec![ty(float, shape); 2] })
            .to_vec(),
        "scan" => [1, 4].map(|turns| sums(float, turns)).to_vec(),
        "stop_gradient" => vec![one(Attrs::None, &[3, 5])],
        _ => match (op.lower, op.arity) {
            (Lower::Elementwise, Arity::Exactly(n)) => shapes
                .map(|shape| Case {
                    attrs: Attrs::None,
                    operands: (0..n).map(|i| ty(element(op, i, float), shape)).collect(),
                })
                .into_iter()
                .filter(|case| (op.infer)(&case.operands.iter().collect::<Vec<_>>(), &case.attrs).is_ok())
                .collect(),
            _ => vec![],
        },
    }
}

fn element(op: Op, i: usize, float: DType) -> DType {
    match domain(op, i) {
        Domain::Float(..) => float,
        Domain::Int(..) => DType::I32,
        Domain::Bool => DType::Bool,
    }
}

/// Windows in one to three dimensions: strided, dilated, spaced out, padded, cut off, grouped, with several summed images.
fn convolutions(float: DType) -> Vec<Case> {
    let axis = |stride, dilation, spacing, before: i64, after: i64| ConvAxis {
        stride,
        dilation,
        spacing,
        before: Dim::constant(before),
        after: Dim::constant(after),
    };
    let case = |x: &[usize], w: &[usize], axes: &[ConvAxis]| Case {
        attrs: Attrs::Conv(Conv { axes: axes.to_vec() }),
        operands: vec![ty(float, x), ty(float, w)],
    };
    let plain = || ConvAxis::PLAIN;
    vec![
        case(&[2, 1, 6, 5, 1, 3], &[1, 3, 2, 3, 1, 4], &[plain(), plain()]),
        case(&[2, 1, 6, 5, 1, 2], &[1, 3, 3, 2, 1, 3], &[axis(1, 1, 1, 1, 1), axis(1, 1, 1, 1, 1)]),
        case(&[1, 1, 7, 8, 1, 2], &[1, 3, 2, 2, 1, 2], &[axis(2, 1, 1, 1, 0), axis(3, 2, 1, 0, 2)]),
        case(&[2, 1, 4, 3, 1, 2], &[1, 3, 3, 2, 1, 2], &[axis(1, 1, 2, 2, 1), axis(1, 1, 2, 1, 2)]),
        case(&[1, 1, 5, 1, 2], &[1, 4, 2, 1, 3], &[axis(2, 3, 4, 3, 5)]),
        case(&[1, 1, 6, 1, 1], &[1, 2, 1, 1, 1], &[axis(4, 1, 2, 1, 1)]),
        case(&[1, 1, 5, 1, 2], &[1, 2, 2, 1, 1], &[axis(2, 2, 2, 1, 3)]),
        case(&[2, 1, 9, 1, 2], &[1, 3, 2, 1, 2], &[axis(2, 1, 1, -2, -1)]),
        case(&[2, 1, 5, 4, 3, 2], &[1, 3, 2, 2, 3, 2], &[axis(1, 1, 1, 1, 1), plain()]),
        case(&[2, 1, 5, 4, 5, 1], &[1, 3, 2, 1, 5, 1], &[axis(1, 1, 1, 1, 1), plain()]),
        case(&[2, 3, 5, 2, 2], &[3, 2, 2, 2, 3], &[axis(1, 2, 1, 1, 0)]),
        case(&[1, 2, 4, 3, 3, 1, 2], &[2, 2, 3, 2, 2, 1, 2], &[plain(), axis(2, 1, 1, 1, 1), plain()]),
        case(&[2, 2, 1, 3], &[2, 3, 1, 2], &[]),
        case(&[2, 1, 40, 1, 90], &[1, 3, 90, 1, 5], &[axis(1, 1, 1, 1, 1)]),
        case(&[1, 6, 40, 1, 40], &[6, 38, 40, 1, 2], &[plain()]),
    ]
}

/// Products of matrices in all layouts, batched, with several summed axes in and out of order, outer products and dots.
fn contractions(float: DType) -> Vec<Case> {
    type Pairs<'a> = &'a [(usize, usize)];
    let case = |a: &[usize], b: &[usize], batch: Pairs<'_>, sum: Pairs<'_>| Case {
        attrs: Attrs::Contract(Contract { batch: batch.to_vec(), sum: sum.to_vec() }),
        operands: vec![ty(float, a), ty(float, b)],
    };
    vec![
        case(&[3, 5], &[5, 4], &[], &[(1, 0)]),
        case(&[5, 3], &[5, 4], &[], &[(0, 0)]),
        case(&[3, 5], &[4, 5], &[], &[(1, 1)]),
        case(&[17], &[17], &[], &[(0, 0)]),
        case(&[3], &[4], &[], &[]),
        case(&[5], &[5, 4], &[], &[(0, 0)]),
        case(&[2, 3, 5], &[2, 5, 4], &[(0, 0)], &[(2, 1)]),
        case(&[3, 2, 5], &[5, 4, 2], &[(1, 2)], &[(2, 0)]),
        case(&[2, 3, 5], &[3, 2, 4], &[(0, 1), (1, 0)], &[]),
        case(&[2, 3, 5], &[3, 5, 4], &[], &[(1, 0), (2, 1)]),
        case(&[2, 3, 5], &[3, 5, 4], &[], &[(2, 1), (1, 0)]),
        case(&[3, 5, 2], &[4, 5, 3], &[], &[(1, 1), (0, 2)]),
        case(&[2, 3, 4, 5], &[5, 2, 4, 3], &[(0, 1)], &[(3, 0), (1, 3)]),
        case(&[4, 3, 2], &[2, 3], &[(2, 0)], &[(1, 1)]),
        case(&[1, 8200], &[8200, 2], &[], &[(1, 0)]),
    ]
}

/// A loop that adds up the elements of a stack and yields the sums.
fn sums(float: DType, turns: usize) -> Case {
    let body = Builder::new();
    let carry = body.read(Slot::State(0), ty(float, &[3]));
    let sum = carry + body.read(Slot::Input(0), ty(float, &[3]));
    body.update(0, sum);
    body.update(1, sum);
    let scan = Scan { body: body.finish(), turns: Dim::from(turns), carries: 1, stacks: 1, reversed: turns == 4 };
    Case { attrs: Attrs::Scan(Arc::new(scan)), operands: vec![ty(float, &[3]), ty(float, &[turns, 3])] }
}
