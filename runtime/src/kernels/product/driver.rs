//! The loops around the tile kernels.
//!
//! For each group of columns and each block of `k`: pack the panels of B if need be, then for each
//! block of rows of A run the tiles, panel by panel. `k` runs through C, so the blocks of `k` do not
//! cut the chains. A product whose contraction is split is worked on in smaller tiles of C, each
//! taken through the whole of `k`, with the partial sums in scratch memory.

use std::ops::Range;
use std::ptr::null;

use super::family::Family;
use super::pack::pack;
use super::plan::{Blocking, COLUMN_UNIT, a_stride, balanced, regions, scatters, tallest};
use super::tile::{Tile, TileFn};
use super::walk::{Runs, Walk};
use super::{Element, ProductDesc};

/// Works on the parts `begin..end`.
///
/// # Safety
/// As for [`ProductFn`](super::ProductFn).
#[allow(clippy::too_many_arguments, reason = "the C interface of the entries, handed on")]
pub(super) unsafe fn run<T: Element>(
    family: &'static Family<T>,
    desc: &ProductDesc,
    a: *const T,
    b: *const T,
    c: *mut T,
    scratch: *mut u8,
    begin: u32,
    end: u32,
) {
    let blocking = Blocking::of::<T>(desc);
    // A run of parts uses the slot of its first part: runs are disjoint, so their slots are, too.
    let [b_at, a_at, tables_at, partials_at, slot] = blocking.layout::<T>();
    let piece = |at: usize| scratch.wrapping_add(begin as usize * slot + at).cast::<T>();
    for region in regions(desc, begin as usize, end as usize) {
        for batch in region.batch {
            let product = Product {
                family,
                desc,
                blocking: &blocking,
                a: a.wrapping_offset(desc.a_batch.at(batch, desc.a_bs)),
                b: b.wrapping_offset(desc.b_batch.at(batch, desc.b_bs)),
                c: c.wrapping_offset(batch as isize * desc.c_bs),
                packed_a: piece(a_at),
                packed_b: piece(b_at),
                tables: piece(tables_at).cast(),
                partials: piece(partials_at),
                batch,
            };
            for cols in balanced(region.cols.clone(), COLUMN_UNIT, blocking.columns) {
                // SAFETY: the region lies within C, the columns within the group's width.
                unsafe { product.columns(region.rows.clone(), cols) }
            }
        }
    }
}

/// One product of a batch, with its scratch.
struct Product<'a, T: Element> {
    family: &'static Family<T>,
    desc: &'a ProductDesc,
    blocking: &'a Blocking,
    a: *const T,
    b: *const T,
    c: *mut T,
    packed_a: *mut T,
    packed_b: *mut T,
    tables: *mut isize,
    partials: *mut T,
    batch: usize,
}

/// A block of A.
struct Operand<'w, T> {
    at: *const T,
    rs: isize,
    cs: isize,
    /// Its rows, in runs of one stride.
    rows: Runs<'w>,
    /// Where its rows lie, if the runs are too short for tiles of their own.
    scattered: Option<*const isize>,
    /// Its `k`: at most a part of a run, whole runs, and a part of a run.
    ks: [Span; 3],
}

/// So many runs of `k` of one length, and where they start.
#[derive(Clone, Copy)]
struct Span {
    runs: usize,
    length: usize,
    starts: *const isize,
}

impl Span {
    const NONE: Span = Span { runs: 0, length: 0, starts: null() };

    /// One run that starts where A does.
    fn one(length: usize) -> Span {
        Span { runs: 1, length, starts: &0 }
    }
}

/// A rectangle of results with its row stride: part of C or a tile of partial sums.
#[derive(Clone, Copy)]
struct Block<T> {
    to: *mut T,
    rs: isize,
}

