//! A graph as mathematics: one equation a value that is used more than once, all others written where they are used.
//! Repetition along new axes is left to the reader, as on paper.

use std::collections::HashMap;
use std::fmt::Write as _;

use nnc_compiler::ir::attrs::{Attrs, Slot};
use nnc_compiler::ir::graph::{Graph, Node, NodeId, Value};
use nnc_compiler::ir::print::{Inside, Names, constant};
use nnc_compiler::ir::scan::Scan;

/// An expression longer than this gets an equation of its own.
const LONG: usize = 72;

/// How tightly an expression holds together; a looser one inside a tighter one needs parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tight {
    Sum,
    Product,
    Sign,
    Power,
    Atom,
}

/// The equations of everything that leaves the graph.
pub(crate) fn mathematics(graph: &Graph, names: &dyn Names) -> String {
    let mut writer = Writer { graph, names, uses: uses(graph), texts: HashMap::new(), out: String::new() };
    let live = graph.live();
    for (id, node) in graph.nodes().filter(|(id, _)| live[id.0 as usize]) {
        writer.node(id, node);
    }
    for output in &graph.outputs {
        let text = writer.loose(output.value);
        writer.equation(&output.name, &text);
    }
    for (state, value) in &graph.updates {
        let text = writer.loose(*value);
        writer.equation(&format!("{}'", names.slot(Slot::State(*state))), &text);
    }
    writer.out
}

/// How often each value is used, by operands and by roots.
fn uses(graph: &Graph) -> HashMap<Value, usize> {
    let live = graph.live();
    let operands =
        graph.nodes().filter(|(id, _)| live[id.0 as usize]).flat_map(|(_, node)| node.operands.iter().copied());
    let mut uses = HashMap::new();
    for value in operands.chain(graph.outputs.iter().map(|o| o.value)).chain(graph.updates.iter().map(|u| u.1)) {
        *uses.entry(value).or_insert(0) += 1;
    }
    uses
}

struct Writer<'a> {
    graph: &'a Graph,
    names: &'a dyn Names,
    uses: HashMap<Value, usize>,
    /// What stands for a value where it is used.
    texts: HashMap<Value, (String, Tight)>,
    out: String,
}

