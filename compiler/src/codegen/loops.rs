//! Loop nests as data: an iteration space, strided ports and stores, one expression program, reductions.
//!
//! A nest has axes in three segments, from outside in: `outer` axes, whose every combination is a *row*; `reduced` axes; and
//! at most one `column` axis. What a nest is follows from them:
//!
//! | form | segments | order |
//! |---|---|---|
//! | map | outer, column | any: elements are independent |
//! | inner | outer, reduced | the inner order of [`crate::ops::order`] along a row |
//! | outer | outer, reduced, column | the outer order, for each column |
//! | scan | outer, one reduced | one scan along a row |
//!
//! Neighbouring axes of a segment are joined where every stride allows, so most nests are flat.

use crate::ir::op::Reducer;
use crate::ops::order::{INNER_BLOCK, OUTER_BLOCK};
use crate::prog::{Inst, Prog, Ty};

/// Names a buffer of the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub usize);

/// Elements of a buffer, affine in the axes of a nest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The buffer.
    pub buffer: BufferId,
    /// The element type.
    pub ty: Ty,
    /// The element at the origin.
    pub offset: isize,
    /// One stride an axis of the nest, in elements.
    pub strides: Vec<isize>,
}

/// A reduction of one result of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    /// Which.
    pub reducer: Reducer,
    /// The result of the program that it reduces.
    pub out: usize,
    /// Where it goes, strided over the outer and column axes; 0 on reduced axes.
    pub to: Place,
    /// From a block's result to the next block's, in elements; 0 when there is one block.
    pub block_stride: isize,
}

/// What a nest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Independent elements.
    Map,
    /// A reduction along the innermost axes.
    Inner,
    /// A reduction along axes outside the innermost.
    Outer,
    /// The place of the largest element along one axis.
    Search,
}

/// A loop nest.
#[derive(Debug, Clone)]
pub struct Loop {
    /// What it is.
    pub form: Form,
    /// Sizes of the axes: outer ones, then reduced ones, then the column.
    pub shape: Vec<usize>,
    /// How many axes are outer.
    pub n_outer: usize,
    /// How many axes are reduced.
    pub n_reduced: usize,
    /// Port `k` of the program.
    pub ports: Vec<Place>,
    /// What one element computes; its coordinates are those of `shape`.
    pub prog: Prog,
    /// Result `i` of the program goes to the place, element by element.
    pub stores: Vec<(usize, Place)>,
    /// What is reduced.
    pub reductions: Vec<Reduction>,
    /// Units of work in a part; see [`Loop::units`].
    pub grain: usize,
}

/// Columns of an outer reduction that one unit takes: whole cache lines of every type.
pub const COLUMNS: usize = 64;
/// Elements of a part of a flat map are a multiple of this, so that parts but the last are whole vectors.
pub const FLAT: usize = 64;
/// Nanoseconds of work that make a part worth handing to a thread.
const PART_NS: f64 = 3000.0;
/// The most parts of a loop.
const MOST_PARTS: usize = 64;

/// A nest over axes in the order of the graph, before it is brought into form.
pub struct RawLoop {
    /// Sizes.
    pub shape: Vec<usize>,
    /// Reduced axes, ascending; empty for a map.
    pub reduced: Vec<usize>,
    /// As in [`Loop`], over `shape`.
    pub ports: Vec<Place>,
    /// The program; coordinate `d` is along axis `d` of `shape`.
    pub prog: Prog,
    /// As in [`Loop`].
    pub stores: Vec<(usize, Place)>,
    /// As in [`Loop`].
    pub reductions: Vec<Reduction>,
}

