//! Reverse mode as graph building: the gradient of a scalar is more graph, made by the derivative columns of the rows. So
//! gradients of gradients need nothing new.
//!
//! The walk visits nodes from the differentiated value backwards; a value that several nodes use receives the sum of their
//! cotangents as a chain of binary additions in that order (reverse program order).

mod scan;

use crate::ir::attrs::Const;
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{NodeId, Value};
use crate::ir::op::{Vjp, VjpArgs};
use crate::ir::types::is_float;
use std::collections::HashMap;

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
    let wanted = b.graph().reached(&[how.wrt, how.watched].concat());
    let mut cts: HashMap<Value, Val<'b>> = HashMap::new();
    for (value, ct) in seeds {
        add(&mut cts, *value, *ct);
    }
    for i in (0..n_nodes as u32).rev() {
        let id = NodeId(i);
        if !wanted[i as usize] {
            continue;
        }
        let (op, attrs, operands, n_results, sites) = {
            let graph = b.graph();
            let node = graph.node(id);
            (node.op, node.attrs.clone(), node.operands.clone(), node.types.len(), node.sites.clone())
        };
        let values = (0..n_results as u16).map(|port| Value { node: id, port });
        let ct_of = |v: Value| if how.wrt.contains(&v) { None } else { cts.get(&v).copied() };
        let node_cts: Vec<Option<Val<'b>>> = values.clone().map(ct_of).collect();
        if node_cts.iter().all(Option::is_none) || operands.iter().all(|v| !wanted[v.node.0 as usize]) {
            continue;
        }
        let args: Vec<Val<'b>> = operands.iter().map(|v| b.val(*v)).collect();
        let outs: Vec<Val<'b>> = values.map(|v| b.val(v)).collect();
        // What a rule adds comes from where its node comes from.
        let before = b.set_sites(sites);
        let contributions = match op.vjp {
            Vjp::Rule(rule) => rule(&VjpArgs { b, args: &args, outs: &outs, cts: &node_cts, attrs: &attrs }),
            Vjp::Scan => scan::backward(b, &attrs, &args, &node_cts)?,
            Vjp::Zero(_) => vec![],
            Vjp::None(reason) => return Err(NoGradient { node: id, op: op.name, reason }),
        };
        for (k, (operand, contribution)) in operands.iter().zip(contributions).enumerate() {
            let Some(ct) = contribution else { continue };
            let skipped = (how.skipped)(id, k) || !wanted[operand.node.0 as usize];
            if skipped || !is_float(b.graph().ty(*operand).dtype) {
                continue;
            }
            debug_assert_eq!(ct.ty(), *b.graph().ty(*operand), "the rule of `{}` gives the wrong type", op.name);
            add(&mut cts, *operand, ct);
        }
        b.set_sites(before);
    }
    Ok(cts)
}

fn add<'b>(cts: &mut HashMap<Value, Val<'b>>, value: Value, ct: Val<'b>) {
    let sum = match cts.get(&value) {
        Some(sum) => *sum + ct,
        None => ct,
    };
    cts.insert(value, sum);
}
