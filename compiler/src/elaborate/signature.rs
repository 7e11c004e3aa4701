//! Signatures: arguments meet the types of parameters.

use super::Elab;
use super::axes::Subject;
use super::scope::BoundAxis;
use super::value::{Axis, Bound, Tensor, Value};
use crate::ir::dim::Dim as Size;
use crate::ir::types::DType;
use nnc_grammar::ast::{Def, DefKind, DimKind, Element, Expr, ExprKind, Param, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// Binds the arguments of an application to its parameters; false after a mistake.
    pub(super) fn bind_inputs(&mut self, def: &'a Def, inputs: Vec<Bound<'a>>) -> bool {
        let mut ok = true;
        for (param, bound) in def.inputs.iter().zip(&inputs) {
            if let Value::Axes(set) = &bound.value {
                self.frame().axis_args.insert(param.name.text.clone(), (set.clone(), bound.span));
            }
        }
        // A number of the run fits any float tensor: what has axes comes first and says what names stand for.
        let (numbers, others): (Vec<_>, Vec<_>) =
            def.inputs.iter().zip(inputs).partition(|(param, bound)| is_number_for_tensor(param, &bound.value));
        for (param, bound) in others.into_iter().chain(numbers) {
            self.usage.declare(&param.name, "parameter");
            // An axis argument that stands in a shape has become the name of that axis.
            if matches!(bound.value, Value::Axes(_)) && self.frame().dims.contains_key(&param.name.text) {
                self.usage.mark(param.name.span);
                continue;
            }
            let value = match &param.ty {
                Some(_) if is_number_for_tensor(param, &bound.value) && self.names_stand(param) => Some(bound.value),
                Some(ty) => {
                    let what = format!("`{}`", param.name.text);
                    self.bind_type(ty, bound.value, Subject::value(&what, bound.span))
                }
                None => Some(bound.value),
            };
            match value {
                Some(value) => self.bind(&param.name, value, bound.span),
                None => ok = false,
            }
        }
        ok
    }

    /// Whether all names in the shape of a parameter stand for something, so that a number given for it has none to bind.
    fn names_stand(&mut self, param: &Param) -> bool {
        let Some(TypeKind::Tensor { dims, .. }) = param.ty.as_ref().map(|ty| &ty.kind) else { return false };
        dims.iter().all(|dim| match &dim.kind {
            DimKind::Rest(group) => self.frame().rests.contains_key(&group.as_ref().map(|g| g.text.clone())),
            DimKind::Name(name) | DimKind::Sized(name, _) => self.knows(&name.text),
            DimKind::Size(_) => true,
        })
    }

    /// Matches a value with a type: its axes take the names of the pattern. `None` after a mistake, which is reported at the
    /// value.
    pub(super) fn bind_type(&mut self, ty: &'a TypeExpr, value: Value<'a>, subject: Subject<'_>) -> Option<Value<'a>> {
        let (element, dims) = match &ty.kind {
            TypeKind::Tensor { element, dims } => (element.as_ref(), dims.as_slice()),
            TypeKind::Scalar(element) if element.name.text == "index" => (Some(element), [].as_slice()),
            TypeKind::Scalar(_) | TypeKind::Choice(_) => return Some(value),
            TypeKind::Tuple(types) => {
                let found = match value {
                    Value::Tuple(values) if values.len() == types.len() => Ok(values),
                    Value::Invalid => return None,
                    other => Err(other),
                };
                let values = match found {
                    Ok(values) => values,
                    Err(other) => {
                        let n = types.len();
                        let d = subject.error(codes::WRONG_TYPE, format!("{} must be {n} values", subject.what));
                        let d = d.label(format!("this is {}", other.kind()));
                        self.report(d.origin(Role::Declaration, ty.span, format!("{n} values are declared here")));
                        return None;
                    }
                };
                let bound: Option<Vec<_>> =
                    types.iter().zip(values).map(|(t, v)| self.bind_type(t, v, subject)).collect();
                return bound.map(Value::Tuple);
            }
        };
        let floats = is_float(element);
        let tensor = match value {
            Value::Tensor(t) => t,
            Value::List(items) => self.typed_table(&items, element, subject.span)?,
            Value::Invalid => return None,
            // A scalar fits any float tensor and binds nothing.
            Value::Num(_) | Value::Size(_) if floats => return Some(value),
            Value::Rate(_) if floats => return Some(self.now(value, subject.span)),
            Value::Closure(ref c) if floats && c.def.kind == DefKind::Schedule => {
                return Some(value);
            }
            other => {
                let d = subject.error(codes::WRONG_KIND, format!("{} must be a tensor", subject.what));
                self.report(d.label(format!("this is {}", other.kind())));
                return None;
            }
        };
        if tensor.scalar && floats {
            return Some(Value::Tensor(tensor));
        }
        let tensor = self.bind_element(element, tensor, subject, ty.span)?;
        let axes = self.bind_dims(dims, &tensor.axes, subject, ty.span)?;
        Some(Value::Tensor(Tensor { axes, ..tensor }))
    }

    /// Checks the element type; `index(n)` binds or checks the number of classes.
    fn bind_element(
        &mut self,
        element: Option<&'a Element>,
        tensor: Tensor,
        subject: Subject<'_>,
        pattern: Span,
    ) -> Option<Tensor> {
        let word = element.map_or("float", |e| e.name.text.as_str());
        let fits = match word {
            "float" => tensor.dtype.is_float(),
            "bool" => tensor.dtype == DType::Bool,
            "int" => matches!(tensor.dtype, DType::I32 | DType::I64),
            "index" => tensor.classes.is_some(),
            _ => {
                let e = element?;
                let d =
                    Diagnostic::error(codes::UNKNOWN_NAME, e.name.span, format!("there is no element type `{word}`"));
                let d = super::suggest::suggest(d, &e.name, ["index", "bool", "int", "float"].into_iter());
                self.report(d);
                return None;
            }
        };
        if !fits {
            let wanted = match word {
                "index" => "class numbers, declared as `index(n)`",
                "bool" => "a mask",
                "int" => "whole numbers",
                _ => "floats",
            };
            let value = Value::Tensor(tensor);
            let d = subject.error(codes::WRONG_TYPE, format!("{} wants {wanted}", subject.what));
            let d = d.label(format!("this is {}", value.kind()));
            let d = d.origin(Role::Declaration, pattern, "the type is declared here");
            let d = match (&value, word) {
                (Value::Tensor(t), "float") if t.classes.is_some() => {
                    d.help("a class number is no amount; use a loss for classes, or `one_hot(x)` to make floats of it")
                }
                (_, "float") => d.help("`float(x)` makes floats of whole numbers"),
                _ => d,
            };
            self.report(d);
            return None;
        }
        if let Some(size) = element.and_then(|e| e.size.as_deref())
            && let Some(classes) = tensor.classes.clone()
        {
            let from = Axis::of(classes);
            self.bind_classes(size, &from, subject)?;
        }
        Some(tensor)
    }

    /// A size written as an expression, or a name that it binds.
    fn bind_classes(&mut self, e: &'a Expr, axis: &Axis, subject: Subject<'_>) -> Option<()> {
        if let ExprKind::Name(text) = &e.kind
            && !self.knows(text)
        {
            let bound = BoundAxis { from: axis.from.clone(), ..BoundAxis::of(axis.size.clone(), e.span) };
            self.frame().dims.insert(text.clone(), bound);
            return Some(());
        }
        let size = self.size_of(e)?;
        if size == axis.size {
            return Some(());
        }
        let headline = format!("{} has {} classes, and {size} are needed", subject.what, axis.size);
        let d = subject.error(codes::SHAPE_MISMATCH, headline).label(format!("{} classes here", axis.size));
        let d = self.explain_size(d, e, &size);
        self.report(d);
        None
    }

    pub(super) fn knows(&mut self, name: &str) -> bool {
        let source = self.frame().source;
        let frame = self.frame();
        frame.locals.contains_key(name) || frame.dims.contains_key(name) || self.items.lookup(source, name).is_some()
    }

    fn explain_size(&self, d: Diagnostic, e: &Expr, size: &Size) -> Diagnostic {
        let at = match &e.kind {
            ExprKind::Name(name) => {
                let bound = self.frames.last().and_then(|f| f.dims.get(name));
                if let Some(from) = bound.and_then(|b| b.from.as_ref()) {
                    return d.origin(Role::Dim, from.span, from.text.clone());
                }
                self.origin_of(name).unwrap_or(e.span)
            }
            _ => e.span,
        };
        d.origin(Role::Dim, at, format!("{size} comes from here"))
    }
}

fn is_float(element: Option<&Element>) -> bool {
    element.is_none_or(|element| element.name.text == "float")
}

/// Whether a value is a number of the run where a float tensor with axes is declared.
fn is_number_for_tensor(param: &Param, value: &Value<'_>) -> bool {
    let declared = matches!(param.ty.as_ref().map(|ty| &ty.kind),
        Some(TypeKind::Tensor { element, dims }) if is_float(element.as_ref()) && !dims.is_empty());
    declared && matches!(value, Value::Tensor(t) if t.rank() == 0 && t.dtype.is_float())
}