impl RawLoop {
    /// Orders the axes, drops those of size one, joins neighbours, and fixes the parts.
    pub fn into_loop(self) -> Loop {
        let rank = self.shape.len();
        let is_reduced = |d: usize| self.reduced.contains(&d);
        let search = self.reductions.iter().any(|r| r.reducer == Reducer::ArgMax);
        let inner = self.reduced.last() == Some(&(rank.wrapping_sub(1)));
        let form = match (self.reductions.is_empty(), search) {
            (true, _) => Form::Map,
            (_, true) => Form::Search,
            _ if inner => Form::Inner,
            _ => Form::Outer,
        };
        // Axes in the order outer, reduced, column.
        let kept = (0..rank).filter(|&d| !is_reduced(d));
        let column_segment: Vec<usize> = match form {
            Form::Map => (0..rank).collect(),
            Form::Outer => kept.clone().filter(|&d| self.reduced.last().is_none_or(|&r| d > r)).collect(),
            Form::Inner | Form::Search => vec![],
        };
        let outer: Vec<usize> = kept.filter(|d| !column_segment.contains(d)).collect();
        let uses_index =
            |d: usize| self.prog.insts().iter().any(|i| matches!(i, Inst::Index(x) if usize::from(*x) == d));
        let places =
            || self.ports.iter().chain(self.stores.iter().map(|s| &s.1)).chain(self.reductions.iter().map(|r| &r.to));
        let joined = |segment: &[usize]| {
            let mut axes: Vec<Vec<usize>> = vec![];
            for &d in segment.iter().filter(|&&d| self.shape[d] != 1) {
                let joins = axes.last().is_some_and(|group| {
                    let before = group[group.len() - 1];
                    !uses_index(before)
                        && !uses_index(d)
                        && places().all(|p| p.strides[before] == p.strides[d] * self.shape[d] as isize)
                });
                match axes.last_mut() {
                    Some(group) if joins => group.push(d),
                    _ => axes.push(vec![d]),
                }
            }
            axes
        };
        let (mut outer, mut reduced, mut columns) = (joined(&outer), joined(&self.reduced), joined(&column_segment));
        let column = columns.pop();
        outer.append(&mut columns);
        if reduced.is_empty() && form != Form::Map {
            reduced.push(vec![]);
        }
        let has_column = matches!(form, Form::Map | Form::Outer);
        let n_outer = outer.len();
        let n_reduced = reduced.len();
        let axes: Vec<Vec<usize>> =
            outer.into_iter().chain(reduced).chain(has_column.then(|| column.unwrap_or_default())).collect();
        let size = |group: &Vec<usize>| group.iter().map(|&d| self.shape[d]).product::<usize>();
        let shape: Vec<usize> = axes.iter().map(size).collect();
        let place = |p: &Place| Place {
            strides: axes.iter().map(|group| group.last().map_or(0, |&d| p.strides[d])).collect(),
            ..p.clone()
        };
        let coordinates: Vec<Option<u8>> =
            (0..rank).map(|d| axes.iter().position(|g| g.as_slice() == [d]).map(|a| a as u8)).collect();
        let mut nest = Loop {
            form,
            n_outer,
            n_reduced,
            ports: self.ports.iter().map(place).collect(),
            prog: renumber(&self.prog, &coordinates),
            stores: self.stores.iter().map(|(out, p)| (*out, place(p))).collect(),
            reductions: self.reductions.iter().map(|r| Reduction { to: place(&r.to), ..r.clone() }).collect(),
            shape,
            grain: 1,
        };
        nest.choose_grain();
        nest
    }
}

/// The program with its coordinates along other axes; an axis of size one has the coordinate 0.
fn renumber(prog: &Prog, axes: &[Option<u8>]) -> Prog {
    if !prog.insts().iter().any(|i| matches!(i, Inst::Index(_))) {
        return prog.clone();
    }
    Prog::build(|p| {
        let ports: Vec<_> = {
            let mut types = vec![None; prog.ports().map(|(k, _)| usize::from(k) + 1).max().unwrap_or(0)];
            for (k, ty) in prog.ports() {
                types[usize::from(k)] = Some(ty);
            }
            types.iter().enumerate().map(|(k, ty)| p.port(k as u16, ty.unwrap_or(Ty::F32))).collect()
        };
        let index: Vec<_> = axes.iter().map(|a| a.map_or_else(|| p.int(Ty::I32, 0), |d| p.index(d))).collect();
        p.inline(prog, &ports, &index)
    })
}

