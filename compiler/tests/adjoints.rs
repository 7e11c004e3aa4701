//! Derivatives of every row on shapes around the widths of vectors and blocks: a gradient and the change along a direction are
//! adjoint, and the change is that of differences.
//!
//! Rows have no forward mode of their own. With u(w) = Jᵀw, which is linear in w, J v is the gradient of ⟨u(w), v⟩ by w: it goes
//! through the derivative of the derivative, so that ⟨J v, w⟩ = ⟨v, Jᵀw⟩ compares two ways through the table of rows.
//!
//! Of each row there are up to 200 shapes, those left out that take too long: more than 2^24 multiply-adds with
//! `NNC_SHAPES=all`, fewer otherwise.

mod support;

use nnc_compiler::autodiff::gradient;
use nnc_compiler::ir::array::Array;
use nnc_compiler::ir::attrs::Slot;
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::{Op, Vjp};
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::ops;
use support::cases::{Case, domain};
use support::shapes::{SIZES, sample, shaped};
use support::{Held, Rng, doubles, draw, outputs};

/// Multiply-adds of a case, and of all cases of a row.
const FEW: [usize; 2] = [1 << 14, 1 << 17];
const MANY: [usize; 2] = [1 << 24, usize::MAX];
/// Directions of a case.
const DIRECTIONS: usize = 3;
/// Steps of central differences: where one meets a kink, the next is too short to.
const STEPS: [f64; 3] = [1e-5, 1e-6, 1e-7];
/// The largest relative error of central differences, and of the identity.
const TOLERANCES: [f64; 2] = [1e-6, 1e-12];

/// A row of a case: its value along weights; and its derivative in two ways, as ⟨v, Jᵀw⟩ and as ⟨J v, w⟩.
struct Both {
    value: Graph,
    slopes: Graph,
    /// Operands, then weights, then directions, each with its type.
    reads: Vec<TensorType>,
    /// Which operands are differentiated.
    wrt: Vec<usize>,
}

fn inner<'b>(x: Val<'b>, y: Val<'b>) -> Val<'b> {
    let axes: Vec<usize> = (0..x.ty().rank()).collect();
    (x * y).sum(&axes)
}

fn both(op: Op, case: &Case) -> Option<Both> {
    let wrt: Vec<usize> = (0..case.operands.len()).filter(|&i| case.operands[i].dtype == DType::F64).collect();
    let (value, slopes) = (Builder::new(), Builder::new());
    let (args, out) = case.build(&value, op);
    value.output("f", inner(out, value.read(Slot::Input(args.len() as u32), out.ty())));
    let reads = add_slopes(&slopes, op, case, &wrt)?;
    Some(Both { value: value.finish(), slopes: slopes.finish(), reads, wrt })
}

fn by<'b>(b: &'b Builder, f: Val<'b>, wrt: &[Val<'b>]) -> Vec<Option<Val<'b>>> {
    let values: Vec<_> = wrt.iter().map(|v| v.value).collect();
    gradient(b, f, &values).unwrap_or_else(|e| panic!("`{}` stops the gradient: {}", e.op, e.reason))
}

/// Adds the two slopes as outputs; gives the types of what is read.
fn add_slopes(b: &Builder, op: Op, case: &Case, wrt: &[usize]) -> Option<Vec<TensorType>> {
    let (args, out) = case.build(b, op);
    let w = b.read(Slot::Input(args.len() as u32), out.ty());
    let floats: Vec<Val<'_>> = wrt.iter().map(|&i| args[i]).collect();
    let mut reads: Vec<TensorType> = case.operands.iter().cloned().chain([out.ty()]).collect();
    let mut parts = vec![];
    for (x, u) in floats.iter().zip(by(b, inner(out, w), &floats)) {
        let v = b.read(Slot::Input(reads.len() as u32), x.ty());
        reads.push(v.ty());
        parts.push(inner(u?, v));
    }
    let reverse = parts.into_iter().reduce(|sum, part| sum + part)?;
    let forward = by(b, reverse, &[w]).remove(0)?;
    b.output("reverse", reverse);
    b.output("forward", inner(forward, w));
    Some(reads)
}

/// The value, or the slopes, at a point.
fn at(graph: &Graph, point: &[Array]) -> Vec<f64> {
    outputs(graph, &Held::inputs(point)).iter().flat_map(doubles).collect()
}

