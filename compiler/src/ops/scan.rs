//! Loops: a body that runs once for each position along an axis.
//!
//! A body is built in the graph around it, on *locals* that stand for the carries, the elements of stacks and the position;
//! [`close`] then takes out of that graph what depends on a local. What does not is computed once, outside: so work that is
//! the same for all turns is never in a loop.

use super::infer::wrong_attrs;
use super::movement::STOP_GRADIENT;
use super::source::{COUNTER, READ};
use crate::ir::attrs::{Attrs, Slot};
use crate::ir::builder::{Builder, Val};
use crate::ir::dim::Dim;
use crate::ir::graph::{Graph, Node, NodeId, Value};
use crate::ir::op::{Arity, InferError, Lower, Meaning, OpDef, Reference, Vjp};
use crate::ir::scan::Scan;
use crate::ir::types::{DType, TensorType};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A loop.
pub static SCAN: OpDef = OpDef {
    name: "scan",
    doc: "a body of its own for each position along an axis, with values carried from turn to turn",
    arity: Arity::Many,
    infer: |args, attrs| {
        let Attrs::Scan(scan) = attrs else { return Err(wrong_attrs()) };
        if args.len() < scan.carries + scan.stacks {
            return Err(InferError::new("a loop lacks first values or stacks"));
        }
        let mut types = vec![];
        for (i, first) in args[..scan.carries].iter().enumerate() {
            match scan.next_type(i) {
                Some(next) if next == *first => types.push(next.clone()),
                Some(next) => return Err(InferError::new(format!("carry {i} begins as {first} and becomes {next}"))),
                None => return Err(InferError::new(format!("carry {i} has no next value"))),
            }
        }
        for (id, slot) in scan.body.slots() {
            let Slot::Input(j) = slot else { continue };
            let read = &scan.body.node(id).types[0];
            let fits = args.get(scan.carries + j as usize).is_some_and(|given| {
                if (j as usize) < scan.stacks { **given == scan.stacked(read) } else { *given == read }
            });
            if !fits {
                return Err(InferError::new(format!("input {j} of the body is not what the loop is given")));
            }
        }
        for i in 0..scan.yields() {
            let element = scan.next_type(scan.carries + i).ok_or_else(|| InferError::new("a yield has no value"))?;
            types.push(scan.stacked(element));
        }
        Ok(types)
    },
    meaning: Meaning::Scan,
    reference: Reference::None("tested by differences and against the same turns written out"),
    vjp: Vjp::Scan,
    lower: Lower::Scan,
    domain: &[],
};

/// One result of a node with several results, as a value of its own. Code generation alone makes it.
pub static RESULT: OpDef = OpDef {
    name: "result",
    doc: "one result of an operation with several",
    arity: Arity::Exactly(1),
    infer: |args, _| Ok(vec![args[0].clone()]),
    meaning: Meaning::Tensor(|args, _, _| vec![args[0].clone()]),
    reference: Reference::None("the same value"),
    vjp: Vjp::Rule(|n| vec![Some(n.ct())]),
    lower: Lower::Result,
    domain: &[],
};

/// A value of a loop's body that stands for something outside.
pub struct Given<'b> {
    /// What the body uses.
    pub inside: Value,
    /// What it stands for: the first value of a carry, or a stack.
    pub outside: Val<'b>,
}

/// A loop whose body has been built around locals.
pub struct Open<'b> {
    /// How many turns.
    pub turns: Dim,
    /// Whether they run from the last position to the first.
    pub reversed: bool,
    /// The local of the position, one i64.
    pub position: Value,
    /// The carries, each with its next value.
    pub carries: Vec<(Given<'b>, Val<'b>)>,
    /// The stacks.
    pub stacks: Vec<Given<'b>>,
    /// What each turn yields.
    pub yields: Vec<Val<'b>>,
}

/// Closes a loop: takes its body out of the graph and adds its node there. Gives the last values of the carries, then the
/// stacks of the yields.
///
/// # Errors
/// When a carry becomes something of another type.
pub fn close<'b>(b: &'b Builder, open: &Open<'b>) -> Result<Vec<Val<'b>>, InferError> {
    let nexts = open.carries.iter().map(|c| c.1);
    let roots: Vec<Value> = nexts.chain(open.yields.iter().copied()).map(|v| v.value).collect();
    let (body, stacks, captured) = {
        let graph = b.graph();
        let carries: Vec<Value> = open.carries.iter().map(|c| c.0.inside).collect();
        let stacks: Vec<Value> = open.stacks.iter().map(|s| s.inside).collect();
        let inside = [&carries[..], &stacks, &[open.position]].concat();
        let cut = Cut::find(&graph, &inside, &roots);
        // Stacks that no turn looks at are no operands.
        let stacks: Vec<usize> = (0..stacks.len()).filter(|&j| cut.touched.contains(&stacks[j])).collect();
        let locals = (0..).zip(&carries).map(|(i, v)| (*v, Slot::State(i)));
        let elements = (0..).zip(&stacks).map(|(j, &s)| (open.stacks[s].inside, Slot::Input(j)));
        let captured = (stacks.len() as u32..).zip(&cut.captured).map(|(j, v)| (*v, Slot::Input(j)));
        let given: Vec<(Value, Slot)> = locals.chain(elements).chain(captured).collect();
        (cut.copy(open.position, &given, &roots), stacks, cut.captured)
    };
    let scan = Scan {
        body,
        turns: open.turns.clone(),
        carries: open.carries.len(),
        stacks: stacks.len(),
        reversed: open.reversed,
    };
    let firsts = open.carries.iter().map(|c| c.0.outside);
    let stacks = stacks.into_iter().map(|j| open.stacks[j].outside);
    let operands: Vec<Val<'_>> = firsts.chain(stacks).chain(captured.into_iter().map(|v| b.val(v))).collect();
    let node = b.try_add(&SCAN, Attrs::Scan(Arc::new(scan)), &operands)?;
    let ports = u16::try_from(roots.len()).map_err(|_| InferError::new("a loop has more than 65535 results"))?;
    Ok((0..ports).map(|port| b.val(Value { node, port })).collect())
}

