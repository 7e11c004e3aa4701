//! The settings of a `train` block.

use super::Elab;
use super::items::Train;
use super::walk::{Seen, walk_block};
use nnc_grammar::ast::{Block, Expr, ExprKind, Name, StmtKind, Target};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role, Safety};
use nnc_grammar::span::Span;
use nnc_runtime::text::nearest;

pub(super) const SETTINGS: [&str; 5] = ["batch", "epochs", "accumulate", "clip", "average"];

/// What the settings of the block say; nothing where they are missing or wrong.
#[derive(Clone, Copy)]
pub(super) struct Settings<'a> {
    pub(super) batch: Option<usize>,
    pub(super) epochs: Option<usize>,
    pub(super) accumulate: u32,
    pub(super) clip: Option<f64>,
    pub(super) average: Option<&'a Expr>,
}

/// The setting that a binding was meant to be, `batch = 32`: no other line speaks of it.
pub(super) fn set_like<'n>(targets: &'n [Target], block: &Block) -> Option<&'n Name> {
    let [Target { name, ty: None }] = targets else { return None };
    if !matches!(name.text.as_str(), "batch" | "epochs") {
        return None;
    }
    let mut used = false;
    walk_block(block, &mut |seen| {
        used |= matches!(seen, Seen::Expr(Expr { kind: ExprKind::Name(n), .. }) if *n == name.text);
    });
    (!used).then_some(name)
}

/// The setting whose word an unknown one holds: `batch_size`, `num_epochs`.
fn akin(name: &str) -> Option<&'static str> {
    SETTINGS.into_iter().find(|known| name.contains(known.trim_end_matches('s')))
}

impl<'a> Elab<'a> {
    pub(super) fn train_settings(&mut self, block: &Train<'a>) -> Settings<'a> {
        let mut found: Vec<(&'a Name, Option<usize>)> = vec![];
        // Settings that a line with a mistake was meant to be.
        let mut tried: Vec<&str> = vec![];
        let (mut clip, mut average) = (None, None);
        for stmt in &block.body.stmts {
            let (name, value) = match &stmt.kind {
                StmtKind::Setting { name, value } => (name, value),
                StmtKind::Bind { targets, value, .. } => {
                    if let Some(name) = set_like(targets, block.body) {
                        tried.push(&name.text);
                        self.bound_setting(name, value);
                    }
                    continue;
                }
                _ => continue,
            };
            if let Some((first, _)) = found.iter().find(|(n, _)| n.text == name.text) {
                let d = Diagnostic::error(codes::DUPLICATE_SETTING, name.span, format!("`{}` is set twice", name.text));
                let d = d.origin(Role::Previous, first.span, "first set here");
                self.report(d);
                continue;
            }
            let count = match name.text.as_str() {
                "batch" | "epochs" | "accumulate" => self.count_setting(value, &format!("`{}`", name.text), 1),
                "average" => {
                    average = Some(value);
                    None
                }
                "clip" => {
                    clip = self.positive(value, "`clip`");
                    None
                }
                _ => {
                    tried.extend(nearest(&name.text, SETTINGS).or_else(|| akin(&name.text)));
                    self.unknown_setting(name, block);
                    None
                }
            };
            found.push((name, count));
        }
        let setting = |this: &mut Self, what: &str, set: Option<usize>| {
            let written = found.iter().find(|(n, _)| n.text == what);
            match (set, written) {
                (Some(n), _) => Some(n),
                (None, Some((_, n))) => *n,
                (None, None) if tried.contains(&what) => None,
                (None, None) => {
                    let d = Diagnostic::error(
                        codes::MISSING_SETTING,
                        block.head,
                        format!("the `train` block does not set `{what}`"),
                    );
                    this.report(d.help(format!("add `{what}: …`")));
                    None
                }
            }
        };
        let batch = setting(self, "batch", self.options.batch);
        let epochs = setting(self, "epochs", self.options.epochs);
        let accumulate = found.iter().find(|(n, _)| n.text == "accumulate").and_then(|(_, n)| *n);
        // A count has at most 31 bits.
        let accumulate = accumulate.map_or(1, |n| n as u32);
        Settings { batch, epochs, accumulate, clip, average }
    }

    fn unknown_setting(&mut self, name: &Name, block: &Train<'a>) {
        let headline = format!("a train block has no setting `{}`", name.text);
        let d = Diagnostic::error(codes::UNKNOWN_SETTING, name.span, headline);
        let d = super::suggest::suggest(d, name, SETTINGS.into_iter());
        let is_set = |known: &&str| {
            block.body.stmts.iter().any(|s| matches!(&s.kind, StmtKind::Setting { name, .. } if name.text == **known))
        };
        let d = match akin(&name.text).filter(|known| d.fixes.is_empty() && !is_set(known)) {
            Some(known) => d.help(format!("there is `{known}`")),
            None => d,
        };
        let d = d.note(format!("settings of a train block: {}", SETTINGS.join(", ")));
        let elsewhere = super::data::SETTINGS.contains(&name.text.as_str());
        self.report(match name.text.as_str() {
            "optimizer" | "lr" | "learning_rate" => d.help("write a line `optimize MODEL with Adam(0.001)`"),
            "loss" => d.help("a loss is a line with `=`: `loss = …`"),
            _ if elsewhere => d.help("it is a setting of `data` blocks: move it there"),
            _ => d,
        });
    }

    /// `batch = 32`
    fn bound_setting(&mut self, name: &Name, value: &Expr) {
        let d = Diagnostic::error(codes::MISPLACED, name.span, format!("`{}` is a setting", name.text));
        let sign = Span { start: name.span.end, end: value.span.start, ..name.span };
        self.report(d.replace("a setting has a colon", sign, ": ", Safety::Safe));
    }
}
