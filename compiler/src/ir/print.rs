//! The canonical text of a graph: one line a node, `%3 : f32[64, 10] = contract(%1, %2) sum=[(1, 0)]`.

use super::attrs::{Attrs, Const, Slot, Table};
use super::dim::Dim;
use super::graph::{Graph, Value};
use super::scan::Scan;
use crate::each_array;
use std::fmt::Write;

/// Names of what the runtime holds, for reading.
pub trait Names {
    /// The path of a state or the name of an input.
    fn slot(&self, slot: Slot) -> String;
}

/// Prints a graph; equal graphs print equally. The body of a loop stands below it, indented.
pub fn print(graph: &Graph, names: &dyn Names) -> String {
    let mut out = String::new();
    for (id, node) in graph.nodes() {
        let types: Vec<String> = node.types.iter().map(ToString::to_string).collect();
        let operands: Vec<String> = node.operands.iter().map(|v| value(*v)).collect();
        // Writing to a string cannot fail.
        let _ = write!(out, "%{} : {} = {}", id.0, types.join(", "), node.op.name);
        if let Attrs::Slot(slot, _) = node.attrs {
            let _ = write!(out, " {}", names.slot(slot));
        }
        if !operands.is_empty() {
            let _ = write!(out, "({})", operands.join(", "));
        }
        let attrs = attrs(&node.attrs);
        if !attrs.is_empty() {
            let _ = write!(out, " {attrs}");
        }
        out.push('\n');
        if let Attrs::Scan(scan) = &node.attrs {
            for line in print(&scan.body, &Inside(scan)).lines() {
                // As above.
                let _ = writeln!(out, "    {line}");
            }
        }
    }
    for o in &graph.outputs {
        let _ = writeln!(out, "output {} = {}", o.name, value(o.value));
    }
    if let Some(guard) = graph.guard {
        let _ = writeln!(out, "guard {}", value(guard));
    }
    for (state, v) in &graph.updates {
        let _ = writeln!(out, "update {} = {}", names.slot(Slot::State(*state)), value(*v));
    }
    out
}

/// What the body of a loop calls what it is given.
pub struct Inside<'s>(pub &'s Scan);

impl Names for Inside<'_> {
    fn slot(&self, slot: Slot) -> String {
        let Inside(scan) = self;
        match slot {
            Slot::State(i) if (i as usize) < scan.carries => format!("carry {i}"),
            Slot::State(i) => format!("yield {}", i as usize - scan.carries),
            Slot::Input(j) if (j as usize) < scan.stacks => format!("element {j}"),
            Slot::Input(j) => format!("given {}", j as usize - scan.stacks),
            Slot::Step => "position".into(),
            Slot::Seed => "seed".into(),
            Slot::Local(i) => format!("local {i}"),
        }
    }
}

/// `%3`, or `%3.1` for a second result.
pub fn value(v: Value) -> String {
    if v.port == 0 { format!("%{}", v.node.0) } else { format!("%{}.{}", v.node.0, v.port) }
}

/// A constant as a person writes it.
pub fn constant(c: Const) -> String {
    match c {
        Const::Float(nnc_runtime::dtype::DType::F32, x) => format!("{:?}", x as f32),
        Const::Float(_, x) => format!("{x:?}"),
        Const::Int(nnc_runtime::dtype::DType::Bool, n) => (n != 0).to_string(),
        Const::Int(_, n) => n.to_string(),
    }
}

/// The first elements of a table, row-major.
fn table(table: &Table) -> String {
    const SHOWN: usize = 8;
    let array = table.array();
    let elements: Vec<String> = each_array!(&array, a => a.iter().take(SHOWN + 1).map(|x| format!("{x:?}")).collect());
    match elements.len() {
        0..=SHOWN => format!("[{}]", elements.join(", ")),
        _ => format!("[{}, …]", elements[..SHOWN].join(", ")),
    }
}

fn dims(shape: &[Dim]) -> String {
    let list: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", list.join(", "))
}

fn attrs(attrs: &Attrs) -> String {
    match attrs {
        Attrs::None | Attrs::Slot(..) | Attrs::Reshape(_) => String::new(),
        Attrs::Const(c, _) => constant(*c),
        Attrs::Table(t) => table(t),
        Attrs::Cast(_) => String::new(),
        Attrs::Permute(perm) => format!("perm={perm:?}"),
        Attrs::Broadcast { map, .. } => format!("map={map:?}"),
        Attrs::Slice { axis, start, len } => format!("axis={axis} start={start} len={len}"),
        Attrs::Pad { axis, before, after } => format!("axis={axis} before={before} after={after}"),
        Attrs::Axis(axis) => format!("axis={axis}"),
        Attrs::Axes(axes) => format!("axes={axes:?}"),
        Attrs::Window(w) => {
            format!("axis={} size={} stride={} dilation={}", w.axis, w.size, w.stride, w.dilation)
        }
        Attrs::Rows(r) => format!("batch={} size={}", r.batch, r.size),
        Attrs::Descending(down) => (if *down { "downwards" } else { "" }).into(),
        Attrs::Conv(c) => {
            let list = |name: &str, of: fn(&super::attrs::ConvAxis) -> String, plain: &str| {
                let values: Vec<String> = c.axes.iter().map(of).collect();
                if values.iter().all(|v| v == plain) { None } else { Some(format!("{name}=[{}]", values.join(", "))) }
            };
            let parts = [
                list("stride", |a| a.stride.to_string(), "1"),
                list("dilation", |a| a.dilation.to_string(), "1"),
                list("spacing", |a| a.spacing.to_string(), "1"),
                list("pad", |a| format!("{}..{}", a.before, a.after), "0..0"),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        Attrs::Contract(c) if c.batch.is_empty() => format!("sum={:?}", c.sum),
        Attrs::Contract(c) => format!("batch={:?} sum={:?}", c.batch, c.sum),
        Attrs::Size(_, n) => n.to_string(),
        Attrs::Iota(n) => dims(std::slice::from_ref(n)),
        Attrs::Random { stream, .. } => format!("stream={stream:#010x}"),
        Attrs::Scan(s) => format!("turns={}{}", s.turns, if s.reversed { " reversed" } else { "" }),
    }
}
