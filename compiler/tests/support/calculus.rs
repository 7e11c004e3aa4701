//! Derivatives of one row in two ways: the gradient graph and central differences.

use super::cases::{Case, domain};
use super::{Held, Rng, doubles, draw, outputs};
use ndarray::ArrayD;
use nnc_compiler::autodiff::gradient;
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::attrs::Slot;
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::Op;
use nnc_compiler::ir::types::{DType, TensorType};

/// A scalar function of the operands of a row, its gradient by the float operands, and points to try it at.
pub struct Study {
    /// Outputs: the function, then the gradient by each float operand (zeros where there is none).
    pub graph: Graph,
    /// Numbers of the float operands.
    pub wrt: Vec<usize>,
    /// Operands, then the weights that the function reads.
    pub point: Vec<Array>,
}

fn float_operands(case: &Case) -> Vec<usize> {
    (0..case.operands.len()).filter(|&i| case.operands[i].dtype == DType::F64).collect()
}

/// The sum of `x · w` over everything, with weights read from input `i`.
fn weighted<'b>(x: Val<'b>, i: u32) -> Val<'b> {
    let ty = x.ty();
    let axes: Vec<usize> = (0..ty.rank()).collect();
    (x * x.b.read(Slot::Input(i), ty)).sum(&axes)
}

fn grads<'b>(b: &'b Builder, y: Val<'b>, wrt: &[Val<'b>]) -> Vec<Val<'b>> {
    let values: Vec<_> = wrt.iter().map(|v| v.value).collect();
    let grads = gradient(b, y, &values).unwrap_or_else(|e| panic!("`{}` stops the gradient: {}", e.op, e.reason));
    wrt.iter().zip(grads).map(|(v, g)| g.unwrap_or_else(|| v.splat(0.0))).collect()
}

impl Study {
    /// f = Σ w·row(operands).
    pub fn first(op: Op, case: &Case, rng: &mut Rng) -> Study {
        Study::new(op, case, rng, false)
    }

    /// f = Σ uᵢ·∂(Σ w·row)/∂operandᵢ, whose gradient is a second derivative.
    pub fn second(op: Op, case: &Case, rng: &mut Rng) -> Study {
        Study::new(op, case, rng, true)
    }

    fn new(op: Op, case: &Case, rng: &mut Rng, second: bool) -> Study {
        let b = Builder::new();
        let (args, out) = case.build(&b, op);
        let wrt = float_operands(case);
        let floats: Vec<Val<'_>> = wrt.iter().map(|&i| args[i]).collect();
        let mut next = case.operands.len() as u32;
        let mut f = weighted(out, next);
        if second {
            let parts = grads(&b, f, &floats).into_iter().map(|g| {
                next += 1;
                weighted(g, next)
            });
            f = parts.reduce(|sum, part| sum + part).expect("a row with float operands");
        }
        b.output("f", f);
        for g in grads(&b, f, &floats) {
            b.output("g", g);
        }
        let types: Vec<TensorType> = {
            let graph = b.graph();
            let mut reads: Vec<(Slot, TensorType)> =
                graph.slots().map(|(id, slot)| (slot, graph.node(id).types[0].clone())).collect();
            reads.sort_by_key(|r| r.0);
            reads.into_iter().map(|r| r.1).collect()
        };
        let n = case.operands.len();
        let unit = nnc_compiler::ir::op::Domain::Float(-1.0, 1.0);
        let point = (0..).zip(&types).map(|(i, ty)| draw(rng, ty, if i < n { domain(op, i) } else { unit }));
        let point = point.collect();
        Study { graph: b.finish(), wrt, point }
    }

    /// The slope of f along random directions of all float operands, by the gradient graph and by central differences.
    pub fn slopes(&self, rng: &mut Rng) -> (f64, f64) {
        const STEP: f64 = 1e-5;
        let direction: Vec<ArrayD<f64>> =
            self.wrt.iter().map(|&i| self.double(i).map(|_| rng.float(-1.0, 1.0))).collect();
        let results = outputs(&self.graph, &Held::inputs(&self.point));
        let by_gradient =
            results[1..].iter().zip(&direction).map(|(g, d)| dot(&doubles(g), &d.iter().copied().collect::<Vec<_>>()));
        let moved = |t: f64| {
            let mut point = self.point.clone();
            for (&i, d) in self.wrt.iter().zip(&direction) {
                point[i] = Array::F64(self.double(i) + &(d * t));
            }
            doubles(&outputs(&self.graph, &Held::inputs(&point))[0])[0]
        };
        (by_gradient.sum(), (moved(STEP) - moved(-STEP)) / (2.0 * STEP))
    }

    fn double(&self, i: usize) -> &ArrayD<f64> {
        match &self.point[i] {
            Array::F64(a) => a,
            _ => unreachable!("only f64 operands are differentiated"),
        }
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Within `rtol` of the larger, or of 1 where both are small.
pub fn close(a: f64, b: f64, rtol: f64) -> bool {
    (a - b).abs() <= rtol * a.abs().max(b.abs()).max(1.0)
}
