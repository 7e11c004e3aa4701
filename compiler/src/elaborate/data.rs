//! Data blocks: their settings, and the header of their source.

use super::Elab;
use super::fit::Fitted;
use super::items::Item;
use super::padding::Declared;
use super::scope::Frame;
use super::source::data_error;
use crate::ir::graph::Graph;
use crate::program::{DataPlan, SourceSpec};
use nnc_grammar::ast::{Block, Expr, Name, StmtKind, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::data::Schema;

/// The free size of a batch.
pub(super) const BATCH: &str = "batch";
pub(super) const SETTINGS: [&str; 3] = ["source", "split", "padded"];

/// A data block.
#[derive(Clone)]
pub(super) struct Data<'a> {
    /// Its name, where it is declared.
    pub(super) name: &'a Name,
    /// Its fields with their expressions.
    pub(super) fields: Vec<(&'a Target, &'a Expr)>,
    /// Its statistics.
    pub(super) fits: Vec<Fitted<'a>>,
    /// What its settings and the source's header say; nothing after a mistake there.
    pub(super) known: Option<Known<'a>>,
}

impl Data<'_> {
    /// Whether it has a field of this name.
    pub(super) fn has_field(&self, name: &str) -> bool {
        self.fields.iter().any(|(target, _)| target.name.text == name)
    }
}

/// What the rows of a data block are.
#[derive(Clone)]
pub(super) struct Known<'a> {
    /// Source and split.
    pub(super) plan: DataPlan,
    /// What computes the statistics, if there are any.
    pub(super) fit: Option<Graph>,
    /// The columns.
    pub(super) schema: Schema,
    /// The axes that are filled up.
    pub(super) padded: Vec<Declared<'a>>,
    /// Rows to train on, after the split.
    pub(super) train_rows: usize,
}

/// What is written in a data block.
struct Lines<'a> {
    fields: Vec<(&'a Target, &'a Expr)>,
    fits: Vec<(&'a Name, &'a Expr)>,
    source: Option<SourceSpec>,
    /// Shares of validation and test, and where they are set.
    shares: (f64, f64, Span),
    padded: Vec<Declared<'a>>,
    /// Whether no line has a mistake.
    sound: bool,
}

