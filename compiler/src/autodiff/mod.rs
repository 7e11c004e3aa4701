//! Reverse mode as graph building: the gradient of a scalar is more graph, made by the derivative columns of the rows. So
//! gradients of gradients need nothing new.
//!
//! The walk visits nodes from the differentiated value backwards; a value that several nodes use receives the sum of their
//! cotangents as a chain of binary additions in that order (reverse program order).

use crate::ir::attrs::Const;
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::{NodeId, Value};
use crate::ir::op::{Op, Vjp, VjpArgs};
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
    let n_nodes = b.graph().len();
    let wanted = b.graph().reached(wrt);
    let mut cts: HashMap<Value, Val<'b>> = HashMap::new();
    cts.insert(y.value, b.constant(Const::Float(y.ty().dtype, 1.0), y.ty().shape));
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
        let values = (0..n_results as u8).map(|port| Value { node: id, port });
        let node_cts: Vec<Option<Val<'b>>> = values.clone().map(|v| cts.get(&v).copied()).collect();
        if node_cts.iter().all(Option::is_none) || operands.iter().all(|v| !wanted[v.node.0 as usize]) {
            continue;
        }
        let rule = match op.vjp {
            Vjp::Rule(rule) => rule,
            Vjp::Zero(_) => continue,
            Vjp::None(reason) => return Err(NoGradient { node: id, op: op.name, reason }),
        };
        let args: Vec<Val<'b>> = operands.iter().map(|v| b.val(*v)).collect();
        let outs: Vec<Val<'b>> = values.map(|v| b.val(v)).collect();
        // What a rule adds comes from where its node comes from.
        let before = b.set_sites(sites);
        let contributions = rule(&VjpArgs { b, args: &args, outs: &outs, cts: &node_cts, attrs: &attrs });
        for (operand, contribution) in operands.iter().zip(contributions) {
            let Some(ct) = contribution else { continue };
            if !wanted[operand.node.0 as usize] || !is_float(b.graph().ty(*operand).dtype) {
                continue;
            }
            debug_assert_eq!(ct.ty(), *b.graph().ty(*operand), "the rule of `{}` gives the wrong type", name(op));
            let sum = match cts.get(operand) {
                Some(sum) => *sum + ct,
                None => ct,
            };
            cts.insert(*operand, sum);
        }
        b.set_sites(before);
    }
    Ok(wrt.iter().map(|v| cts.get(v).copied()).collect())
}

fn name(op: Op) -> &'static str {
    op.name
}
