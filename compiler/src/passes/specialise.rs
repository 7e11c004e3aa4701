//! Numbers for the free sizes. A program knows no batch size; code is made for one.

use super::rebuild::{Fate, try_rebuild};
use crate::ir::attrs::{Attrs, Conv, ConvAxis, Rows, Window};
use crate::ir::dim::{Dim, Sym};
use crate::ir::graph::{Graph, SiteId};
use crate::ir::scan::Scan;
use crate::ir::types::TensorType;
use crate::ops::source::size_constant;
use std::fmt;
use std::sync::Arc;

/// Why a graph cannot be had at these sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// What does not fit, in the words of the operation.
    pub what: String,
    /// The operation.
    pub op: &'static str,
    /// Where it comes from.
    pub sites: Vec<SiteId>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.op, self.what)
    }
}

impl std::error::Error for Misfit {}

/// The graph with `size` of each free size in all types and attributes; a size used as a number becomes a constant. Results,
/// updates, guard and places are kept.
///
/// # Errors
/// When `size` does not know a free size, a size becomes negative or leaves 64 bits, or an operation cannot be had at
/// these sizes.
pub fn specialise(graph: &Graph, size: &dyn Fn(&Sym) -> Option<i64>) -> Result<Graph, Misfit> {
    try_rebuild(graph, |visit| {
        let misfit = |what: String| Misfit { what, op: visit.node.op.name, sites: visit.node.sites.clone() };
        let attrs = match &visit.node.attrs {
            Attrs::Scan(scan) => {
                let turns = number(&scan.turns, size).map_err(misfit)?;
                Attrs::Scan(Arc::new(Scan { body: specialise(&scan.body, size)?, turns, ..(**scan).clone() }))
            }
            attrs => sized(attrs, size).map_err(misfit)?,
        };
        if let Some(c) = size_constant(&attrs) {
            return Ok(Fate::Value(visit.b.constant(c, vec![])));
        }
        match visit.b.try_add(visit.node.op, attrs, visit.args) {
            Ok(id) => Ok(Fate::Node(id)),
            Err(e) => Err(misfit(e.what)),
        }
    })
}

/// The value of a size.
fn number(dim: &Dim, size: &dyn Fn(&Sym) -> Option<i64>) -> Result<Dim, String> {
    match value(dim, size)? {
        n if n >= 0 => Ok(Dim::constant(n)),
        n => Err(format!("the size {dim} is {n}")),
    }
}

/// The value of a polynomial in sizes.
fn value(dim: &Dim, size: &dyn Fn(&Sym) -> Option<i64>) -> Result<i64, String> {
    match (dim.syms().find(|s| size(s).is_none()), dim.eval(size)) {
        (Some(unknown), _) => Err(format!("the size `{}` is not known", unknown.0)),
        (None, None) => Err(format!("the size {dim} is too large")),
        (None, Some(n)) => Ok(n),
    }
}