impl Loop {
    /// Combinations of the outer axes.
    pub fn rows(&self) -> usize {
        self.shape[..self.n_outer].iter().product()
    }

    /// Elements that one result is reduced from.
    pub fn reduced_len(&self) -> usize {
        self.shape[self.n_outer..self.n_outer + self.n_reduced].iter().product()
    }

    /// The length of the column axis; 1 without one.
    pub fn columns(&self) -> usize {
        self.shape[self.n_outer + self.n_reduced..].iter().product()
    }

    /// Blocks that a reduction falls into; at least 1.
    pub fn blocks(&self) -> usize {
        match self.form {
            Form::Inner => self.reduced_len().div_ceil(INNER_BLOCK).max(1),
            Form::Outer => self.reduced_len().div_ceil(OUTER_BLOCK).max(1),
            Form::Map | Form::Search => 1,
        }
    }

    /// Elements of the whole iteration space.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Independent units of work, in the order in which parts take them: elements of a flat map, else rows; for reductions
    /// rows × blocks × groups of [`COLUMNS`] columns.
    pub fn units(&self) -> usize {
        match self.form {
            Form::Map if self.n_outer == 0 => self.columns(),
            Form::Map | Form::Search => self.rows(),
            Form::Inner => self.rows() * self.blocks(),
            Form::Outer => self.rows() * self.blocks() * self.columns().div_ceil(COLUMNS),
        }
    }

    /// Parts that threads share.
    pub fn parts(&self) -> u32 {
        self.units().div_ceil(self.grain) as u32
    }

    /// Nanoseconds that one thread takes, roughly.
    pub fn cost(&self) -> f64 {
        let per_element: f64 = self
            .prog
            .iter()
            .map(|(_, inst, ty)| {
                let wide = if ty.bytes() == 8 { 2.0 } else { 1.0 };
                wide * instruction_cost(inst)
            })
            .sum::<f64>()
            + 0.05 * (self.stores.len() + self.reductions.len()) as f64;
        self.elements() as f64 * per_element
    }

    /// A part is worth a thread's while, and there are few enough; both follow from the shape alone.
    fn choose_grain(&mut self) {
        let units = self.units();
        let parts = ((self.cost() / PART_NS) as usize).clamp(1, MOST_PARTS);
        let grain = units.div_ceil(parts).max(1);
        let flat = self.form == Form::Map && self.n_outer == 0;
        self.grain = if flat { grain.next_multiple_of(FLAT) } else { grain };
    }
}

/// Nanoseconds an element and 32-bit lane, measured on vectors of four.
fn instruction_cost(inst: &Inst) -> f64 {
    use crate::prog::{Bin, Un};
    match inst {
        Inst::Const(..) | Inst::Index(_) | Inst::Bitcast(..) => 0.0,
        Inst::Port(_) => 0.03,
        Inst::Binary(Bin::Div, ..) | Inst::Unary(Un::Sqrt, _) => 0.25,
        _ => 0.03,
    }
}

/// Joins the blocks of a reduction by the tree of neighbours: column `c` of `blocks` rows of `columns` values into element
/// `c` of the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// Which reduction.
    pub reducer: Reducer,
    /// The blocks' results, `[blocks, columns]`; overwritten.
    pub from: BufferId,
    /// Where the result goes, row-major.
    pub to: BufferId,
    /// The element type.
    pub ty: Ty,
    /// Blocks, at least 2.
    pub blocks: usize,
    /// Results.
    pub columns: usize,
    /// Columns of a part.
    pub grain: usize,
}

impl Tree {
    /// Parts that threads share.
    pub fn parts(&self) -> u32 {
        self.columns.div_ceil(self.grain) as u32
    }

    /// Nanoseconds that one thread takes, roughly.
    pub fn cost(&self) -> f64 {
        (self.blocks * self.columns) as f64 * 0.3
    }
}
