//! Simplification: a table of named rewrites, each of which keeps every bit (all NaNs counted as one value).
//!
//! What is not in the tables is left out on purpose: x + (+0) turns −0 into +0, x · 0 loses NaN and the sign, x / c is not
//! x · (1/c) unless 1/c is exact, and neither reassociation nor distribution keeps a rounding.

mod arithmetic;
mod movement;

use super::rebuild::{Fate, Visit, rebuild};
use crate::ir::attrs::Attrs;
use crate::ir::builder::{Builder, Val};
use crate::ir::graph::Graph;
use crate::ir::op::Op;

/// A rewrite of one node.
pub struct Rule {
    /// Its name, as the tests and the printed pipeline give it.
    pub name: &'static str,
    /// What it turns into what.
    pub contract: &'static str,
    /// The value that stands for the node's only result; `None` where the rule has nothing to say.
    pub apply: for<'a, 'b> fn(&Expr<'a, 'b>) -> Option<Val<'b>>,
}

/// A node as the rules see it: an operation on values of the new graph.
pub struct Expr<'a, 'b> {
    /// The new graph.
    pub b: &'b Builder,
    /// The row.
    pub op: Op,
    /// Its attributes.
    pub attrs: &'a Attrs,
    /// Its operands.
    pub args: &'a [Val<'b>],
}

impl Expr<'_, '_> {
    fn is(&self, op: Op) -> bool {
        std::ptr::eq(self.op, op)
    }
}

/// What a value of the new graph is made of.
struct Made<'b> {
    op: Op,
    attrs: Attrs,
    args: Vec<Val<'b>>,
}

/// The node that makes `value`.
fn made(value: Val<'_>) -> Made<'_> {
    let graph = value.b.graph();
    let node = graph.node(value.value.node);
    Made { op: node.op, attrs: node.attrs.clone(), args: node.operands.iter().map(|v| value.b.val(*v)).collect() }
}

/// The operand of `value` where it is `op` of one operand, with the attributes.
fn made_by<'b>(value: Val<'b>, op: Op) -> Option<(Val<'b>, Attrs)> {
    let made = made(value);
    match made.args[..] {
        [x] if std::ptr::eq(made.op, op) => Some((x, made.attrs)),
        _ => None,
    }
}

/// Every rule.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    arithmetic::RULES.iter().chain(movement::RULES)
}

/// Most rewrites of one node in a row: longer than any chain that the rules can make, which shorten at every turn.
const MOST_REWRITES: usize = 16;

/// The graph with every rule applied wherever it can be.
pub fn simplify(graph: &Graph) -> Graph {
    simplify_with(graph, &rules().collect::<Vec<_>>())
}

/// [`simplify`] by some of the rules.
pub fn simplify_with(graph: &Graph, rules: &[&Rule]) -> Graph {
    rebuild(graph, |visit| if visit.node.types.len() == 1 { simplified(&visit, rules) } else { Fate::Keep })
}

fn simplified<'b>(visit: &Visit<'_, 'b>, rules: &[&Rule]) -> Fate<'b> {
    let (op, attrs, args) = (visit.node.op, &visit.node.attrs, visit.args);
    let Some(mut value) = first_match(&Expr { b: visit.b, op, attrs, args }, rules) else { return Fate::Keep };
    for _ in 1..MOST_REWRITES {
        let Made { op, attrs, args } = made(value);
        match first_match(&Expr { b: visit.b, op, attrs: &attrs, args: &args }, rules) {
            Some(simpler) => value = simpler,
            None => break,
        }
    }
    Fate::Value(value)
}

fn first_match<'b>(expr: &Expr<'_, 'b>, rules: &[&Rule]) -> Option<Val<'b>> {
    rules.iter().find_map(|rule| (rule.apply)(expr))
}

#[cfg(test)]
mod tests;
