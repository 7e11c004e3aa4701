//! Parameters that a loss does not reach, and what stands in the way.

use super::Elab;
use super::train::Loss;
use crate::ir::graph::NodeId;
use crate::ir::op::Vjp;
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// Parameters that one report names.
const MOST_NAMED: usize = 4;

impl<'a> Elab<'a> {
    /// Reports the parameters of a line that have no gradient: one report a selector.
    pub(super) fn unreached(&mut self, parameters: &[(u32, Span)], loss: &Loss) {
        // After another mistake the way may be what is missing.
        if self.tainted() {
            return;
        }
        let mut selectors: Vec<Span> = parameters.iter().map(|p| p.1).collect();
        selectors.dedup();
        for at in selectors {
            let numbers: Vec<u32> = parameters.iter().filter(|p| p.1 == at).map(|p| p.0).collect();
            let paths: Vec<String> = numbers.iter().map(|n| format!("`{}`", self.states[*n as usize].path)).collect();
            let shown = paths[..paths.len().min(MOST_NAMED)].join(", ");
            let more = if paths.len() > MOST_NAMED { ", …" } else { "" };
            let mut d = Diagnostic::error(codes::NO_GRADIENT, at, format!("the loss has no gradient by {shown}{more}"))
                .label(if paths.len() == 1 { "it is to be optimised here" } else { "they are to be optimised here" })
                .origin(Role::Previous, loss.span, "the loss is declared here");
            for number in numbers.iter().take(MOST_NAMED) {
                let site = self.states[*number as usize].site;
                let place = self.sites[site.0 as usize].span;
                if d.origins.iter().all(|o| o.span != place) {
                    d = d.origin(Role::Declaration, place, "the parameter comes from here");
                }
            }
            d = match self.barrier(&numbers, loss) {
                Some((op, reason, place)) => {
                    d.origin(Role::Declaration, place, format!("the gradient ends here, at `{op}`: {reason}"))
                }
                None => d.note("the loss does not depend on it"),
            };
            self.report(d);
        }
    }

    /// The first operation without a slope on the way from the parameters to the loss.
    fn barrier(&self, parameters: &[u32], loss: &Loss) -> Option<(&'static str, &'static str, Span)> {
        let graph = self.b.graph();
        let mut wanted = vec![false; graph.len()];
        wanted[loss.tensor.node.node.0 as usize] = true;
        for i in (0..graph.len() as u32).rev() {
            if wanted[i as usize] {
                for operand in &graph.node(NodeId(i)).operands {
                    wanted[operand.node.0 as usize] = true;
                }
            }
        }
        let mut live = vec![false; graph.len()];
        for number in parameters {
            if let Some(t) = self.current.get(number) {
                live[t.node.node.0 as usize] = true;
            }
        }
        for (id, node) in graph.nodes() {
            let i = id.0 as usize;
            live[i] |= node.operands.iter().any(|operand| live[operand.node.0 as usize]);
            if let Vjp::Zero(reason) = node.op.vjp
                && live[i]
                && wanted[i]
                && !node.operands.is_empty()
            {
                let site = node.sites.first()?;
                return Some((node.op.name, reason, self.sites[site.0 as usize].span));
            }
        }
        None
    }
}