/// The attributes of a position.
pub fn position_attrs() -> Attrs {
    Attrs::Slot(Slot::Step, Box::new(TensorType::scalar(DType::I64)))
}

impl Builder {
    /// A value of this type that stands for something of a loop until the loop is closed.
    pub fn local(&self, ty: TensorType) -> Val<'_> {
        let number = self.next_local();
        self.read(Slot::Local(number), ty)
    }
}

/// A body to be cut out of the graph around it.
struct Cut<'g> {
    graph: &'g Graph,
    /// Its nodes, in program order: they depend on the loop, or are nothing but a way to read what is outside.
    nodes: Vec<NodeId>,
    /// What is given to it that it looks at.
    touched: HashSet<Value>,
    /// What it looks at outside, in program order.
    captured: Vec<Value>,
}

impl<'g> Cut<'g> {
    /// Finds what `roots` need from what is given `inside`.
    fn find(graph: &'g Graph, inside: &[Value], roots: &[Value]) -> Cut<'g> {
        let reached = graph.reached(inside);
        let mut cut = Cut { graph, nodes: vec![], touched: HashSet::new(), captured: vec![] };
        let mut seen: HashSet<Value> = HashSet::new();
        let mut open: Vec<Value> = roots.to_vec();
        while let Some(value) = open.pop() {
            if !seen.insert(value) {
                continue;
            }
            if inside.contains(&value) {
                cut.touched.insert(value);
            } else if reached[value.node.0 as usize] || is_free(graph.node(value.node)) {
                cut.nodes.push(value.node);
                open.extend(&graph.node(value.node).operands);
            } else {
                cut.captured.push(value);
            }
        }
        cut.nodes.sort_unstable();
        cut.nodes.dedup();
        cut.captured.sort_unstable();
        cut
    }

    /// The body as a graph of its own, whose updates are the roots.
    fn copy(&self, position: Value, given: &[(Value, Slot)], roots: &[Value]) -> Graph {
        let body = Builder::new();
        let mut map = HashMap::from([(position, body.add(&COUNTER, position_attrs(), &[]).value)]);
        for (value, slot) in given {
            map.insert(*value, body.read(*slot, self.graph.ty(*value).clone()).value);
        }
        for &id in &self.nodes {
            let node = self.graph.node(id);
            body.set_sites(node.sites.clone());
            let operands: Vec<Val<'_>> = node.operands.iter().map(|v| body.val(map[v])).collect();
            let new = body.add(node.op, node.attrs.clone(), &operands).value.node;
            for port in 0..node.types.len() as u16 {
                map.entry(Value { node: id, port }).or_insert(Value { node: new, port });
            }
        }
        for (i, root) in (0..).zip(roots) {
            body.update(i, body.val(map[root]));
        }
        body.finish()
    }
}

/// Whether a value costs nothing to have again inside: constants, indices, movements. Where a gradient stops outside, the loop
/// depends on nothing before.
fn is_free(node: &Node) -> bool {
    match node.op.lower {
        _ if std::ptr::eq(node.op, &raw const STOP_GRADIENT) => false,
        Lower::Const | Lower::View | Lower::Affine(_) => true,
        Lower::Elementwise => node.operands.is_empty(),
        _ => false,
    }
}

/// Adds a body to a graph, its states, inputs and position being these values; gives the new values of its nodes.
pub fn splice<'b>(
    b: &'b Builder,
    body: &Graph,
    states: &[Val<'b>],
    inputs: &[Val<'b>],
    position: Val<'b>,
) -> HashMap<Value, Val<'b>> {
    let mut map: HashMap<Value, Val<'b>> = HashMap::new();
    let before = b.set_sites(vec![]);
    for (id, node) in body.nodes() {
        let first = Value { node: id, port: 0 };
        if std::ptr::eq(node.op, &READ) || std::ptr::eq(node.op, &COUNTER) {
            let given = match node.attrs {
                Attrs::Slot(Slot::State(i), _) => states.get(i as usize),
                Attrs::Slot(Slot::Input(j), _) => inputs.get(j as usize),
                Attrs::Slot(Slot::Step, _) => Some(&position),
                _ => None,
            };
            if let Some(given) = given {
                map.insert(first, *given);
                continue;
            }
        }
        b.set_sites(node.sites.clone());
        let operands: Vec<Val<'b>> = node.operands.iter().map(|v| map[v]).collect();
        let new = b.add(node.op, node.attrs.clone(), &operands);
        for port in 0..node.types.len() as u16 {
            map.insert(Value { node: id, port }, new.port(port));
        }
    }
    b.set_sites(before);
    map
}

/// The rows of this family.
pub(super) const ROWS: &[&OpDef] = &[&SCAN];
