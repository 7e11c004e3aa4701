//! `predict` blocks: bindings in evaluation mode, and those that no other line uses are the outputs.

use super::data::Data;
use super::items::Predict;
use super::value::Value;
use super::{Elab, Mode};
use crate::ir::types::DType;
use crate::program::PredictPlan;
use nnc_grammar::ast::{StmtKind, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use std::collections::HashSet;

impl<'a> Elab<'a> {
    /// Elaborates a `predict` block.
    pub(super) fn predict(&mut self, block: &Predict<'a>) -> Option<PredictPlan> {
        let data = match block.on {
            Some(on) => Some(self.data_block(on)?),
            None => None,
        };
        self.check_fitted(block, data.as_ref());
        let known = data.as_ref().map(|data| data.known.as_ref().map(|known| known.plan.clone()));
        let (mut pictures, mut texts) = (vec![], vec![]);
        let ((), graph) = self.graph(Mode::Predict, |this| {
            let frame = this.block_frame(block.head);
            this.frames.push(frame);
            let given = this.given(block);
            if let Some(data) = &data {
                this.bind_all_fields(std::slice::from_ref(data), block.body);
            }
            this.bind_vocabularies(block.body);
            let mut bound = vec![];
            for stmt in &block.body.stmts {
                match &stmt.kind {
                    StmtKind::Bind { targets, value, form } => {
                        this.bind_targets(targets, value);
                        bound.push((targets.as_slice(), value, form.as_ref()));
                    }
                    StmtKind::Invalid(_) => {}
                    _ => {
                        let d = Diagnostic::error(codes::MISPLACED, stmt.span, "a `predict` block has bindings only");
                        this.report(d.help("bind each output: `probability = softmax(…)`"));
                    }
                }
            }
            // A binding does not see itself, so what is used by now is used by another; a form is no use.
            let is_output = |target: &Target| !this.usage.is_marked(target.name.span);
            let outputs: HashSet<Span> =
                bound.iter().flat_map(|b| b.0).filter(|t| is_output(t)).map(|t| t.name.span).collect();
            let mut n_outputs = 0;
            for (targets, value, form) in bound {
                for Target { name, .. } in targets.iter().filter(|t| outputs.contains(&t.name.span)) {
                    this.as_tensor(&name.text, value.span);
                }
                if let (Some(form), [Target { name, .. }]) = (form, targets) {
                    if outputs.contains(&name.span) {
                        this.form(form, &name.text, data.is_none(), (&mut pictures, &mut texts));
                    } else if !matches!(this.local(&name.text), Some(Value::Invalid)) {
                        let headline = format!("`{}` is no output: a line uses it", name.text);
                        let d = Diagnostic::error(codes::MISPLACED, form.span, headline);
                        this.report(d.label("a form is given to an output"));
                    }
                }
                for Target { name, .. } in targets.iter().filter(|t| outputs.contains(&t.name.span)) {
                    n_outputs += usize::from(this.predicted(&name.text, value.span));
                }
            }
            if n_outputs == 0 && !this.has_errors() {
                this.report(Diagnostic::error(codes::MISSING_SETTING, block.head, "the `predict` block has no output"));
            }
            this.frames.pop();
            given.then_some(())
        })?;
        let name = block.name.map_or_else(|| "predict".to_owned(), |n| n.text.clone());
        // What the data lack has been reported.
        let data = match known {
            Some(plan) => Some(plan?),
            None => None,
        };
        Some(PredictPlan { name, data, pictures, texts, graph })
    }

    /// Statistics are those of the rows trained on: a block that is not trained on has none.
    fn check_fitted(&mut self, block: &Predict<'a>, data: Option<&Data<'a>>) {
        let (Some(data), Some(on)) = (data, block.on) else { return };
        let Some(fit) = data.fits.first() else { return };
        let trained = self.items.train.first().map_or(&[][..], |train| train.on);
        if !trained.is_empty() && !trained.iter().any(|name| name.text == on.text) {
            let d = Diagnostic::error(codes::MISPLACED, on.span, format!("`{}` is not trained on", on.text));
            let d =
                d.origin(Role::Declaration, fit.name.span, "this statistic is computed of rows that are trained on");
            self.report(
                d.help("predict on the data that the train block names; `nnc predict --input` reads other rows"),
            );
        }
    }

    /// A constant that a name is bound to is a tensor from here on.
    fn as_tensor(&mut self, name: &str, span: Span) {
        let Some(value @ (Value::Num(_) | Value::Size(_) | Value::Bool(_) | Value::List(_))) = self.local(name) else {
            return;
        };
        // A number keeps all its digits.
        let dtype = if matches!(value, Value::List(_)) { self.precision } else { DType::F64 };
        let handle = self.b.clone();
        self.here(span);
        let tensor = self.materialise(&handle, &value, span, dtype).map(Value::Tensor);
        if let Some(local) = self.frame().locals.get_mut(name) {
            local.value = tensor.unwrap_or(Value::Invalid);
        }
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
