//! Types and the axes in them.

use super::{Builder, Rule, parts};
use crate::ast::{Dim, DimKind, Element, TypeExpr, TypeKind};
use pest::iterators::Pair;

impl Builder<'_> {
    /// A type.
    pub(super) fn ty(&mut self, pair: Pair<'_, Rule>) -> TypeExpr {
        let span = self.span(&pair);
        let name = self.name(&pair);
        let kind = match parts(pair).next() {
            Some(p) => match p.as_rule() {
                Rule::tuple_type => TypeKind::Tuple(parts(p).map(|t| self.ty(t)).collect()),
                Rule::choice_type => TypeKind::Choice(self.names(p)),
                Rule::shape => TypeKind::Tensor { element: None, dims: self.dims(p) },
                _ => self.named_type(p),
            },
            None => TypeKind::Scalar(Element { name, size: None }),
        };
        TypeExpr { kind, span }
    }

    fn named_type(&mut self, pair: Pair<'_, Rule>) -> TypeKind {
        let whole = self.name(&pair);
        let mut parts = parts(pair);
        let element = parts.next().map_or(Element { name: whole, size: None }, |p| self.element(p));
        match parts.next() {
            Some(shape) => TypeKind::Tensor { element: Some(element), dims: self.dims(shape) },
            None => TypeKind::Scalar(element),
        }
    }

    fn element(&mut self, pair: Pair<'_, Rule>) -> Element {
        let whole = self.name(&pair);
        let mut parts = parts(pair);
        let name = parts.next().map_or(whole, |p| self.name(&p));
        Element { name, size: parts.next().map(|p| Box::new(self.expr(p))) }
    }

    fn dims(&mut self, pair: Pair<'_, Rule>) -> Vec<Dim> {
        parts(pair).filter_map(|p| self.dim(p)).collect()
    }

    fn dim(&mut self, pair: Pair<'_, Rule>) -> Option<Dim> {
        let span = self.span(&pair);
        let inner = parts(pair).next()?;
        let rule = inner.as_rule();
        let mut parts = parts(inner).filter(|p| p.as_rule() != Rule::dots);
        let kind = match rule {
            Rule::dim_rest => DimKind::Rest(parts.next().map(|p| self.name(&p))),
            Rule::dim_name => DimKind::Name(self.name(&parts.next()?)),
            Rule::dim_sized => DimKind::Sized(self.name(&parts.next()?), self.flat(parts.next()?)),
            _ => DimKind::Size(self.flat(parts.next()?)),
        };
        Some(Dim { kind, span })
    }
}
