//! `init SEL from "file.safetensors"`: parts that begin as a file has them. What the file holds is not known here: only a new run
//! reads it, so that a program can be evaluated and go on without it.

use super::Elab;
use super::items::Train;
use super::value::Value;
use crate::program::{Init, Role as StateRole};
use nnc_grammar::ast::{Expr, Selector, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};

impl<'a> Elab<'a> {
    /// The `init` lines of a block whose parameters have come into being.
    pub(super) fn inits(&mut self, block: &Train<'a>) -> Vec<Init> {
        let mut inits: Vec<Init> = vec![];
        for stmt in &block.body.stmts {
            if let StmtKind::Init { target, from, layout } = &stmt.kind
                && let Some(init) = self.init(target, from, layout.as_ref())
            {
                let again = init.states.iter().find_map(|n| Some((n, inits.iter().find(|i| i.states.contains(n))?)));
                if let Some((number, first)) = again {
                    let headline = format!("`{}` begins as two files have it", self.states[*number as usize].path);
                    let d = Diagnostic::error(codes::DUPLICATE_SETTING, init.at, headline);
                    let d = d.origin(Role::Previous, first.at, "it is initialised here");
                    self.report(d);
                }
                inits.push(init);
            }
        }
        inits
    }

    fn init(&mut self, target: &'a Selector, from: &'a Expr, layout: Option<&'a Expr>) -> Option<Init> {
        let path = match self.expr(from) {
            Value::Text(path) => Some(path),
            other => {
                self.wrong_kind(&other, from.span, "a path in quotes");
                None
            }
        };
        let known = self.mark_model(target).is_some();
        let held = |role| matches!(role, StateRole::Parameter | StateRole::Statistic);
        let selection = self.selection(target);
        let states = self.states.iter().enumerate().filter(|(_, s)| held(s.role) && selection.takes(&s.path));
        let states: Vec<u32> = states.map(|(number, _)| number as u32).collect();
        // After an error a model may lack parameters; a name that means nothing is wrong all the same.
        if states.is_empty() && (!known || !self.tainted()) {
            self.nothing_selected(target, "this selects nothing that could begin as a file has it");
        }
        let torch = match layout {
            Some(form) => Some(self.called(form, target, &states)?),
            None => None,
        };
        Some(Init { states, path: path?, span: from.span, at: target.span, torch })
    }
}
