//! The sizes that a padded axis may have: chosen from the lengths of rows where none are written, and large enough for the windows
//! that slide along the axis.

use super::Elab;
use super::data::BATCH;
use super::window::Slide;
use crate::ir::dim::{Dim, Sym};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;

/// How far beyond the longest row a size is looked for that holds a window.
const FARTHEST: usize = 1 << 16;

/// Windows along an axis whose size is free.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Need {
    /// How many there are, at least one.
    count: Dim,
    /// The places that one reaches over.
    reach: usize,
    span: Span,
}

impl<'a> Elab<'a> {
    /// Notes that there are `count` windows, of which there must be one for every size of a padded axis; nothing when that can
    /// never be.
    pub(super) fn need_windows(&mut self, count: &Dim, slide: &Slide, span: Span) -> Option<()> {
        if count.as_constant().is_some() {
            return Some(());
        }
        let need = Need { count: count.clone(), reach: slide.reach(), span };
        let padded = count.syms().any(|sym| self.padded.iter().any(|p| p.size.syms().any(|own| own == sym)));
        if padded {
            if !self.needs.contains(&need) {
                self.needs.push(need);
            }
        } else if !self.holds(&need, None) {
            let what = format!("a window of {} does not fit into a batch of one row", slide.taps);
            let d = Diagnostic::error(codes::SHAPE_MISMATCH, span, what);
            self.report(d.note("the last batch of a pass holds what is left, which may be one row"));
            return None;
        }
        Some(())
    }

    /// Whether there is a window where padded axis `axis` has this size, and all others the smallest that they may have.
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
        need.count.eval(&size).is_some_and(|n| n >= 1)
    }

    /// Leaves out sizes of padded axes that hold no window where none are written, and refuses them where they are.
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
                    let what = format!("a `{name}` of {n} is too short for a window that reaches over {}", need.reach);
                    let d = Diagnostic::error(codes::OUT_OF_RANGE, padded.span, what);
                    let d = d.origin(Role::CallSite, need.span, format!("{} windows slide along it here", need.count));
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
