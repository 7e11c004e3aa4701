//! Checked construction: a node's types are inferred when it is added, so an ill-typed node cannot exist. [`Val`] is a small
//! copyable handle, so that derivative rules read as mathematics.

use super::attrs::{Attrs, Const, Table};
use super::graph::{Graph, Node, NodeId, Output, SiteId, Value};
use super::op::{Arity, InferError, Op};
use super::types::TensorType;
use std::cell::{Ref, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// Builds a graph node by node; equal nodes are shared as they are added.
#[derive(Default)]
pub struct Builder {
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    graph: Graph,
    sites: Vec<SiteId>,
    known: HashMap<Key, NodeId>,
    locals: u32,
}

/// What makes two nodes equal: the row, the attributes and the operands.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    op: *const (),
    attrs: Attrs,
    operands: Vec<Value>,
}

impl Builder {
    /// An empty graph to build.
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The graph built.
    pub fn finish(self) -> Graph {
        self.inner.into_inner().graph
    }

    /// Looks at the graph built so far. Nothing may be added while the reference lives.
    pub fn graph(&self) -> Ref<'_, Graph> {
        Ref::map(self.inner.borrow(), |i| &i.graph)
    }

    /// Sets where the nodes added from now on come from; returns what was set before.
    pub fn set_sites(&self, sites: Vec<SiteId>) -> Vec<SiteId> {
        std::mem::replace(&mut self.inner.borrow_mut().sites, sites)
    }

    /// Adds a node, or finds the equal one, after inferring its types.
    pub fn try_add(&self, op: Op, attrs: Attrs, operands: &[Val<'_>]) -> Result<NodeId, InferError> {
        let operands: Vec<Value> = operands.iter().map(|v| v.value).collect();
        let mut inner = self.inner.borrow_mut();
        let types = {
            let types: Vec<&TensorType> = operands.iter().map(|v| inner.graph.ty(*v)).collect();
            if let Arity::Exactly(n) = op.arity
                && n != types.len()
            {
                return Err(InferError::new(format!("`{}` takes {n} operands, not {}", op.name, types.len())));
            }
            (op.infer)(&types, &attrs)?
        };
        let key = key(op, &attrs, &operands);
        if let Some(&id) = inner.known.get(&key) {
            let sites = inner.sites.clone();
            inner.graph.add_sites(id, &sites);
            return Ok(id);
        }
        let sites = inner.sites.clone();
        let id = inner.graph.push(Node { op, attrs, operands, types, sites });
        inner.known.insert(key, id);
        Ok(id)
    }

    /// Adds a node whose operands are known to fit: derivative rules and passes build from checked nodes.
    ///
    /// # Panics
    /// When they do not fit, which is a mistake of the rule, never of the user's program.
    pub fn add(&self, op: Op, attrs: Attrs, operands: &[Val<'_>]) -> Val<'_> {
        match self.try_add(op, attrs, operands) {
            Ok(id) => self.val(Value { node: id, port: 0 }),
            Err(e) => panic!("ill-typed `{}` made by the compiler: {}", op.name, e.what),
        }
    }

    /// The handle of a value of this graph.
    pub fn val(&self, value: Value) -> Val<'_> {
        Val { b: self, value }
    }

    /// The number of a local that no other has: for a value of a loop's body while it is being built.
    pub fn next_local(&self) -> u32 {
        let mut inner = self.inner.borrow_mut();
        inner.locals += 1;
        inner.locals - 1
    }

    /// Names a result.
    pub fn output(&self, name: impl Into<String>, value: Val<'_>) {
        self.inner.borrow_mut().graph.outputs.push(Output { name: name.into(), value: value.value });
    }

    /// Sets the new value of a state; a second update in program order replaces the first.
    pub fn update(&self, state: u32, value: Val<'_>) {
        let updates = &mut self.inner.borrow_mut().graph.updates;
        match updates.iter_mut().find(|u| u.0 == state) {
            Some(update) => update.1 = value.value,
            None => updates.push((state, value.value)),
        }
    }

    /// The new value of a state, as far as the program has come.
    pub fn updated(&self, state: u32) -> Option<Val<'_>> {
        let value = self.inner.borrow().graph.updates.iter().find(|u| u.0 == state)?.1;
        Some(self.val(value))
    }

    /// What leaves the graph so far: results and updates.
    pub fn roots(&self) -> Roots {
        let graph = &self.inner.borrow().graph;
        Roots { outputs: graph.outputs.clone(), updates: graph.updates.clone() }
    }

    /// Lets only this leave the graph; nodes stay.
    pub fn restore(&self, roots: Roots) {
        let graph = &mut self.inner.borrow_mut().graph;
        (graph.outputs, graph.updates) = (roots.outputs, roots.updates);
    }

    /// Sets the value whose finiteness is checked before any state is written.
    pub fn guard(&self, value: Val<'_>) {
        self.inner.borrow_mut().graph.guard = Some(value.value);
    }
}

/// What leaves a graph, as [`Builder::roots`] gives it.
pub struct Roots {
    outputs: Vec<Output>,
    updates: Vec<(u32, Value)>,
}

fn key(op: Op, attrs: &Attrs, operands: &[Value]) -> Key {
    Key { op: std::ptr::from_ref(op).cast(), attrs: attrs.clone(), operands: operands.to_vec() }
}

/// A value being built upon.
#[derive(Clone, Copy)]
pub struct Val<'b> {
    /// The graph it lies in.
    pub b: &'b Builder,
    /// Which value.
    pub value: Value,
}

impl<'b> Val<'b> {
    /// Its type.
    pub fn ty(self) -> TensorType {
        self.b.graph().ty(self.value).clone()
    }

    /// Another result of the same node.
    pub fn port(self, port: u16) -> Val<'b> {
        Val { b: self.b, value: Value { node: self.value.node, port } }
    }

    /// The constant it is, if its node is a splat constant.
    pub fn as_const(self) -> Option<Const> {
        match &self.b.graph().node(self.value.node).attrs {
            Attrs::Const(c, _) => Some(*c),
            _ => None,
        }
    }

    /// The constant it is, if its elements stand in the program.
    pub fn as_table(self) -> Option<Arc<Table>> {
        match &self.b.graph().node(self.value.node).attrs {
            Attrs::Table(table) => Some(table.clone()),
            _ => None,
        }
    }
}
