//! Which axes of a tensor are meant: names, `last`, `..`, `all but`.

use super::Elab;
use super::value::{AxisName, AxisSet, Tensor};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_grammar::span::Span;

impl<'a> Elab<'a> {
    /// The places of the axes meant, ascending.
    pub(super) fn resolve(&mut self, t: &Tensor, set: &AxisSet, span: Span) -> Option<Vec<usize>> {
        match set {
            AxisSet::Rest { before, after } => {
                if before + after > t.rank() {
                    let d = Diagnostic::error(
                        codes::WRONG_RANK,
                        span,
                        "`..` stands for axes that this value does not have",
                    );
                    self.report(d.label(format!("the value is {}", t.show())));
                    return None;
                }
                Some((*before..t.rank() - after).collect())
            }
            AxisSet::Last => match t.rank() {
                0 => {
                    self.report(Diagnostic::error(codes::WRONG_RANK, span, "a single number has no last axis"));
                    None
                }
                n => Some(vec![n - 1]),
            },
            AxisSet::Names(names) => {
                let places: Option<Vec<usize>> = names.iter().map(|n| self.place(t, n, span)).collect();
                let mut places = places?;
                places.sort_unstable();
                places.dedup();
                Some(places)
            }
            AxisSet::AllBut(names) => {
                let kept: Option<Vec<usize>> = names.iter().map(|n| self.place(t, n, span)).collect();
                let kept = kept?;
                Some((0..t.rank()).filter(|i| !kept.contains(i)).collect())
            }
        }
    }

    /// The one axis meant.
    pub(super) fn resolve_one(&mut self, t: &Tensor, set: &AxisSet, span: Span) -> Option<usize> {
        match self.resolve(t, set, span)?.as_slice() {
            [one] => Some(*one),
            many => {
                let d =
                    Diagnostic::error(codes::WRONG_RANK, span, format!("one axis is needed here, not {}", many.len()));
                self.report(d.label(format!("the value is {}", t.show())));
                None
            }
        }
    }

    /// Where a tensor has the axis of a name.
    pub(super) fn place(&mut self, t: &Tensor, name: &AxisName, span: Span) -> Option<usize> {
        let mut places = t.axes.iter().enumerate().filter(|(_, a)| a.name.as_ref() == Some(name)).map(|(i, _)| i);
        let d = match (places.next(), places.next()) {
            (Some(place), None) => return Some(place),
            (Some(_), Some(_)) => {
                Diagnostic::error(codes::AMBIGUOUS_AXIS, span, format!("two axes are called `{}`", name.text))
                    .help("rename them by an annotation first: `s: [i, j] = …`")
            }
            (None, _) => Diagnostic::error(codes::UNKNOWN_AXIS, span, format!("there is no axis `{}`", name.text)),
        };
        self.report(d.label(format!("the value is {}", t.show())));
        None
    }
}
