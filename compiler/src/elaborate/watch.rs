//! `keep highest valid.accuracy` and `stop after 3 epochs without lower valid.loss`: figures that are watched.

use super::Elab;
use crate::program::{Figure, Part, Watch};
use nnc_grammar::ast::{Block, Name, StmtKind};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// `keep highest valid.accuracy`, `stop after 3 epochs without lower valid.loss`
    /// `failed` names figures that a mistake has left out: nothing is said of those.
    pub(super) fn watches(
        &mut self,
        body: &'a Block,
        figures: &[Figure],
        failed: &[String],
    ) -> (Option<Watch>, Option<(usize, Watch)>) {
        let frame = self.block_frame(body.span);
        self.frames.push(frame);
        let (mut keep, mut stop) = (None, None);
        let (mut keeps, mut stops) = (0, 0);
        for stmt in &body.stmts {
            match &stmt.kind {
                StmtKind::Keep { highest, figure } => {
                    let watch = self.watch(figure, *highest, stmt.span, (figures, failed));
                    self.once(&mut keeps, stmt.span, "keep");
                    keep = keep.or(watch);
                }
                StmtKind::Stop { patience, higher, figure } => {
                    let watch = self.watch(figure, *higher, stmt.span, (figures, failed));
                    self.once(&mut stops, stmt.span, "stop");
                    let patience = self.count_setting(patience, "the number of epochs", 1);
                    stop = stop.or(patience.zip(watch));
                }
                _ => {}
            }
        }
        self.frames.pop();
        (keep, stop)
    }

    fn once(&mut self, lines: &mut usize, span: Span, what: &str) {
        *lines += 1;
        if *lines > 1 {
            self.report(Diagnostic::error(codes::DUPLICATE_SETTING, span, format!("there are two `{what}` lines")));
        }
    }

    fn watch(
        &mut self,
        path: &'a [Name],
        higher: bool,
        span: Span,
        (figures, failed): (&[Figure], &[String]),
    ) -> Option<Watch> {
        let parts = ["train", "valid"];
        let [part, figure] = path else {
            let d = Diagnostic::error(codes::WRONG_KIND, span, "a figure is written `valid.loss`");
            self.report(d.help("name the rows and the figure: `train.…` or `valid.…`"));
            return None;
        };
        let rows = match part.text.as_str() {
            "train" => Part::Train,
            "valid" => Part::Valid,
            _ => {
                let d = Diagnostic::error(
                    codes::UNKNOWN_NAME,
                    part.span,
                    format!("there are no rows called `{}`", part.text),
                );
                let d = super::suggest::suggest(d, part, parts.into_iter());
                let d = if part.text == "test" {
                    d.note("the test rows decide nothing: they are used once, at the end")
                } else {
                    d
                };
                self.report(d);
                return None;
            }
        };
        match figures
            .iter()
            .find(|f| f.name == figure.text && f.shape.is_empty() && (rows == Part::Valid || f.in_training))
        {
            Some(f) => Some(Watch { part: rows, figure: f.name.clone(), higher, span }),
            None if failed.contains(&figure.text) => None,
            None => {
                let d = Diagnostic::error(
                    codes::UNKNOWN_NAME,
                    figure.span,
                    format!("no figure is called `{}`", figure.text),
                );
                let d = super::suggest::suggest(d, figure, figures.iter().map(|f| f.name.as_str()));
                let names: Vec<&str> = figures.iter().map(|f| f.name.as_str()).collect();
                self.report(if names.is_empty() {
                    d
                } else {
                    d.note(format!("figures of this block: {}", names.join(", ")))
                });
                None
            }
        }
    }
}
