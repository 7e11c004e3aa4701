//! `fit m = mean(area)` in a data block: a statistic of all training rows at once, in double precision, computed when a run
//! begins and kept with the weights. Fields read it as a constant.

use super::data::{BATCH, Data, Known};
use super::fields::{ReadAs, Shown};
use super::value::{Axis, Tensor, Value};
use super::{Elab, Mode};
use crate::ir::graph::Graph;
use crate::ir::types::{DType, TensorType};
use crate::program::{Role as StateRole, State};
use nnc_grammar::ast::{Expr, Name};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role, Severity};

/// A statistic of a data block.
#[derive(Clone, Copy)]
pub(super) struct Fitted<'a> {
    /// Its name, where it is declared.
    pub(super) name: &'a Name,
    /// The state that holds it; none after a mistake.
    pub(super) state: Option<u32>,
}

impl<'a> Elab<'a> {
    /// Declares the statistics of a data block and makes the graph that computes them; the free size of the batch is the number
    /// of training rows. `None` where there are none.
    pub(super) fn fits(
        &mut self,
        data: &mut Data<'a>,
        known: &Known<'a>,
        lines: &[(&'a Name, &'a Expr)],
    ) -> Option<Graph> {
        if lines.is_empty() {
            return None;
        }
        let ((), graph) = self.graph(Mode::Train, |this| {
            this.float = DType::F64;
            this.enter_data(data);
            for (name, e) in lines {
                let state = this.fit(data, known, name, e);
                data.fits.push(Fitted { name, state });
                this.bind_fit(&Fitted { name, state });
            }
            this.frames.pop();
            Some(())
        })?;
        Some(graph)
    }

    fn fit(&mut self, data: &Data<'a>, known: &Known<'a>, name: &'a Name, e: &'a Expr) -> Option<u32> {
        self.usage.declare(name, "statistic");
        let field = data.fields.iter().find(|(target, _)| target.name.text == name.text);
        let column = known.schema.columns.iter().any(|c| c.name == name.text);
        let earlier = data.fits.iter().find(|fit| fit.name.text == name.text);
        if column || field.is_some() || earlier.is_some() {
            let d = Diagnostic::error(codes::DUPLICATE_NAME, name.span, format!("`{}` has two meanings", name.text));
            let other = field.map(|(target, _)| target.name.span).or(earlier.map(|fit| fit.name.span));
            self.report(match other {
                Some(span) => d.origin(Role::Previous, span, "it is declared here"),
                None => d.origin(Role::Data, known.plan.source.span, "the source has a column of this name"),
            });
            return None;
        }
        self.bind_columns((data.name, known), Shown::Fit, e, &ReadAs::Floats, Severity::Error);
        self.widen_columns();
        let value = self.expr(e);
        let handle = self.b.clone();
        let tensor = match &value {
            Value::Invalid => return None,
            Value::Num(_) | Value::Tensor(_) => {
                self.here(e.span);
                self.materialise(&handle, &value, e.span, DType::F64)?
            }
            other => {
                self.wrong_kind(other, e.span, "a float or a tensor of floats");
                return None;
            }
        };
        if let Some(axis) = tensor.axes.iter().find(|axis| axis.size.as_constant().is_none()) {
            let headline = format!("the statistic `{}` still has an axis of rows", name.text);
            let d = Diagnostic::error(codes::NOT_CONSTANT, e.span, headline);
            let d = d.label(format!("this is a tensor {}", super::value::show_axes(&tensor.axes)));
            let d = d.note(format!("the size `{}` differs from batch to batch", axis.size));
            self.report(d.help(format!("reduce it: `mean(…, over = {BATCH})`")));
            return None;
        }
        if !tensor.dtype.is_float() {
            self.wrong_kind(&Value::Tensor(tensor), e.span, "a statistic of floats");
            return None;
        }
        let shape = tensor.axes.iter().map(|axis| axis.size.clone()).collect();
        let (path, ty) = (format!("{}.{}", data.name.text, name.text), TensorType::new(self.precision, shape));
        let site = self.here(name.span);
        let number = self.new_zero_state(State { path, ty, role: StateRole::Fitted, site });
        let rounded = handle.val(tensor.node).cast(self.precision).value;
        let stored = self.store(number, rounded);
        self.current.insert(number, Tensor { node: stored, dtype: self.precision, ..tensor });
        Some(number)
    }

    /// Columns of floats in double precision, in which statistics are computed.
    fn widen_columns(&mut self) {
        let handle = self.b.clone();
        for local in self.frame().locals.values_mut() {
            if let Value::Tensor(t) = &mut local.value
                && t.dtype.is_float()
            {
                t.node = handle.val(t.node).cast(DType::F64).value;
                t.dtype = DType::F64;
            }
        }
    }

    /// Makes a statistic visible in the frame of its data block.
    pub(super) fn bind_fit(&mut self, fit: &Fitted<'a>) {
        let value = match fit.state {
            Some(number) => {
                let axes = self.states[number as usize].ty.shape.iter().cloned().map(Axis::of).collect();
                Value::Tensor(self.read_state(number, axes))
            }
            None => Value::Invalid,
        };
        self.bind_given(&fit.name.text, value, fit.name.span);
    }
}
