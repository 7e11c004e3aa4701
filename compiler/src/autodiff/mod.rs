//! Reverse mode as graph building: the gradient of a scalar is more graph, made by the derivative columns of the rows. So
//! gradients of gradients need nothing new.
//!
//! The walk visits nodes from the differentiated value backwards; a value that several nodes use receives the sum of their
//! cotangents as a chain of binary additions in that order (reverse program order).

mod branch;
mod scan;

use crate::ir::attrs::Const;
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{Graph, NodeId, Value};
use crate::ir::op::{Lower, Vjp, VjpArgs};
use crate::ir::types::is_float;
use std::collections::{HashMap, HashSet};

/// Why there is no gradient.
#[derive(Debug, Clone)]
pub struct NoGradient {
    /// The node on the way that has no derivative.
    pub node: NodeId,
    /// Its row.
    pub op: &'static str,
    /// The reason its row gives.
    pub reason: &'static str,
}

/// The gradient of scalar `y` with respect to each of `wrt`; `None` where `y` does not depend on it.
///
/// `wrt` may be any values of the graph that `y` is made from; each is taken as independent of the others.
///
/// # Errors
/// When an operation without a derivative lies between.
pub fn gradient<'b>(b: &'b Builder, y: Val<'b>, wrt: &[Value]) -> Result<Vec<Option<Val<'b>>>, NoGradient> {
    let one = b.constant(Const::Float(y.ty().dtype, 1.0), y.ty().shape);
    let cts = pull(b, &[(y.value, one)], &Pull { wrt, watched: &[], skipped: &|_, _| false })?;
    Ok(wrt.iter().map(|v| cts.get(v).copied()).collect())
}

/// How cotangents are carried back.
pub(crate) struct Pull<'w> {
    /// The values whose cotangents are wanted; nothing is carried beyond them.
    pub(crate) wrt: &'w [Value],
    /// Values whose cotangents are wanted, and carried on from there.
    pub(crate) watched: &'w [Value],
    /// Operands of nodes that nothing is carried to.
    pub(crate) skipped: &'w dyn Fn(NodeId, usize) -> bool,
}

/// Carries the cotangents of some values back to others; gives those of all values on the way.
///
/// # Errors
/// When an operation without a derivative lies between.
pub(crate) fn pull<'b>(
    b: &'b Builder,
    seeds: &[(Value, Val<'b>)],
    how: &Pull<'_>,
) -> Result<HashMap<Value, Val<'b>>, NoGradient> {
    let n_nodes = b.graph().len();
    let walk = Walk {
        how,
        wanted: b.graph().reached(&[how.wrt, how.watched].concat()),
        ends: how.wrt.iter().copied().collect(),
    };
    let mut cts: HashMap<Value, Val<'b>> = HashMap::new();
    for (value, ct) in seeds {
        add(&mut cts, *value, *ct);
    }
    for i in (0..n_nodes as u32).rev() {
        let id = NodeId(i);
        if !walk.wanted[i as usize] {
            continue;
        }
        let (n_results, elementwise) = {
            let graph = b.graph();
            let node = graph.node(id);
            (node.types.len(), matches!(node.op.lower, Lower::Elementwise))
        };
        let ct_of = |v: Value| if walk.ends.contains(&v) { None } else { cts.get(&v).copied() };
        let node_cts: Vec<Option<Val<'b>>> =
            (0..n_results as u16).map(|port| ct_of(Value { node: id, port })).collect();
        if let ([Some(ct)], true) = (&node_cts[..], elementwise)
            && let Some((root, slope)) = branch::slope(b, id, &walk)?
        {
            let sites = b.graph().node(id).sites.clone();
            let before = b.set_sites(sites);
            add(&mut cts, root, *ct * slope);
            b.set_sites(before);
            continue;
        }
        for (operand, ct) in walk.contributions(b, id, &node_cts)? {
            add(&mut cts, operand, ct);
        }
    }
    Ok(cts)
}

/// A walk back through a graph.
struct Walk<'w> {
    how: &'w Pull<'w>,
    /// By node: whether it is made from what is wanted.
    wanted: Vec<bool>,
    /// Where nothing is carried beyond.
    ends: HashSet<Value>,
}

impl Walk<'_> {
    /// Whether cotangents are carried to operand `k` of a node that stood there when the walk began, as its operands did.
    fn leads_to(&self, graph: &Graph, node: NodeId, k: usize, operand: Value) -> bool {
        let is_wanted = self.wanted[operand.node.0 as usize];
        is_wanted && is_float(graph.ty(operand).dtype) && !(self.how.skipped)(node, k)
    }

    /// What the cotangents of a node's results contribute to those of its operands.
    fn contributions<'b>(
        &self,
        b: &'b Builder,
        id: NodeId,
        cts: &[Option<Val<'b>>],
    ) -> Result<Vec<(Value, Val<'b>)>, NoGradient> {
        let (op, attrs, operands, sites) = {
            let graph = b.graph();
            let node = graph.node(id);
            (node.op, node.attrs.clone(), node.operands.clone(), node.sites.clone())
        };
        if cts.iter().all(Option::is_none) || operands.iter().all(|v| !self.wanted[v.node.0 as usize]) {
            return Ok(vec![]);
        }
        let args: Vec<Val<'b>> = operands.iter().map(|v| b.val(*v)).collect();
        let outs: Vec<Val<'b>> = (0..cts.len() as u16).map(|port| b.val(Value { node: id, port })).collect();
        // What a rule adds comes from where its node comes from.
        let before = b.set_sites(sites);
        let all = match op.vjp {
            Vjp::Rule(rule) => rule(&VjpArgs { b, args: &args, outs: &outs, cts, attrs: &attrs }),
            Vjp::Scan => scan::backward(b, &attrs, &args, cts)?,
            Vjp::Zero(_) => vec![],
            Vjp::None(reason) => return Err(NoGradient { node: id, op: op.name, reason }),
        };
        b.set_sites(before);
        let graph = b.graph();
        let mut out = vec![];
        for (k, (operand, ct)) in operands.into_iter().zip(all).enumerate() {
            let Some(ct) = ct.filter(|_| self.leads_to(&graph, id, k, operand)) else { continue };
            debug_assert_eq!(ct.ty(), *graph.ty(operand), "the rule of `{}` gives the wrong type", op.name);
            out.push((operand, ct));
        }
        Ok(out)
    }
}

fn add<'b>(cts: &mut HashMap<Value, Val<'b>>, value: Value, ct: Val<'b>) {
    let sum = match cts.get(&value) {
        Some(sum) => *sum + ct,
        None => ct,
    };
    cts.insert(value, sum);
}
