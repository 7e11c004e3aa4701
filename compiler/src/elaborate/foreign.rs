//! `param w: [n, units] = … as torch weight [i, o] -> [o, i]`: how PyTorch keeps what layers declare.
//!
//! What several parameters of a module share in PyTorch they share place by place: each place of such a tensor belongs to one of them.

use super::Elab;
use super::modules::owner;
use super::rearrange::Moved;
use super::value::Axis;
use crate::ir::dim::Dim;
use crate::program::{Called, Init, Kept, Role as StateRole};
use nnc_grammar::ast::{self, Expr, LayoutPart};
use nnc_grammar::codes;
use nnc_grammar::diagnostic::{Diagnostic, Role};
use nnc_grammar::span::Span;
use nnc_runtime::checkpoint::{Layout, Part};
use std::collections::BTreeMap;
use std::ops::Range;

/// What a tensor of PyTorch is to one state: which of its parts, which places it claims, its sizes, and where that is written.
struct Claim {
    state: u32,
    part: usize,
    places: Range<usize>,
    shape: Vec<usize>,
    at: Span,
}

impl<'a> Elab<'a> {
    /// Notes how PyTorch keeps a state of these axes.
    pub(super) fn declare_layout(&mut self, number: u32, layout: &'a ast::Layout, axes: &[Axis]) {
        if self.is_torch(&layout.system.text, layout.system.span)
            && let Some(made) = self.layout_of(layout, axes)
        {
            self.layouts.insert(number, (made, layout.span));
        }
    }

    fn layout_of(&mut self, layout: &'a ast::Layout, axes: &[Axis]) -> Option<Layout> {
        let sizes = |dims: &[Dim]| -> Option<Vec<usize>> {
            dims.iter().map(|dim| usize::try_from(dim.as_constant()?).ok()).collect()
        };
        let mut made = Layout::own("", sizes(&axes.iter().map(|a| a.size.clone()).collect::<Vec<_>>())?);
        if let Some(pattern) = &layout.axes {
            let Moved { apart, order, axes } = self.moved(axes, layout.span, pattern, layout.span)?;
            let shape = sizes(&axes.into_iter().map(|a| a.size).collect::<Vec<_>>())?;
            made = Layout { apart: sizes(&apart)?, order, shape, ..made };
        }
        made.parts = vec![];
        let rows = made.rows();
        for part in &layout.parts {
            let places = self.places_of(part, rows, made.shape.is_empty())?;
            if made.parts.is_empty() && places.len() != rows {
                let headline = format!("`{}` holds {} places of {rows}", part.name.text, places.len());
                let d = Diagnostic::error(codes::OUT_OF_RANGE, part.name.span, headline);
                self.report(d.note("the first tensor holds all of what is declared; those behind a `+` may hold less"));
                return None;
            }
            made.parts.push(Part { name: part.name.text.clone(), places, shape: made.shape.clone() });
        }
        Some(made)
    }

    /// The places that a part takes along the first axis of its tensor; of a tensor without axes the only one.
    fn places_of(&mut self, part: &'a LayoutPart, rows: usize, single: bool) -> Option<Range<usize>> {
        let Some((begin, end)) = &part.range else { return Some(0..rows) };
        if single {
            let span = begin.span.to(end.span);
            let d = Diagnostic::error(codes::WRONG_RANK, span, "a single number has no places along a first axis");
            self.report(d.help("give it an axis: `param s: [1] = …`, and take `s[.., 0]` where it is used"));
            return None;
        }
        let mut place = |e: &'a Expr| usize::try_from(self.size_of(e)?.as_constant()?).ok();
        let places = place(begin)?..place(end)?;
        if places.is_empty() || places.len() > rows {
            let span = begin.span.to(end.span);
            let headline = format!("{} to {} are not 1 to {rows} places", places.start, places.end);
            self.report(Diagnostic::error(codes::OUT_OF_RANGE, span, headline));
            return None;
        }
        Some(places)
    }

    /// How PyTorch keeps all parameters and statistics, named as lines that begin with a file tell. What shares a tensor must fill
    /// it, without gap and overlap.
    pub(super) fn kept(&mut self, inits: &[Init]) -> BTreeMap<u32, Kept> {
        let mut kept: BTreeMap<u32, Kept> = BTreeMap::new();
        if self.has_errors() {
            return kept;
        }
        self.check_called();
        let root = self.root();
        let mut claims: BTreeMap<(String, String), Vec<Claim>> = BTreeMap::new();
        for (state, number) in self.states.iter().zip(0..) {
            if !matches!(state.role, StateRole::Parameter | StateRole::Statistic) {
                continue;
            }
            let own = state.path.rsplit('.').next().unwrap_or(&state.path);
            let own = || Layout::own(own, state.ty.sizes().unwrap_or_default());
            let site = self.sites.get(state.site.0 as usize).map(|site| site.span);
            let declared = self.layouts.get(&number).cloned();
            let Some((layout, at)) = declared.or_else(|| Some((own(), site?))) else { continue };
            for (part, Part { name, places, shape }) in layout.parts.iter().enumerate() {
                let claim = Claim { state: number, part, places: places.clone(), shape: shape.clone(), at };
                claims.entry((owner(&state.path).to_owned(), name.clone())).or_default().push(claim);
            }
            kept.insert(number, Kept { module: self.in_program(owner(&state.path), root.as_deref()), layout });
        }
        for ((_, name), mut claims) in claims {
            claims.sort_by_key(|claim| claim.places.start);
            let rows = self.whole(&name, &claims);
            for Claim { state, part, shape, .. } in claims.iter().filter(|claim| !claim.shape.is_empty()) {
                if let Some(part) = kept.get_mut(state).and_then(|kept| kept.layout.parts.get_mut(*part)) {
                    part.shape = std::iter::once(rows).chain(shape.iter().skip(1).copied()).collect();
                }
            }
        }
        for Init { states, torch, .. } in inits {
            let Some(Called { modules, told: true }) = torch else { continue };
            for (state, module) in states.iter().zip(modules) {
                kept.entry(*state).and_modify(|kept| kept.module.clone_from(module));
            }
        }
        kept
    }

    /// The places of a tensor along its first axis, of which each belongs to one claim; claims are in order.
    fn whole(&mut self, name: &str, claims: &[Claim]) -> usize {
        let mut filled = 0;
        let mut before: Option<&Claim> = None;
        for claim in claims {
            let headline = match before {
                _ if claim.places.start > filled => {
                    Some(format!("places {filled} to {} of `{name}` belong to nothing", claim.places.start))
                }
                Some(_) if claim.places.start < filled => Some(format!("two parameters of a module are `{name}`")),
                Some(before) if before.shape.get(1..) != claim.shape.get(1..) => {
                    Some(format!("two parts of `{name}` have different axes behind the first"))
                }
                _ => None,
            };
            if let Some(headline) = headline {
                let d = Diagnostic::error(codes::SHAPE_MISMATCH, claim.at, headline);
                let d = match before {
                    Some(before) => d.origin(Role::Previous, before.at, "this is the part before"),
                    None => d,
                };
                self.report(d.note("what shares a tensor of PyTorch fills it, each place once"));
                break;
            }
            filled = claim.places.end;
            before = Some(claim);
        }
        filled
    }
}