impl<'a> Elab<'a> {
    /// Reads a data block: its settings, and the header of its source.
    pub(super) fn data_block(&mut self, name: &'a Name) -> Option<Data<'a>> {
        let main = self.items.main;
        let (data_name, block) = match self.items.lookup(main, &name.text) {
            Some(Item::Data(data_name, block)) => (data_name, block),
            found => {
                let names: Vec<&str> =
                    self.items.own(main).filter(|(_, i)| matches!(i, Item::Data(..))).map(|(n, _)| n).collect();
                let d = match found {
                    Some(Item::Invalid(_)) => return None,
                    Some(_) => {
                        Diagnostic::error(codes::WRONG_KIND, name.span, format!("`{}` is no data block", name.text))
                    }
                    None => Diagnostic::error(
                        codes::UNKNOWN_NAME,
                        name.span,
                        format!("there is no data block `{}`", name.text),
                    ),
                };
                let d = super::suggest::suggest(d, name, names.iter().copied());
                self.report(match (names.is_empty(), d.fixes.is_empty()) {
                    (true, _) => d.note("the file declares none: `data NAME { … }`"),
                    (false, true) => d.note(format!("data blocks of this file: {}", names.join(", "))),
                    (false, false) => d,
                });
                return None;
            }
        };
        if let Some(known) = self.data.iter().find(|d| d.name.span == data_name.span) {
            return Some(known.clone());
        }
        self.usage.mark(data_name.span);
        let frame = self.new_frame(data_name.span.source, data_name.span, None, String::new());
        self.frames.push(frame);
        let lines = self.data_lines(data_name, block);
        for (target, _) in &lines.fields {
            self.usage.declare(&target.name, "field");
        }
        let (fields, fits) = (lines.fields.clone(), lines.fits.clone());
        let known = self.header(data_name, lines);
        self.frames.pop();
        let mut data = Data { name: data_name, fields, fits: vec![], known: None };
        match known {
            Some(mut known) => {
                known.fit = self.fits(&mut data, &known, &fits);
                data.known = Some(known);
            }
            None => data.fits = fits.into_iter().map(|(name, _)| Fitted { name, state: None }).collect(),
        }
        self.data.push(data.clone());
        Some(data)
    }

    /// Checks the settings of the data blocks that nothing uses; their sources are not looked at.
    pub(super) fn check_unused_data(&mut self) {
        let items = self.items;
        for (_, item) in items.own(items.main) {
            if let Item::Data(name, block) = item
                && !self.usage.is_marked(name.span)
            {
                let frame = self.new_frame(name.span.source, name.span, None, String::new());
                self.frames.push(frame);
                self.data_lines(name, block);
                self.frames.pop();
            }
        }
    }

    fn data_lines(&mut self, name: &'a Name, block: &'a Block) -> Lines<'a> {
        let mut lines = Lines {
            fields: vec![],
            fits: vec![],
            source: None,
            shares: (0.0, 0.0, name.span),
            padded: vec![],
            sound: true,
        };
        let mut seen: Vec<&Name> = vec![];
        for stmt in &block.stmts {
            match &stmt.kind {
                StmtKind::Setting { name, value } => {
                    if let Some(first) = seen.iter().find(|n| n.text == name.text) {
                        let d = Diagnostic::error(
                            codes::DUPLICATE_SETTING,
                            name.span,
                            format!("`{}` is set twice", name.text),
                        );
                        let d = d.origin(Role::Previous, first.span, "first set here");
                        self.report(d);
                        lines.sound = false;
                        continue;
                    }
                    seen.push(name);
                    match name.text.as_str() {
                        "source" => {
                            lines.source = self.source_spec(value);
                            lines.sound &= lines.source.is_some();
                        }
                        "split" => match self.holdout(value) {
                            Some((valid, test)) => lines.shares = (valid, test, value.span),
                            None => lines.sound = false,
                        },
                        "padded" => match self.padded_setting(value) {
                            Some(axes) => lines.padded = axes,
                            None => lines.sound = false,
                        },
                        _ => {
                            let d = Diagnostic::error(
                                codes::UNKNOWN_SETTING,
                                name.span,
                                format!("a data block has no setting `{}`", name.text),
                            );
                            let d = super::suggest::suggest(d, name, SETTINGS.into_iter());
                            let d = d.note(format!("settings of a data block: {}", SETTINGS.join(", ")));
                            let elsewhere = super::train_settings::SETTINGS.contains(&name.text.as_str());
                            self.report(if elsewhere {
                                d.help("it is a setting of `train`: move it there")
                            } else {
                                d
                            });
                            lines.sound = false;
                        }
                    }
                }
                StmtKind::Bind { targets, value, form: None } if targets.len() == 1 => {
                    lines.fields.push((&targets[0], value));
                }
                StmtKind::Fit { name, value } => lines.fits.push((name, value)),
                StmtKind::Invalid(_) => lines.sound = false,
                _ => {
                    let d = Diagnostic::error(
                        codes::MISPLACED,
                        stmt.span,
                        "a data block has settings, fields and `fit` lines only",
                    );
                    self.report(d.help("a field is `name: [batch, …] = column`"));
                    lines.sound = false;
                }
            }
        }
        lines.sound &= self.check_padded(&lines.padded, &lines.fields);
        if lines.source.is_none() && lines.sound {
            let d = Diagnostic::error(
                codes::MISSING_SETTING,
                name.span,
                format!("`{}` does not say where its rows come from", name.text),
            );
            self.report(d.help("add `source: idx(\"folder\")` or `source: csv(\"file.csv\")`"));
        }
        lines
    }

    /// What the source's header says of sound settings.
    fn header(&mut self, name: &'a Name, lines: Lines<'a>) -> Option<Known<'a>> {
        let spec = lines.source.filter(|_| lines.sound)?;
        let from = self.sources.get(name.span.source).map(|s| s.name.clone()).unwrap_or_default();
        let schema = match self.world.schema(&from, &spec) {
            Ok(schema) => schema,
            Err(e) => {
                let d = data_error(spec.span, &e);
                self.report(d);
                return None;
            }
        };
        let train_rows = self.train_rows(&schema, lines.shares)?;
        let (valid, test, _) = lines.shares;
        let plan = DataPlan { name: name.text.clone(), source: spec, valid, test };
        Some(Known { plan, fit: None, schema, padded: lines.padded, train_rows })
    }

    /// A frame for a `train` or `predict` block.
    pub(super) fn block_frame(&mut self, span: Span) -> Frame<'a> {
        self.new_frame(self.items.main, span, None, String::new())
    }
}