impl Writer<'_> {
    fn equation(&mut self, name: &str, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{name} = {text}");
    }

    /// A loop: its results, what it is given, and the equations of a turn.
    fn turns(&mut self, id: NodeId, node: &Node, scan: &Scan) {
        let named = |port: u16| if port == 0 { format!("v{}", id.0) } else { format!("v{}.{port}", id.0) };
        let results: Vec<String> = (0..node.types.len() as u16).map(named).collect();
        let order = if scan.reversed { ", the last one first" } else { "" };
        self.equation(&results.join(", "), &format!("scan over {} positions{order}", scan.turns));
        let inside = Inside(scan);
        let given = (0..).zip(&node.operands).map(|(k, operand)| {
            let (name, joint) = match k {
                k if k < scan.carries => (inside.slot(Slot::State(k as u32)), "from"),
                k if k < scan.carries + scan.stacks => (inside.slot(Slot::Input((k - scan.carries) as u32)), "of"),
                k => (inside.slot(Slot::Input((k - scan.carries) as u32)), "="),
            };
            format!("{name} {joint} {}\n", self.loose(*operand))
        });
        let lines: String = given.collect::<String>() + &mathematics(&scan.body, &inside);
        for line in lines.lines() {
            // As above.
            let _ = writeln!(self.out, "    {line}");
        }
        for (port, name) in (0..).zip(results) {
            self.texts.insert(Value { node: id, port }, (name, Tight::Atom));
        }
    }

    fn node(&mut self, id: NodeId, node: &Node) {
        if let Attrs::Scan(scan) = &node.attrs {
            return self.turns(id, node, scan);
        }
        let (text, tight) = self.expression(node);
        for port in 0..node.types.len() as u16 {
            let value = Value { node: id, port };
            let is_name = node.operands.is_empty();
            let once = self.uses.get(&value).copied().unwrap_or(0) <= 1;
            let view = matches!(node.attrs, Attrs::Broadcast { .. });
            if node.types.len() == 1 && (is_name || view || (once && text.chars().count() <= LONG)) {
                self.texts.insert(value, (text.clone(), tight));
                continue;
            }
            let name = if port == 0 { format!("v{}", id.0) } else { format!("v{}.{port}", id.0) };
            if port == 0 {
                self.equation(&name, &text);
            }
            self.texts.insert(value, (name, Tight::Atom));
        }
    }

    /// The text of a value, in parentheses if it is looser than `least`.
    fn text(&self, value: Value, least: Tight) -> String {
        match self.texts.get(&value) {
            Some((text, tight)) if *tight >= least => text.clone(),
            Some((text, _)) => format!("({text})"),
            // Operands come before their users.
            None => format!("v{}", value.node.0),
        }
    }

    fn loose(&self, value: Value) -> String {
        self.text(value, Tight::Sum)
    }

    fn expression(&self, node: &Node) -> (String, Tight) {
        let operands = &node.operands;
        let infix = |sign: &str, tight: Tight, right: Tight| {
            (format!("{}{sign}{}", self.text(operands[0], tight), self.text(operands[1], right)), tight)
        };
        match (node.op.name, &node.attrs, operands.len()) {
            (_, Attrs::Slot(slot, _), _) => (self.names.slot(*slot), Tight::Atom),
            (_, Attrs::Const(c, _), _) => {
                let text = constant(*c);
                let tight = if text.starts_with('-') { Tight::Sign } else { Tight::Atom };
                (text, tight)
            }
            (_, Attrs::Broadcast { .. }, 1) => match self.texts.get(&operands[0]) {
                Some((text, tight)) => (text.clone(), *tight),
                None => (self.loose(operands[0]), Tight::Sum),
            },
            ("add", _, 2) => infix(" + ", Tight::Sum, Tight::Sum),
            ("sub", _, 2) => infix(" - ", Tight::Sum, Tight::Product),
            ("mul", _, 2) => infix(" * ", Tight::Product, Tight::Product),
            ("div", _, 2) => infix(" / ", Tight::Product, Tight::Sign),
            ("neg", _, 1) => (format!("-{}", self.text(operands[0], Tight::Power)), Tight::Sign),
            ("pow", _, 2) => {
                let (base, exponent) = (self.text(operands[0], Tight::Atom), self.text(operands[1], Tight::Power));
                (format!("{base}^{exponent}"), Tight::Power)
            }
            (_, Attrs::Contract(c), 2) if c.batch.is_empty() && self.is_matrix_product(operands) => {
                let transposed = |value: Value, yes: bool| {
                    let text = self.text(value, Tight::Atom);
                    if yes { format!("{text}ᵀ") } else { text }
                };
                match c.sum[..] {
                    [(a, b)] => (
                        format!("{} @ {}", transposed(operands[0], a == 0), transposed(operands[1], b == 1)),
                        Tight::Product,
                    ),
                    _ => (self.call(node), Tight::Atom),
                }
            }
            (_, Attrs::Permute(perm), 1) if perm[..] == [1, 0] => {
                (format!("{}ᵀ", self.text(operands[0], Tight::Atom)), Tight::Atom)
            }
            (_, Attrs::Cast(dtype), 1) => (format!("{dtype}({})", self.loose(operands[0])), Tight::Atom),
            _ => (self.call(node), Tight::Atom),
        }
    }

    fn is_matrix_product(&self, operands: &[Value]) -> bool {
        operands.iter().all(|value| self.graph.ty(*value).rank() == 2)
    }

    /// `name(operands, attributes)`.
    fn call(&self, node: &Node) -> String {
        let mut arguments: Vec<String> = node.operands.iter().map(|value| self.loose(*value)).collect();
        let list = |axes: &[usize]| axes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        arguments.extend(match &node.attrs {
            Attrs::Axes(axes) => Some(format!("over = [{}]", list(axes))),
            Attrs::Axis(axis) => Some(format!("axis = {axis}")),
            Attrs::Permute(perm) => Some(format!("axes = [{}]", list(perm))),
            Attrs::Slice { axis, start, len } => Some(format!("axis {axis} = {start} for {len}")),
            Attrs::Pad { axis, before, after } => Some(format!("axis {axis} by {before} and {after}")),
            Attrs::Contract(c) => Some(format!("batch = {:?}, over = {:?}", c.batch, c.sum)),
            Attrs::Reshape(_) => node.types.first().map(ToString::to_string),
            Attrs::Rows(rows) => Some(format!("rows = {}", rows.size)),
            Attrs::Size(_, dim) | Attrs::Iota(dim) => Some(dim.to_string()),
            Attrs::Random { stream, .. } => Some(format!("stream {stream:#010x}")),
            _ => None,
        });
        format!("{}({})", node.op.name, arguments.join(", "))
    }
}