/// Attributes with every size replaced; a body is a graph of its own.
fn sized(attrs: &Attrs, size: &dyn Fn(&Sym) -> Option<i64>) -> Result<Attrs, String> {
    let number = |dim: &Dim| number(dim, size);
    // Zeros around an axis may be fewer than none.
    let zeros = |dim: &Dim| value(dim, size).map(Dim::constant);
    let axis =
        |a: &ConvAxis| Ok::<_, String>(ConvAxis { before: zeros(&a.before)?, after: zeros(&a.after)?, ..a.clone() });
    let shape = |dims: &[Dim]| dims.iter().map(number).collect::<Result<Vec<Dim>, String>>();
    Ok(match attrs {
        Attrs::Const(c, dims) => Attrs::Const(*c, shape(dims)?),
        Attrs::Slot(slot, ty) => Attrs::Slot(*slot, Box::new(TensorType::new(ty.dtype, shape(&ty.shape)?))),
        Attrs::Reshape(dims) => Attrs::Reshape(shape(dims)?),
        Attrs::Broadcast { shape: dims, map } => Attrs::Broadcast { shape: shape(dims)?, map: map.clone() },
        Attrs::Slice { axis, start, len } => Attrs::Slice { axis: *axis, start: number(start)?, len: number(len)? },
        Attrs::Pad { axis, before, after } => {
            Attrs::Pad { axis: *axis, before: number(before)?, after: number(after)? }
        }
        Attrs::Size(dtype, n) => Attrs::Size(*dtype, number(n)?),
        Attrs::Iota(n) => Attrs::Iota(number(n)?),
        Attrs::Rows(rows) => Attrs::Rows(Rows { size: number(&rows.size)?, ..rows.clone() }),
        Attrs::Window(window) => Attrs::Window(Window { len: number(&window.len)?, ..window.clone() }),
        Attrs::Conv(conv) => Attrs::Conv(Conv { axes: conv.axes.iter().map(axis).collect::<Result<_, _>>()? }),
        Attrs::Random { stream, shape: dims } => Attrs::Random { stream: *stream, shape: shape(dims)? },
        Attrs::None
        | Attrs::Table(_)
        | Attrs::Cast(_)
        | Attrs::Permute(_)
        | Attrs::Axis(_)
        | Attrs::Axes(_)
        | Attrs::Scan(_)
        | Attrs::Contract(_)
        | Attrs::Descending(_) => attrs.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::specialise;
    use crate::autodiff::gradient;
    use crate::interp::{Env, run};
    use crate::ir::attrs::{Attrs, Const, Slot};
    use crate::ir::builder::Builder;
    use crate::ir::dim::{Dim, Sym};
    use crate::ir::graph::{Graph, SiteId};
    use crate::ir::types::{DType, TensorType};
    use crate::ops::movement::CONCAT;
    use crate::ops::source::SIZE;
    use nnc_runtime::buffer::Buffer;

    /// The mean over the batch of a `[batch + 1, 3]` input without its last row.
    fn graph() -> Graph {
        let b = Builder::new();
        let batch = Dim::sym("batch");
        let rows = batch.checked_add(&Dim::constant(1)).expect("a small number");
        let x = b.read(Slot::Input(0), TensorType::new(DType::F32, vec![rows, Dim::from(3)]));
        b.set_sites(vec![SiteId(7)]);
        let last = x.slice(0, 1, batch.clone());
        let n = b.add(&SIZE, Attrs::Size(DType::F32, batch), &[]);
        let mean = last.sum(&[0]) / n.broadcast(vec![Dim::from(3)], vec![]);
        b.output("mean", mean);
        b.update(2, mean);
        b.guard(mean.sum(&[0]));
        b.finish()
    }

    fn batch(n: i64) -> impl Fn(&Sym) -> Option<i64> {
        move |s: &Sym| (&*s.0 == "batch").then_some(n)
    }

    #[test]
    fn sizes_become_numbers_everywhere() {
        let graph = graph();
        let sized = specialise(&graph, &batch(4)).expect("a batch of 4");
        assert!(sized.nodes().all(|(_, n)| n.types.iter().all(|t| t.sizes().is_some())));
        let constants: Vec<Const> =
            sized.nodes().filter_map(|(_, n)| if let Attrs::Const(c, _) = n.attrs { Some(c) } else { None }).collect();
        assert_eq!(constants, [Const::Float(DType::F32, 4.0)]);
        assert_eq!(sized.ty(sized.outputs[0].value).to_string(), "f32[3]");
        assert_eq!((sized.updates[0].0, sized.updates[0].1), (2, sized.outputs[0].value));
        assert!(sized.guard.is_some());
        let sites = |g: &Graph| g.nodes().filter(|(_, n)| n.sites == [SiteId(7)]).count();
        assert_eq!(sites(&sized), sites(&graph));
    }

    #[test]
    fn a_size_that_cannot_be_says_why() {
        let unknown = specialise(&graph(), &|_| None).expect_err("batch is free");
        assert_eq!(unknown.to_string(), "`read`: the size `batch` is not known");
        let negative = specialise(&graph(), &batch(-3)).expect_err("there is no tensor of -2 rows");
        assert_eq!(negative.to_string(), "`read`: the size batch + 1 is -2");
        let large = specialise(&graph(), &batch(i64::MAX)).expect_err("batch + 1 leaves 64 bits");
        assert_eq!(large.to_string(), "`read`: the size batch + 1 is too large");
    }

    #[test]
    fn parts_of_a_free_axis_have_gradients() {
        let b = Builder::new();
        let free = Dim::sym("time");
        let x = b.read(Slot::Input(0), TensorType::new(DType::F32, vec![free.clone()]));
        let y = b.read(Slot::Input(1), TensorType::new(DType::F32, vec![Dim::from(2)]));
        let joined = b.add(&CONCAT, Attrs::Axis(0), &[x, y, x]);
        let squares = (joined * joined * joined.slice(0, 0, joined.ty().shape[0].clone())).sum(&[0]);
        let slopes = gradient(&b, squares, &[x.value, y.value]).expect("all of these have slopes");
        let again = gradient(&b, slopes[1].expect("y takes part").sum(&[0]), &[y.value]).expect("and these");
        for (name, slope) in [("x", slopes[0]), ("y", slopes[1]), ("yy", again[0])] {
            b.output(name, slope.expect("both take part"));
        }
        let sized = specialise(&b.finish(), &|s: &Sym| (&*s.0 == "time").then_some(3)).expect("three places");
        let floats =
            |values: &[f32]| Buffer::from_bytes(&values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>());
        let inputs = [floats(&[1.0, 2.0, 3.0]), floats(&[4.0, 5.0])];
        let values = run(&sized, &Env { states: &[], inputs: &inputs, seed: 0, step: 0 }).expect("nothing is guarded");
        let output = |i: usize| values.get(sized.outputs[i].value).to_bytes();
        // Of the sum of cubes: 3·v² for each of the two copies of x, and for y; 6·v after that.
        assert_eq!(output(0), floats(&[6.0, 24.0, 54.0]).as_slice());
        assert_eq!(output(1), floats(&[48.0, 75.0]).as_slice());
        assert_eq!(output(2), floats(&[24.0, 30.0]).as_slice());
    }
}