/// The point, moved along the directions that come after the weights.
fn moved(both: &Both, point: &[Array], n: usize, t: f64) -> Vec<Array> {
    let mut out = point.to_vec();
    for (k, &i) in both.wrt.iter().enumerate() {
        if let (Array::F64(x), Array::F64(v)) = (&point[i], &point[n + 1 + k]) {
            out[i] = Array::F64(x + &(v * t));
        }
    }
    out
}

fn close(a: f64, b: f64, tolerance: f64, scale: f64) -> bool {
    (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(scale)
}

/// Compares the two slopes at a point, and them with the differences there.
///
/// # Errors
/// When no step has the difference of the slope.
fn differences(both: &Both, point: &[Array], n: usize, work: usize, what: &str) -> Result<(), String> {
    let slopes = at(&both.slopes, point);
    // What the sums may lose: they have this many terms, of size 1.
    let scale = (work as f64).sqrt().max(1.0);
    let [reverse, forward] = slopes[..] else { panic!("two slopes") };
    assert!(close(reverse, forward, TOLERANCES[1], scale), "{what}: {reverse} by reverse, {forward}");
    let change = |step: f64| {
        let [ahead, behind] = [step, -step].map(|t| at(&both.value, &moved(both, point, n, t))[0]);
        (ahead - behind) / (2.0 * step)
    };
    let same = |step: &f64| close(reverse, change(*step), TOLERANCES[0], scale);
    if STEPS.iter().any(same) {
        return Ok(());
    }
    Err(format!(
        "{what}: {reverse} by the gradient, {} by differences",
        STEPS.map(change).map(|x| x.to_string()).join(", ")
    ))
}

#[test]
fn any_two_sizes_meet_on_any_two_axes() {
    let lines: Vec<[usize; 4]> = sample().collect();
    assert!(lines.len() <= 200);
    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
        let meet = |p: usize, q: usize| lines.iter().any(|l| (l[a], l[b]) == (p, q) || (l[a], l[b]) == (q, p));
        for (p, q) in SIZES.iter().flat_map(|p| SIZES.iter().map(move |q| (*p, *q))) {
            assert!(meet(p, q), "{p} and {q} do not meet on axes {a} and {b}");
        }
    }
}

#[test]
fn gradients_and_changes_are_adjoint_on_all_kinds_of_shapes() {
    let [most, in_all] = if std::env::var("NNC_SHAPES").is_ok_and(|all| all == "all") { MANY } else { FEW };
    let mut rng = Rng(11);
    let mut tried = vec![];
    for op in ops::all().filter(|op| matches!(op.vjp, Vjp::Rule(_) | Vjp::Scan)) {
        let (mut n_shapes, mut all) = (0, 0);
        for sizes in sample() {
            let Some((case, work)) = shaped(op, sizes) else { continue };
            if work > most || all > in_all || !case.is_double(op) {
                continue;
            }
            let Some(both) = both(op, &case) else { continue };
            (n_shapes, all) = (n_shapes + 1, all + work);
            let n = case.operands.len();
            let what = format!("`{}` {case:?}", op.name);
            for _ in 0..DIRECTIONS {
                let unit = nnc_compiler::ir::op::Domain::Float(-1.0, 1.0);
                let range = |i: usize| if i < n { domain(op, i) } else { unit };
                let mut point =
                    || -> Vec<Array> { (0..).zip(&both.reads).map(|(i, t)| draw(&mut rng, t, range(i))).collect() };
                let found = differences(&both, &point(), n, work, &what);
                // Among thousands of maxima two may be so near that no step is short enough, which chance does not repeat.
                found.or_else(|_| differences(&both, &point(), n, work, &what)).unwrap_or_else(|e| panic!("{e}"));
            }
        }
        if n_shapes > 0 {
            tried.push((op.name, n_shapes));
        }
    }
    for name in
        ["add", "mul", "exp", "sum", "contract", "conv", "gather", "scatter_add", "window", "overlap", "cumsum", "scan"]
    {
        let found = tried.iter().find(|(tried, _)| *tried == name);
        assert!(found.is_some_and(|(_, n)| *n >= 10), "`{name}` has {found:?} shapes");
    }
}
