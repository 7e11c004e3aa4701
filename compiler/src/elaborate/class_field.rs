//! Fields of class numbers: a column of whole numbers, such a column with a constant added (`labels - 1`), both checked when the
//! file is read; a condition (`stars >= 4` is `index(2)`); or what is a class number by itself (`index(x, n)`).

use super::Elab;
use super::data::Known;
use super::fields::{ReadAs, Shown};
use super::value::{Tensor, Value};
use crate::ir::dim::Dim;
use crate::ir::types::DType;
use nnc_grammar::ast::{BinaryOp, Element, Expr, ExprKind, Name, Target, TypeExpr, TypeKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Severity};

/// What a type says of the elements of a field, if it says that they are class numbers.
pub(super) fn class_element(ty: Option<&TypeExpr>) -> Option<&Element> {
    match &ty?.kind {
        TypeKind::Tensor { element: Some(element), .. } | TypeKind::Scalar(element) => {
            Some(element).filter(|element| element.name.text == "index")
        }
        _ => None,
    }
}

impl<'a> Elab<'a> {
    /// The class numbers of a field, before they get its shape.
    pub(super) fn class_field(
        &mut self,
        block: (&'a Name, &Known<'a>),
        (target, e): (&'a Target, &'a Expr),
        element: &'a Element,
        lacking: Severity,
    ) -> Value<'a> {
        let Some(size) = &element.size else {
            let d = Diagnostic::error(
                codes::UNDETERMINED_SIZE,
                element.name.span,
                "how many classes there are must be said",
            );
            return self.fail(d.help("write `index(10)`"));
        };
        let Some(n) = self.class_count(size) else { return Value::Invalid };
        let added = match self.added(block.1, e) {
            Ok(added) => added,
            Err(()) => return Value::Invalid,
        };
        let read_as = match (added, n.as_constant()) {
            (Some(added), Some(n)) => ReadAs::Classes { from: added.saturating_neg(), n },
            (Some(_), None) => ReadAs::Whole,
            (None, _) => ReadAs::Floats,
        };
        self.bind_columns(block, Shown::Field(target), e, &read_as, lacking);
        let value = self.expr(e);
        let Value::Tensor(t) = value else { return value };
        let fits = match added {
            Some(added) => {
                let ragged = t.axes.iter().skip(1).any(|axis| axis.size.as_constant().is_none());
                if ragged && added != 0 {
                    let d = Diagnostic::error(codes::WRONG_TYPE, e.span, "filled-up places would be no class numbers");
                    let d = d.label(format!("a filled-up place is 0, and 0 plus {added} here"));
                    return self
                        .fail(d.help("let the column count its classes from 0, or take the nearest: `index(x, n)`"));
                }
                true
            }
            None => t.classes.is_some() || (t.dtype == DType::Bool && n == Dim::constant(2)),
        };
        if !fits {
            let kind = Value::Tensor(t).kind();
            let d = Diagnostic::error(codes::WRONG_TYPE, e.span, "these are no class numbers")
                .label(format!("this is {kind}"));
            let d = d.note("a field of classes is a column of whole numbers, one with a constant added (`labels - 1`), or a condition (`stars >= 4`), which has 2 classes");
            return self.fail(d.help(format!("`index(x, {n})` makes class numbers of any: the nearest ones")));
        }
        self.here(e.span);
        let handle = self.b.clone();
        let node = handle.val(t.node).cast(DType::I32).value;
        let classes = if added.is_some() || t.classes.is_none() { Some(n) } else { t.classes };
        Value::Tensor(Tensor { node, dtype: DType::I32, classes, ..t })
    }

    /// The constant that an expression adds to a column, 0 for the column itself; nothing where it is another expression.
    fn added(&mut self, data: &Known<'a>, e: &'a Expr) -> Result<Option<i64>, ()> {
        let column =
            |e: &Expr| matches!(&e.kind, ExprKind::Name(name) if data.schema.columns.iter().any(|c| c.name == *name));
        let (sign, number) = match &e.kind {
            ExprKind::Binary(BinaryOp::Add, a, b) if column(a) => (1, b),
            ExprKind::Binary(BinaryOp::Add, a, b) if column(b) => (1, a),
            ExprKind::Binary(BinaryOp::Sub, a, b) if column(a) => (-1, b),
            // A name that the source lacks is reported where columns are bound.
            ExprKind::Name(_) => return Ok(Some(0)),
            _ => return Ok(None),
        };
        if !matches!(number.kind, ExprKind::Number(_)) && !matches!(&number.kind, ExprKind::Name(_) if !column(number))
        {
            return Ok(None);
        }
        match self.expr(number) {
            value @ Value::Num(_) => match self.int(&value, number.span, "what is added to class numbers") {
                Some(n) => Ok(Some(n.saturating_mul(sign))),
                None => Err(()),
            },
            Value::Invalid => Err(()),
            _ => Ok(None),
        }
    }
}
