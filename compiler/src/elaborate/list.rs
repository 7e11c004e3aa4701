//! Lists of numbers as tensors: constants whose elements stand in the text, `[0.2, 0.3, 0.5]`, or in several rows,
//! `[[1, 0], [0, 1]]`. A list becomes a tensor where one is wanted; until then it is a list of sizes, of axes or of values.

use super::Elab;
use super::value::{Axis, From, Tensor, Value};
use crate::ir::array::Array;
use crate::ir::attrs::{Attrs, Table};
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use crate::ops::source::TABLE;
use ndarray::ArrayD;
use nnc_grammar::ast::{Element, ExprKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;
use std::sync::Arc;

impl<'a> Elab<'a> {
    /// A list as a tensor: truth values are a mask, numbers have this element type.
    pub(super) fn table(&mut self, items: &[Value<'a>], span: Span, dtype: DType) -> Option<Tensor> {
        let mut elements = vec![];
        let shape = self.rectangle(items, span, &mut elements)?;
        if elements.iter().any(|e| matches!(e, Value::Bool(_))) {
            let mask = elements.iter().map(|e| if let Value::Bool(holds) = e { Some(*holds) } else { None });
            return match mask.collect::<Option<Vec<bool>>>() {
                Some(mask) => shaped(shape, mask, Array::Bool).map(|mask| self.constant_array(&mask, span)),
                None => {
                    self.report(Diagnostic::error(codes::WRONG_TYPE, span, "truth values and numbers in one list"));
                    None
                }
            };
        }
        if dtype.is_float() {
            // `rectangle` admits numbers and truth values alone.
            let number = |e: &&Value<'a>| if let Value::Num(n) = e { Some(n.to_f64()) } else { None };
            let numbers: Vec<f64> = elements.iter().filter_map(number).collect();
            let array = match dtype {
                DType::F32 => shaped(shape, numbers.iter().map(|x| *x as f32).collect(), Array::F32),
                _ => shaped(shape, numbers, Array::F64),
            };
            return array.map(|array| self.constant_array(&array, span));
        }
        let mut numbers = vec![];
        for element in elements {
            let n = self.int(element, span, "an element of this list")?;
            let Ok(n) = i32::try_from(n) else {
                let headline = format!("{n} is beyond the whole numbers of tensors");
                self.report(
                    Diagnostic::error(codes::OUT_OF_RANGE, span, headline).label("they lie within 31 bits and a sign"),
                );
                return None;
            };
            numbers.push(n);
        }
        shaped(shape, numbers, Array::I32).map(|array| self.constant_array(&array, span))
    }

    /// A list as class numbers below `classes`.
    pub(super) fn class_table(&mut self, items: &[Value<'a>], classes: &Dim, span: Span) -> Option<Tensor> {
        let Some(n) = classes.as_constant() else {
            let headline = format!("whether these lie below {classes} is known only when the program runs");
            let d = Diagnostic::error(codes::NOT_CONSTANT, span, headline);
            self.report(d.help(format!("`index([…], {classes})` takes the nearest class")));
            return None;
        };
        let t = self.table(items, span, DType::I32)?;
        let table = self.b.clone().val(t.node).as_table()?;
        let Array::I32(numbers) = table.array() else {
            self.wrong_kind(&Value::Tensor(t), span, "a list of class numbers");
            return None;
        };
        if let Some(k) = numbers.iter().find(|k| !(0..n).contains(&i64::from(**k))) {
            let d = Diagnostic::error(codes::OUT_OF_RANGE, span, format!("{k} is no class number below {n}"));
            self.report(d);
            return None;
        }
        Some(Tensor { classes: Some(classes.clone()), ..t })
    }

    /// A list where a type asks for a tensor.
    pub(super) fn typed_table(
        &mut self,
        items: &[Value<'a>],
        element: Option<&'a Element>,
        span: Span,
    ) -> Option<Tensor> {
        match element.map(|e| (e.name.text.as_str(), e)) {
            Some(("index", e)) => {
                let unknown = |this: &mut Self| match e.size.as_deref().map(|size| &size.kind) {
                    Some(ExprKind::Name(name)) => !this.knows(name),
                    Some(_) => false,
                    None => true,
                };
                if unknown(self) {
                    let d = Diagnostic::error(
                        codes::UNDETERMINED_SIZE,
                        span,
                        "a list does not say how many classes there are",
                    );
                    self.report(d.help("bind it with a type first: `x: index(10)[3] = [1, 2, 3]`"));
                    return None;
                }
                let classes = self.size_of(e.size.as_deref()?)?;
                self.class_table(items, &classes, span)
            }
            Some(("int", _)) => self.table(items, span, DType::I32),
            _ => self.table(items, span, self.float),
        }
    }

    /// The sizes of nested lists whose rows are equally long, and their elements, row-major.
    fn rectangle<'v>(
        &mut self,
        items: &'v [Value<'a>],
        span: Span,
        elements: &mut Vec<&'v Value<'a>>,
    ) -> Option<Vec<usize>> {
        let mut inner: Option<Vec<usize>> = None;
        for item in items {
            let shape = match item {
                Value::List(row) => self.rectangle(row, span, elements)?,
                Value::Num(_) | Value::Bool(_) => {
                    elements.push(item);
                    vec![]
                }
                Value::Invalid => return None,
                other => {
                    let d = Diagnostic::error(codes::WRONG_KIND, span, "a list is a tensor if it holds numbers only");
                    let d = d.label(format!("it holds {}", other.kind()));
                    let tensor = matches!(other, Value::Tensor(_));
                    self.report(if tensor { d.help("`concat([a, b])` joins tensors") } else { d });
                    return None;
                }
            };
            if *inner.get_or_insert_with(|| shape.clone()) != shape {
                let row = |shape: &[usize]| match shape {
                    [] => "a number".to_owned(),
                    sizes => format!("a list {sizes:?}"),
                };
                let first = inner.as_deref().unwrap_or_default();
                let headline = format!("{} stands beside {}", row(&shape), row(first));
                let d = Diagnostic::error(codes::SHAPE_MISMATCH, span, headline);
                self.report(d.note("the rows of a tensor are equally long"));
                return None;
            }
        }
        let Some(inner) = inner else {
            self.report(Diagnostic::error(codes::OUT_OF_RANGE, span, "an empty list is no tensor"));
            return None;
        };
        Some(std::iter::once(items.len()).chain(inner).collect())
    }

    /// An array that stands in the program.
    pub(super) fn constant_array(&mut self, array: &Array, span: Span) -> Tensor {
        let from = |n: usize| Some(From { span, text: format!("{n} are listed here") });
        let axes = array.shape().iter().map(|&n| Axis { from: from(n), ..Axis::of(Dim::from(n)) }).collect();
        self.here(span);
        let node = self.b.clone().add(&TABLE, Attrs::Table(Arc::new(Table::of(array))), &[]).value;
        Tensor { node, dtype: array.dtype(), axes, classes: None, scalar: false }
    }
}

/// The elements in these sizes, of which `rectangle` gives as many as there are elements.
fn shaped<T>(shape: Vec<usize>, elements: Vec<T>, of: fn(ArrayD<T>) -> Array) -> Option<Array> {
    ArrayD::from_shape_vec(shape, elements).map(of).ok()
}
