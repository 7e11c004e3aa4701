//! Items: definitions, data, training, prediction, options and constants.

use super::{Builder, Rule, parts, take};
use crate::ast::{Block, Def, DefKind, ItemKind, Name, Param};
use crate::lex::unescape;
use pest::iterators::Pair;

impl Builder<'_> {
    /// The item that a pair describes; none if a promised part is missing.
    pub(in crate::parse) fn item(&mut self, pair: Pair<'_, Rule>) -> Option<ItemKind> {
        let rule = pair.as_rule();
        let mut parts = parts(pair).peekable();
        Some(match rule {
            Rule::use_item => {
                let path = parts.next()?;
                ItemKind::Use {
                    path: unescape(path.as_str()),
                    path_span: self.span(&path),
                    names: parts.map(|p| self.name(&p)).collect(),
                }
            }
            Rule::option_item => {
                let name = self.name(&parts.next()?);
                let value = self.expr(parts.next()?);
                ItemKind::Option { name, value, range: parts.next().map(|p| self.expr(p)) }
            }
            Rule::setting_item => {
                ItemKind::Setting { name: self.name(&parts.next()?), value: self.expr(parts.next()?) }
            }
            Rule::const_item => ItemKind::Const { name: self.name(&parts.next()?), value: self.expr(parts.next()?) },
            Rule::data_item => ItemKind::Data { name: self.name(&parts.next()?), body: self.block(&parts.next()?) },
            Rule::train_item => {
                let name = take(&mut parts, Rule::item_name).map(|p| self.inner_name(p));
                let on = take(&mut parts, Rule::on_data).map_or(vec![], |p| self.names(p));
                ItemKind::Train { name, on, body: self.block(&parts.next()?) }
            }
            Rule::predict_item => {
                let name = take(&mut parts, Rule::item_name).map(|p| self.inner_name(p));
                let inputs = take(&mut parts, Rule::params).map_or(vec![], |p| self.params(p));
                let on = take(&mut parts, Rule::on_data).map(|p| self.only_source(p));
                ItemKind::Predict { name, inputs, on, body: self.block(&parts.next()?) }
            }
            Rule::def_item => ItemKind::Def(self.def(parts)?),
            _ => return None,
        })
    }

    /// The one data block of a `predict`; further ones are refused.
    fn only_source(&mut self, pair: Pair<'_, Rule>) -> Name {
        let whole = self.name(&pair);
        let names = self.names(pair);
        if let Some(second) = names.get(1) {
            let headline = "a prediction reads one data block";
            let diagnostic = crate::diagnostic::Diagnostic::error(crate::codes::SYNTAX, second.span, headline);
            self.errors.push(diagnostic.help("write a `predict` for each"));
        }
        names.into_iter().next().unwrap_or(whole)
    }

    fn def<'i>(&mut self, parts: impl Iterator<Item = Pair<'i, Rule>>) -> Option<Def> {
        let mut parts = parts.peekable();
        let kind = match parts.next()?.as_str() {
            "fn" => DefKind::Fn,
            "layer" => DefKind::Layer,
            "model" => DefKind::Model,
            "loss" => DefKind::Loss,
            "metric" => DefKind::Metric,
            "optimizer" => DefKind::Optimizer,
            "schedule" => DefKind::Schedule,
            "initializer" => DefKind::Initializer,
            _ => return None,
        };
        let name = self.name(&parts.next()?);
        let first = take(&mut parts, Rule::params).map_or(vec![], |p| self.params(p));
        let second = take(&mut parts, Rule::params).map(|p| self.params(p));
        let two_lists = second.is_some();
        let (settings, inputs) = match second {
            Some(second) => (first, second),
            None => (vec![], first),
        };
        let result = take(&mut parts, Rule::r#type).map(|p| self.ty(p));
        let body: Block = self.block(&parts.next()?);
        Some(Def { kind, name, settings, inputs, two_lists, result, body })
    }

    fn params(&mut self, pair: Pair<'_, Rule>) -> Vec<Param> {
        parts(pair).filter_map(|p| self.param(p)).collect()
    }

    fn param(&mut self, pair: Pair<'_, Rule>) -> Option<Param> {
        let span = self.span(&pair);
        let mut parts = parts(pair).peekable();
        let over = take(&mut parts, Rule::over_mark).is_some();
        let name = self.name(&parts.next()?);
        let ty = take(&mut parts, Rule::r#type).map(|p| self.ty(p));
        let default = take(&mut parts, Rule::value).map(|p| self.value(p));
        Some(Param { name, over, ty, default, span })
    }
}