impl<T: Element> Product<'_, T> {
    /// The element (`row`, `col`) of C.
    fn at(&self, row: usize, col: usize) -> *mut T {
        self.c.wrapping_offset(row as isize * self.desc.c_rs + col as isize)
    }

    /// Finishes a rectangle of C that is at most one group of columns wide.
    unsafe fn columns(&self, rows: Range<usize>, cols: Range<usize>) {
        // SAFETY: the rectangle lies within C; tiles of partial sums are as large as the blocking
        // made them.
        unsafe {
            if self.blocking.partials == 0 {
                let c = Block { to: self.at(rows.start, cols.start), rs: self.desc.c_rs };
                return self.chain(rows, cols, 0..self.desc.k, c, true);
            }
            for rows in balanced(rows, self.blocking.row_unit, self.blocking.rows) {
                self.segments(rows.clone(), cols.clone());
                self.finish(&rows, &cols);
            }
        }
    }

    /// A rectangle of C as the tree of its segments (see [`KSplit`](super::KSplit)).
    ///
    /// Sums wait on a stack whose bottom is C. After segment `s`, as many pairs are joined as `s`
    /// ends in binary ones, and all that is left after the last: this is the tree with strides 1, 2,
    /// 4, 8, and the stack is never deeper than its levels.
    unsafe fn segments(&self, rows: Range<usize>, cols: Range<usize>) {
        let (k, split) = (self.desc.k, self.desc.split);
        let width = cols.len();
        // Tile 0 holds the chain at hand; level `l` of the stack, above C, is tile `l`.
        let tile = |l: usize| Block { to: self.partials.wrapping_add(l * self.blocking.partial), rs: width as isize };
        let c = Block { to: self.at(rows.start, cols.start), rs: self.desc.c_rs };
        let level = |l: usize| if l == 0 { c } else { tile(l) };
        let mut depth = 0;
        // SAFETY: levels stay below `partials`, each as large as the rectangle.
        unsafe {
            for s in 0..split.segments {
                let sum = level(depth);
                for (i, j) in split.segment(k, s).enumerate() {
                    let to = if i == 0 { sum } else { tile(0) };
                    self.chain(rows.clone(), cols.clone(), split.elements(k, j), to, false);
                    if i > 0 {
                        add(rows.len(), width, sum, to);
                    }
                }
                depth += 1;
                let last = s + 1 == split.segments;
                let joins = if last { depth - 1 } else { s.trailing_ones() as usize };
                for _ in 0..joins {
                    depth -= 1;
                    add(rows.len(), width, level(depth - 1), level(depth));
                }
            }
        }
    }

    /// The chains from +0 over `ks` for a rectangle, written to `to`. With `finish`, the epilogue is
    /// called on its blocks.
    unsafe fn chain(&self, rows: Range<usize>, cols: Range<usize>, ks: Range<usize>, to: Block<T>, finish: bool) {
        for k in balanced(ks.clone(), self.blocking.k_unit, self.blocking.k) {
            // SAFETY: the scratch holds the panels of B for a group of columns and a block of A,
            // for one block of `k`.
            unsafe {
                if self.blocking.packed_b > 0 {
                    self.pack_b(&rows, &cols, &k);
                }
                for block in balanced(rows.clone(), self.blocking.row_unit, self.blocking.rows) {
                    let a = match self.blocking.packed_a {
                        0 if self.desc.walks_a() => self.walk_a(&block, &k),
                        0 => self.a_at(&block, &k),
                        _ => self.pack_a(&block, &k),
                    };
                    let down = (block.start - rows.start) as isize * to.rs;
                    let to = Block { to: to.to.wrapping_offset(down), ..to };
                    self.tiles(tallest(self.desc, rows.len()), a, &cols, &k, to, k.start == ks.start);
                    if finish && k.end == ks.end {
                        self.finish(&block, &cols);
                    }
                }
            }
        }
    }

    /// A block of A in place.
    fn a_at(&self, rows: &Range<usize>, k: &Range<usize>) -> Operand<'_, T> {
        let (rs, cs) = (self.desc.a_rs, self.desc.a_cs);
        let ks = [Span::one(k.len()), Span::NONE, Span::NONE];
        let at = self.a.wrapping_offset(k.start as isize * cs);
        Operand { at, rs, cs, rows: Walk::EVEN.runs(rows.clone(), rs), scattered: None, ks }
    }

    /// A block of a walked A in place, with the tables of its runs.
    unsafe fn walk_a(&self, rows: &Range<usize>, k: &Range<usize>) -> Operand<'_, T> {
        let desc = self.desc;
        let [row_table, k_table] = [self.tables, self.tables.wrapping_add(self.blocking.tables[0])];
        let own = Operand { at: self.a, rows: desc.a_rows.runs(rows.clone(), desc.a_rs), ..self.a_at(rows, &(0..0)) };
        // SAFETY: the tables have room for the rows of a block and for each `k` of one.
        unsafe {
            // Only the first and the last run of a block can be shorter than the others, so there are at most three
            // lengths, one behind the other.
            let mut ks = [Span::NONE; 3];
            let mut at = 0;
            for (i, (length, start)) in desc.a_ks.runs(k.clone(), desc.a_cs).enumerate() {
                *k_table.add(i) = start;
                if i > 0 && ks[at].length != length {
                    at += 1;
                }
                let span = &mut ks[at];
                if span.runs == 0 {
                    *span = Span { runs: 0, length, starts: k_table.add(i) };
                }
                span.runs += 1;
            }
            if !scatters(desc) {
                return Operand { ks, ..own };
            }
            desc.a_rows.table(rows.clone(), desc.a_rs, row_table);
            let rows = Walk::EVEN.runs(0..rows.len(), 0);
            Operand { rs: 0, rows, scattered: Some(row_table), ks, ..own }
        }
    }

    /// A copy of a block of A, which is contiguous along its columns, with the columns close
    /// together.
    unsafe fn pack_a(&self, rows: &Range<usize>, k: &Range<usize>) -> Operand<'_, T> {
        let Operand { at, cs, .. } = self.a_at(rows, k);
        let at = at.wrapping_offset(rows.start as isize * self.desc.a_rs);
        let stride = a_stride(rows.len());
        for column in 0..k.len() {
            let from = at.wrapping_offset(column as isize * cs);
            // SAFETY: the block lies within A and fits the scratch.
            unsafe {
                let to = self.packed_a.add(column * stride);
                std::ptr::copy_nonoverlapping(from, to, rows.len());
            }
        }
        let ks = [Span::one(k.len()), Span::NONE, Span::NONE];
        let rows = Walk::EVEN.runs(0..rows.len(), 1);
        Operand { at: self.packed_a, rs: 1, cs: stride as isize, rows, scattered: None, ks }
    }

    /// B at (`k`, `col`), where it has strides.
    fn b_at(&self, k: usize, col: usize) -> *const T {
        self.b.wrapping_offset(k as isize * self.desc.b_rs + col as isize * self.desc.b_cs)
    }

    /// Packs the panels of a group of columns, one after the other.
    unsafe fn pack_b(&self, rows: &Range<usize>, cols: &Range<usize>, k: &Range<usize>) {
        let strides = (self.desc.b_rs, self.desc.b_cs);
        let mut to = self.packed_b;
        for panels in self.family.panels(tallest(self.desc, rows.len()), cols.len()) {
            for panel in 0..panels.count {
                let col = cols.start + panels.start + panel * panels.width;
                let desc = self.desc;
                let mut row = 0;
                for (rows, down) in desc.b_ks.runs(k.clone(), desc.b_rs) {
                    let mut column = 0;
                    for (width, across) in desc.b_cols.runs(col..col + panels.width, desc.b_cs) {
                        let from = self.b.wrapping_offset(down + across);
                        // SAFETY: the panel lies within B; the panels together, padded to whole vectors,
                        // fit the scratch, whose width is a multiple of every vector's length.
                        unsafe {
                            let to = to.add(row * panels.padded + column);
                            pack(self.family, (rows, width), from, strides, to, panels.padded);
                        }
                        column += width;
                    }
                    row += rows;
                }
                to = to.wrapping_add(panels.padded * k.len());
            }
        }
    }

    /// Runs the tiles of a block of rows over a block of `k`. `height` is the number of rows that
    /// the panels were chosen for.
    ///
    /// A tile's rows of A stay in the first-level cache while the panels pass by.
    #[allow(clippy::too_many_arguments, reason = "three operands and their three ranges")]
    unsafe fn tiles(
        &self,
        height: usize,
        a: Operand<'_, T>,
        cols: &Range<usize>,
        k: &Range<usize>,
        to: Block<T>,
        first: bool,
    ) {
        let desc = self.desc;
        let mut packed = self.packed_b.cast_const();
        for panels in self.family.panels(height, cols.len()) {
            // B at the first panel, the distance of its rows and of its panels.
            let (b, b_ks, b_next) = if self.blocking.packed_b > 0 {
                (packed, panels.padded as isize, panels.padded * k.len())
            } else {
                let b = self.b_at(k.start, cols.start + panels.start);
                (b, desc.b_rs, panels.width)
            };
            packed = packed.wrapping_add(panels.padded * k.len() * panels.count);
            let kernels = panels.kernels(a.scattered.is_some());
            let mut done = 0;
            for (length, start) in a.rows.clone() {
                for block in balanced(0..length, 1, kernels.len()).filter(|b| !b.is_empty()) {
                    let c = to.to.wrapping_offset((done + block.start) as isize * to.rs).wrapping_add(panels.start);
                    let mut tile = Tile {
                        runs: 0,
                        k: 0,
                        starts: null(),
                        a: a.at.wrapping_offset(start + block.start as isize * a.rs),
                        a_rs: a.rs,
                        a_cs: a.cs,
                        rows: a.scattered.map_or(null(), |rows| rows.wrapping_add(block.start)),
                        b,
                        b_ks,
                        init: null(),
                        init_rs: 0,
                        c,
                        c_rs: to.rs,
                        last: panels.last,
                    };
                    for _ in 0..panels.count {
                        // SAFETY: the tile's rows, columns and `k` lie within the product.
                        unsafe { over_k(kernels[block.len() - 1], &mut tile, &a.ks, first) };
                        tile.b = tile.b.wrapping_add(b_next);
                        tile.c = tile.c.wrapping_add(panels.width);
                    }
                }
                done += length;
            }
        }
    }

    /// Calls the epilogue on a finished block of C.
    unsafe fn finish(&self, rows: &Range<usize>, cols: &Range<usize>) {
        let Some(epilogue) = self.desc.epilogue.filter(|_| !rows.is_empty() && !cols.is_empty()) else {
            return;
        };
        let c = self.at(rows.start, cols.start).cast();
        // SAFETY: whoever set the epilogue vouches for it and its context.
        unsafe {
            epilogue(self.desc.epilogue_ctx, c, self.batch, rows.start, rows.len(), cols.start, cols.len());
        }
    }
}

