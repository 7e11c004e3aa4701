//! `predict` blocks: bindings in evaluation mode, and those that no line uses are the outputs.

use super::items::Predict;
use super::value::Value;
use super::{Elab, Mode};
use crate::ir::types::DType;
use crate::program::PredictPlan;
use nnc_grammar::ast::{ExprKind, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use std::collections::HashSet;

impl<'a> Elab<'a> {
    /// Elaborates a `predict` block.
    pub(super) fn predict(&mut self, block: &Predict<'a>) -> Option<PredictPlan> {
        if let Some(input) = block.inputs.first() {
            self.unsupported(input.span, "`predict` with arguments");
            return None;
        }
        let Some(on) = block.on else {
            self.unsupported(block.head, "`predict` without data");
            return None;
        };
        let data = self.data_block(on)?;
        let plan = data.known.as_ref().map(|known| known.plan.clone());
        let mut used: HashSet<&str> = HashSet::new();
        super::walk::walk_block(block.body, &mut |seen| {
            if let super::walk::Seen::Expr(e) = seen
                && let ExprKind::Name(name) = &e.kind
            {
                used.insert(name);
            }
        });
        let ((), graph) = self.graph(Mode::Predict, |this| {
            let frame = this.block_frame(block.head);
            this.frames.push(frame);
            this.bind_fields(&data, block.body);
            let mut n_outputs = 0;
            for stmt in &block.body.stmts {
                match &stmt.kind {
                    StmtKind::Bind { targets, value, form } => {
                        if let Some(form) = form {
                            this.unsupported(form.span, "a form of an output");
                        }
                        this.bind_targets(targets, value);
                        for target in targets.iter().filter(|t| !used.contains(t.name.text.as_str())) {
                            this.usage.mark(target.name.span);
                            n_outputs += usize::from(this.predicted(&target.name.text, value.span));
                        }
                    }
                    StmtKind::Invalid(_) => {}
                    _ => {
                        let d = Diagnostic::error(codes::MISPLACED, stmt.span, "a `predict` block has bindings only");
                        this.report(d.help("bind each output: `probability = softmax(…)`"));
                    }
                }
            }
            if n_outputs == 0 && !this.has_errors() {
                this.report(Diagnostic::error(codes::MISSING_SETTING, block.head, "the `predict` block has no output"));
            }
            this.frames.pop();
            Some(())
        })?;
        let name = block.name.map_or_else(|| "predict".to_owned(), |n| n.text.clone());
        Some(PredictPlan { name, data: plan?, graph })
    }

    /// Makes a binding an output.
    fn predicted(&mut self, name: &str, span: nnc_grammar::span::Span) -> bool {
        match self.local(name) {
            Some(Value::Tensor(t)) => {
                if t.axes.iter().any(|a| a.stretch) {
                    let d = Diagnostic::error(
                        codes::STRETCH_ESCAPES,
                        span,
                        "an axis made by `new` or `keep` may not be an output",
                    );
                    self.report(d.label(format!("this is {}", t.show())));
                    return true;
                }
                self.here(span);
                let handle = self.b.clone();
                let value = handle.val(t.node);
                let value = if t.dtype == DType::Bool {
                    value.select(
                        handle.constant(crate::ir::attrs::Const::Float(self.float, 1.0), t.ty().shape),
                        handle.constant(crate::ir::attrs::Const::Float(self.float, 0.0), t.ty().shape),
                    )
                } else {
                    value
                };
                handle.output(name, value);
                true
            }
            Some(Value::Invalid) | None => true,
            Some(other) => {
                self.wrong_kind(&other, span, "an output that is a tensor");
                false
            }
        }
    }
}
