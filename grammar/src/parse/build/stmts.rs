//! Statements.

use super::{Builder, Rule, parts, take};
use crate::ast::{Expr, Layout, LayoutPart, Name, Selector, SelectorStep, StmtKind, Target};
use pest::iterators::Pair;

impl Builder<'_> {
    /// The statement that a pair describes; none if a promised part is missing.
    pub(in crate::parse) fn stmt(&mut self, pair: Pair<'_, Rule>) -> Option<StmtKind> {
        let rule = pair.as_rule();
        let keyword = self.keyword(&pair);
        let mut parts = parts(pair).peekable();
        Some(match rule {
            Rule::then_stmt => StmtKind::Then,
            Rule::param_stmt => StmtKind::Param {
                name: self.name(&parts.next()?),
                ty: self.ty(parts.next()?),
                init: self.expr(parts.next()?),
                condition: take(&mut parts, Rule::flat).map(|p| self.flat(p)),
                layout: parts.next().and_then(|p| self.layout(p)),
            },
            Rule::state_stmt => StmtKind::State {
                name: self.name(&parts.next()?),
                ty: self.ty(parts.next()?),
                init: self.expr(parts.next()?),
                layout: parts.next().and_then(|p| self.layout(p)),
            },
            Rule::var_stmt => StmtKind::Var { target: self.target(parts.next()?)?, value: self.expr(parts.next()?) },
            Rule::update_stmt => StmtKind::Update { name: self.name(&parts.next()?), value: self.expr(parts.next()?) },
            Rule::fit_stmt => StmtKind::Fit { name: self.name(&parts.next()?), value: self.expr(parts.next()?) },
            Rule::loss_stmt => {
                let name = take(&mut parts, Rule::ident).map(|p| self.name(&p));
                let value = self.expr(parts.next()?);
                let weight = parts.next().and_then(|p| self.weight(p));
                if name.is_none() && weight.is_none() && !self.train {
                    let targets = vec![Target { name: keyword, ty: None }];
                    StmtKind::Bind { targets, value, form: None }
                } else {
                    StmtKind::Loss { name, value, weight }
                }
            }
            Rule::metric_stmt => {
                let name = take(&mut parts, Rule::metric_name).map(|p| self.inner_name(p));
                let value = self.expr(parts.next()?);
                StmtKind::Metric { name, value, weight: parts.next().and_then(|p| self.weight(p)) }
            }
            Rule::optimize_stmt => StmtKind::Optimize {
                selectors: self.selectors(parts.next()?),
                condition: take(&mut parts, Rule::flat).map(|p| self.flat(p)),
                on: take(&mut parts, Rule::on_loss).map(|p| self.inner_name(p)),
                with: self.expr(parts.next()?),
            },
            Rule::freeze_stmt => StmtKind::Freeze { selectors: self.selectors(parts.next()?) },
            Rule::keep_stmt => {
                StmtKind::Keep { highest: parts.next()?.as_str() == "highest", figure: self.names(parts.next()?) }
            }
            Rule::stop_stmt => StmtKind::Stop {
                patience: self.flat(parts.next()?),
                higher: parts.next()?.as_str() == "higher",
                figure: self.names(parts.next()?),
            },
            Rule::every_stmt => StmtKind::Every { steps: self.flat(parts.next()?), body: self.block(&parts.next()?) },
            Rule::init_stmt => StmtKind::Init {
                target: self.selector(parts.next()?),
                from: self.flat(parts.next()?),
                layout: parts.next().map(|p| self.callable(p)),
            },
            Rule::assert_stmt => {
                StmtKind::Assert { condition: self.expr(parts.next()?), message: parts.next().map(|p| self.expr(p)) }
            }
            Rule::name_stmt => StmtKind::Called { part: self.name(&parts.next()?), form: self.callable(parts.next()?) },
            Rule::yield_stmt => StmtKind::Yield(self.exprs(parts.next()?)),
            Rule::bind_stmt => {
                let mut targets = vec![];
                while let Some(target) = take(&mut parts, Rule::target) {
                    targets.extend(self.target(target));
                }
                let value = self.expr(parts.next()?);
                StmtKind::Bind { targets, value, form: parts.next().map(|p| self.callable(p)) }
            }
            Rule::setting_stmt => {
                StmtKind::Setting { name: self.name(&parts.next()?), value: self.value(parts.next()?) }
            }
            Rule::expr_stmt => StmtKind::Expr(self.exprs(parts.next()?)),
            _ => return None,
        })
    }

    /// How another system keeps what a line declares.
    fn layout(&mut self, pair: Pair<'_, Rule>) -> Option<Layout> {
        let span = self.span(&pair);
        let mut inner = parts(pair).filter(|p| p.as_rule() != Rule::add).peekable();
        let system = self.name(&inner.next()?);
        let mut tensors = vec![];
        while let Some(part) = take(&mut inner, Rule::layout_part) {
            let mut part = parts(part).filter(|p| p.as_rule() != Rule::dots);
            let name = self.name(&part.next()?);
            let range = part.next().zip(part.next()).map(|(begin, end)| (self.flat(begin), self.flat(end)));
            tensors.push(LayoutPart { name, range });
        }
        Some(Layout { system, parts: tensors, axes: inner.next().map(|p| self.pattern(p)), span })
    }

    /// The first token of a statement as a name.
    fn keyword(&self, pair: &Pair<'_, Rule>) -> Name {
        pair.clone().into_inner().next().map_or_else(|| self.name(pair), |p| self.name(&p))
    }

    /// A name with its annotation.
    pub(super) fn target(&mut self, pair: Pair<'_, Rule>) -> Option<Target> {
        let mut parts = parts(pair);
        Some(Target { name: self.name(&parts.next()?), ty: parts.next().map(|p| self.ty(p)) })
    }

    /// The weight behind a loss or a metric.
    fn weight(&mut self, pair: Pair<'_, Rule>) -> Option<Expr> {
        parts(pair).next().map(|p| self.expr(p))
    }

    fn selectors(&mut self, pair: Pair<'_, Rule>) -> Vec<Selector> {
        parts(pair).map(|p| self.selector(p)).collect()
    }

    fn selector(&mut self, pair: Pair<'_, Rule>) -> Selector {
        let span = self.span(&pair);
        Selector { steps: parts(pair).filter_map(|p| self.selector_step(p)).collect(), span }
    }

    fn selector_step(&mut self, pair: Pair<'_, Rule>) -> Option<SelectorStep> {
        let inner = parts(pair).next()?;
        Some(match inner.as_rule() {
            Rule::deep => SelectorStep::Deep,
            Rule::any => SelectorStep::Any,
            _ => {
                let mut parts = parts(inner);
                let name = self.name(&parts.next()?);
                let turns: Vec<u32> = parts.map(|turn| self.whole(&turn, "a turn")).collect();
                if turns.is_empty() { SelectorStep::Name(name) } else { SelectorStep::Turn(name, turns) }
            }
        })
    }
}