/// Runs a kernel over the spans of a block of `k`; the first begins at +0 if the block is the `first`.
///
/// # Safety
/// As for the kernel.
unsafe fn over_k<T: Element>(kernel: TileFn<T>, tile: &mut Tile<T>, ks: &[Span; 3], first: bool) {
    let b = tile.b;
    for (i, span) in ks.iter().enumerate().filter(|(i, span)| *i == 0 || span.runs > 0) {
        (tile.runs, tile.k, tile.starts) = (span.runs, span.length, span.starts);
        let zero = first && i == 0;
        (tile.init, tile.init_rs) = if zero { (T::ZEROS.as_ptr(), 0) } else { (tile.c.cast_const(), tile.c_rs) };
        // SAFETY: the caller's.
        unsafe { kernel(tile) };
        tile.b = tile.b.wrapping_offset((span.runs * span.length) as isize * tile.b_ks);
    }
    tile.b = b;
}

/// `sum += addend`, element by element.
unsafe fn add<T: Element>(rows: usize, cols: usize, sum: Block<T>, addend: Block<T>) {
    for i in 0..rows as isize {
        let to = sum.to.wrapping_offset(i * sum.rs);
        let from = addend.to.wrapping_offset(i * addend.rs);
        for j in 0..cols {
            // SAFETY: the caller vouches for `rows` by `cols` elements of either.
            unsafe { *to.add(j) = *to.add(j) + *from.add(j) }
        }
    }
}
