//! The sizes that a padded axis may have: chosen from the lengths of rows where none are written, and large enough for the windows
//! that slide along the axis and for the parts that are taken of it.

use super::Elab;
use super::data::BATCH;
use super::window::Slide;
use crate::ir::dim::{Dim, Sym};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// How far beyond the longest row a size is looked for that is large enough.
const FARTHEST: usize = 1 << 16;

/// What an axis whose size is free must be large enough for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Need {
    /// A number that follows from the size, and the least that it may be.
    count: Dim,
    least: i64,
    /// What a size is too short for.
    wanted: String,
    /// What there is of that number at the place of the text that needs it.
    here: String,
    span: Span,
}

impl<'a> Elab<'a> {
    /// Notes that there are `count` windows, of which there must be one for every size of a padded axis; nothing when that can
    /// never be.
    pub(super) fn need_windows(&mut self, count: &Dim, slide: &Slide, span: Span) -> Option<()> {
        let need = Need {
            count: count.clone(),
            least: 1,
            wanted: format!("for a window that reaches over {}", slide.reach()),
            here: format!("{count} windows slide along it here"),
            span,
        };
        self.need(need, || format!("a window of {} does not fit into a batch of one row", slide.taps))
    }

    /// Notes that `left_out` places of an axis are left out and `left` are kept, which must not be fewer than none for any size;
    /// nothing when that can never be.
    pub(super) fn need_places(&mut self, left_out: i64, left: &Dim, span: Span) -> Option<()> {
        let places = if left_out == 1 { "a place".to_owned() } else { format!("{left_out} places") };
        let need = Need {
            count: left.clone(),
            least: 0,
            wanted: format!("to leave out {places}"),
            here: format!("{left} places are kept of it here"),
            span,
        };
        self.need(need, || format!("a batch of one row is too short to leave out {places}"))
    }

    /// Notes that an axis of this size must have a place; nothing when that can never be.
    pub(super) fn need_element(&mut self, size: &Dim, span: Span) -> Option<()> {
        let need = Need {
            count: size.clone(),
            least: 1,
            wanted: format!("for a place of {size}"),
            here: "one of them is taken here".into(),
            span,
        };
        self.need(need, || format!("of a batch of one row, {size} has no place"))
    }

    /// Notes a need; `single` says what is wrong where a batch of one row is too small.
    fn need(&mut self, need: Need, single: impl Fn() -> String) -> Option<()> {
        let count = &need.count;
        if count.as_constant().is_some() {
            return Some(());
        }
        let padded = count.syms().any(|sym| self.padded.iter().any(|p| p.size.syms().any(|own| own == sym)));
        if padded {
            if !self.needs.contains(&need) {
                self.needs.push(need);
            }
        } else if !self.holds(&need, None) {
            let d = Diagnostic::error(codes::SHAPE_MISMATCH, need.span, single());
            self.report(d.note("the last batch of a pass holds what is left, which may be one row"));
            return None;
        }
        Some(())
    }

    /// Whether a need is met where padded axis `axis` has this size, and all others the smallest that they may have.
    fn holds(&self, need: &Need, axis: Option<(usize, usize)>) -> bool {
        let size = |sym: &Sym| {
            let place = self.padded.iter().position(|p| p.size == Dim::sym(&sym.0));
            let smallest = |i: usize| self.padded[i].axis.buckets.first().copied();
            let n = match (place, axis) {
                (Some(i), Some((own, n))) if i == own => Some(n),
                (Some(i), _) => smallest(i),
                (None, _) => (&*sym.0 == BATCH).then_some(1),
            };
            n.and_then(|n| i64::try_from(n).ok())
        };
        need.count.eval(&size).is_some_and(|n| n >= need.least)
    }

    /// Leaves out sizes of padded axes that are too small where none are written, and refuses them where they are.
    pub(super) fn fit_buckets(&mut self) {
        let needs = std::mem::take(&mut self.needs);
        for number in 0..self.padded.len() {
            let padded = self.padded[number].clone();
            let own = |need: &&Need| need.count.syms().any(|sym| padded.size.syms().any(|own| own == sym));
            let needs: Vec<&Need> = needs.iter().filter(own).collect();
            let lacks =
                |elab: &Elab<'a>, n: usize| needs.iter().find(|need| !elab.holds(need, Some((number, n)))).copied();
            let Some((n, need)) = padded.axis.buckets.iter().find_map(|&n| Some((n, lacks(self, n)?))) else {
                continue;
            };
            let longest = padded.axis.largest();
            let least = (n..longest.saturating_add(FARTHEST)).find(|&n| lacks(self, n).is_none());
            match least {
                Some(least) if !padded.written => {
                    let mut buckets = padded.axis.buckets.clone();
                    buckets.retain(|&n| n >= least && lacks(self, n).is_none());
                    if buckets.last().is_none_or(|&last| last < longest) {
                        let large = (least.max(longest)..).take(FARTHEST).find(|&n| lacks(self, n).is_none());
                        buckets.extend(large);
                    }
                    self.padded[number].axis.buckets = buckets;
                }
                _ => {
                    let name = &padded.axis.name;
                    let what = format!("a `{name}` of {n} is too short {}", need.wanted);
                    let d = Diagnostic::error(codes::OUT_OF_RANGE, padded.span, what);
                    let d = d.origin(Role::CallSite, need.span, need.here.clone());
                    self.report(match least {
                        Some(least) => d.help(format!("let the sizes of `{name}` begin with {least} or more")),
                        None => d,
                    });
                }
            }
        }
    }
}

/// The sizes that an axis of rows of these lengths may have: powers of two and one and a half times these, the last as long as the
/// longest row. Each is at most half longer than the one before, so that at most a third of a row is filled up in vain.
pub(super) fn buckets((shortest, longest): (usize, usize)) -> Vec<usize> {
    let powers = (0..usize::BITS - 1).map(|n| 1usize << n);
    let sizes = powers.flat_map(|p| if p > 1 { vec![p, p.saturating_add(p / 2)] } else { vec![p] });
    let below = sizes.take_while(|&size| size < longest).filter(|&size| size >= shortest);
    below.chain([longest.max(1)]).collect()
}

#[cfg(test)]
mod tests {
    use super::buckets;

    #[test]
    fn buckets_reach_from_the_shortest_row_to_the_longest() {
        assert_eq!(buckets((0, 20)), [1, 2, 3, 4, 6, 8, 12, 16, 20]);
        assert_eq!(buckets((7, 16)), [8, 12, 16]);
        assert_eq!(buckets((5, 5)), [5]);
        assert_eq!(buckets((0, 0)), [1]);
    }
}
