//! What follows from a product's shape alone: its parts, the sizes of its blocks and its scratch.
//!
//! Nothing here depends on the instruction set or on the number of threads, so a compiler can plan
//! memory for a machine that it does not run on. Nothing here can change a bit of the result.

use std::ops::Range;

use super::{Element, ProductDesc, Walk};

/// The most of `k` in one pass over a block: a panel of B of one cache line per `k` then fills at
/// most seven eighths of a 32 KiB first-level cache.
const K_BLOCK: usize = 448;
/// Bytes of a row of B that are worked on together (256 columns in f32).
const GROUP_BYTES: usize = 1024;
/// Bytes of A that are worked on together: a quarter of a 512 KiB second-level cache.
const A_BLOCK_BYTES: usize = 128 << 10;
/// Columns of B that are never divided among parts.
pub const COLUMN_UNIT: usize = 32;
/// Rows of a tile of partial sums, a whole number of tiles of 6, 12 and 14 rows.
const PARTIAL_ROWS: usize = 84;
/// Bytes of a row of a tile of partial sums.
const PARTIAL_BYTES: usize = 512;
/// Multiply-adds that make a part worth a thread's while (about 1.5 µs).
const PART_WORK: usize = 1 << 16;
/// The most parts.
const MOST_PARTS: usize = 16;
/// Rows of the smallest part.
const LEAST_ROWS: usize = 4;
/// Elements between rows of B from which on their cache lines evict one another, so that a copy is
/// worth its while.
pub const FAR_ROWS: usize = 256;
/// The same between columns of A, in bytes.
const FAR_COLUMNS: usize = 1024;
/// Rows of A that pay for a copy of B.
const MANY_ROWS: usize = 48;
/// Columns of B, and elements of `k`, that pay for a copy of A.
const MANY_COLUMNS: usize = 32;
const LONG: usize = 96;
/// Columns of a part of a product whose B is copied, if there are enough.
const PART_COLUMNS: usize = 128;
/// Alignment of the pieces of scratch memory.
const ALIGN: usize = 64;

/// Cuts `range` into as few pieces of at most `most` as possible, at multiples of `unit` from its
/// start and otherwise equal; an empty range is one empty piece. `most` is a multiple of `unit`.
#[inline]
pub(super) fn balanced(range: Range<usize>, unit: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let units = range.len().div_ceil(unit);
    let pieces = units.div_ceil(most / unit).max(1);
    let (each, longer) = (units / pieces, units % pieces);
    let mut start = range.start;
    (0..pieces).map(move |i| {
        let begin = start;
        start = range.end.min(begin + (each + usize::from(i < longer)) * unit);
        begin..start
    })
}

/// How a product is divided into parts: `batches` by `columns` by `rows` pieces, rows running
/// fastest, so that a run of parts mostly is one taller region.
struct Grid {
    batches: usize,
    columns: usize,
    rows: usize,
}

impl Grid {
    fn of(desc: &ProductDesc) -> Grid {
        let each = desc.m.saturating_mul(desc.n).saturating_mul(desc.k);
        let work = each.saturating_mul(desc.batch);
        let wanted = (work / PART_WORK).clamp(1, MOST_PARTS);
        let batches = desc.batch.clamp(1, wanted);
        let left = wanted / batches;
        let units = desc.n.div_ceil(COLUMN_UNIT).max(1);
        let most_rows = desc.m.div_ceil(LEAST_ROWS).max(1);
        // Every run of parts copies the panels of its columns of B, whatever its rows.
        let by_columns = if packs_b(desc) {
            Some(desc.n.div_ceil(PART_COLUMNS).max(units.min(2)))
        } else {
            (desc.n >= 2 * desc.m).then_some(units)
        };
        if let Some(most) = by_columns {
            let columns = left.min(most);
            Grid { batches, columns, rows: (left / columns).clamp(1, most_rows) }
        } else {
            let rows = left.min(most_rows);
            Grid { batches, columns: (left / rows).clamp(1, units), rows }
        }
    }

    fn parts(&self) -> usize {
        self.batches * self.columns * self.rows
    }
}

/// Piece `i` of `pieces` of `0..total`, cut at multiples of `unit`.
fn piece(total: usize, unit: usize, pieces: usize, i: usize) -> Range<usize> {
    let units = total.div_ceil(unit);
    let cut = |i: usize| (i * units / pieces * unit).min(total);
    cut(i)..cut(i + 1)
}

/// A region of C in some of the products of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) batch: Range<usize>,
    pub(super) rows: Range<usize>,
    pub(super) cols: Range<usize>,
}

/// The regions of the parts `begin..end`, with neighbours in rows joined.
pub(super) fn regions(desc: &ProductDesc, begin: usize, end: usize) -> impl Iterator<Item = Region> {
    let grid = Grid::of(desc);
    let (m, n, batch) = (desc.m, desc.n, desc.batch);
    let mut part = begin;
    std::iter::from_fn(move || {
        if part >= end {
            return None;
        }
        let (row, rest) = (part % grid.rows, part / grid.rows);
        let (column, group) = (rest % grid.columns, rest / grid.columns);
        let last = grid.rows.min(row + end - part) - 1;
        part += last + 1 - row;
        Some(Region {
            batch: piece(batch, 1, grid.batches, group),
            rows: piece(m, 1, grid.rows, row).start..piece(m, 1, grid.rows, last).end,
            cols: piece(n, COLUMN_UNIT, grid.columns, column),
        })
    })
}

/// The number of parts of a product, at least 1. Parts are disjoint regions of C, so any threads
/// may take any of them, in any order.
pub fn parts(desc: &ProductDesc) -> u32 {
    Grid::of(desc).parts() as u32
}

/// Panels of B are copied: because they are walked, because the columns are not contiguous, or because the rows lie so far
/// apart that the lines of a panel evict one another and there are enough rows of A to pay for it.
fn packs_b(desc: &ProductDesc) -> bool {
    let far = desc.b_rs.unsigned_abs() >= FAR_ROWS && desc.m >= MANY_ROWS;
    let walked = !(desc.b_ks.is_even() && desc.b_cols.is_even());
    walked || desc.n > 1 && (desc.b_cs != 1 || far)
}

/// Blocks of A are copied: it is stored by columns, so far apart that their lines evict one another,
/// and enough columns of B pay for it.
fn packs_a<T: Element>(desc: &ProductDesc) -> bool {
    let far = desc.a_rs == 1 && desc.a_cs.unsigned_abs() * size_of::<T>() >= FAR_COLUMNS;
    far && desc.n >= MANY_COLUMNS && desc.k >= LONG && !desc.walks_a()
}

/// Rows of A that are walked in runs of at least so many have tiles of their own for each run, whose rows are evenly apart.
const RUN_ROWS: usize = 4;

/// The rows of A are found one by one: they are walked in short runs.
pub(super) fn scatters(desc: &ProductDesc) -> bool {
    desc.walks_a() && !desc.a_rows.is_even() && desc.a_rows.run < RUN_ROWS
}

/// The most rows of a tile in a region of `rows` rows.
pub(super) fn tallest(desc: &ProductDesc, rows: usize) -> usize {
    if desc.a_rows.is_even() || scatters(desc) { rows } else { rows.min(desc.a_rows.run) }
}

/// Blocks of an axis of A with the walk `walk` are cut at multiples of this where they may have `most` elements.
fn unit(walk: &Walk, most: usize) -> usize {
    if walk.is_even() || walk.run > most { 1 } else { walk.run }
}

/// Sizes of the blocks that a product is worked on in, and the layout of one part's scratch: the
/// copied panels of B, the copied block of A, the tables of its walks, the tiles of partial sums.
pub(super) struct Blocking {
    /// The most of `k` in one pass, and what such passes are multiples of.
    pub(super) k: usize,
    pub(super) k_unit: usize,
    /// Columns worked on together.
    pub(super) columns: usize,
    /// Rows worked on together; for a split product, rows of a tile of partial sums.
    pub(super) rows: usize,
    /// What the rows worked on together are a multiple of.
    pub(super) row_unit: usize,
    /// Elements of the panels of B; 0 if they are read in place.
    pub(super) packed_b: usize,
    /// Elements of the block of A; 0 if it is read in place.
    pub(super) packed_a: usize,
    /// Entries of the table of rows, and of that of `k`, of a block of a walked A; none if it is not.
    pub(super) tables: [usize; 2],
    /// Elements of one tile of partial sums.
    pub(super) partial: usize,
    /// Tiles of partial sums.
    pub(super) partials: usize,
}

/// The distance of columns in a copied block of A with `rows` rows: an odd number of cache lines in
/// f32, so that the columns use all of the cache.
pub(super) fn a_stride(rows: usize) -> usize {
    (rows.div_ceil(16) | 1) * 16
}

impl Blocking {
    pub(super) fn of<T: Element>(desc: &ProductDesc) -> Blocking {
        let size = size_of::<T>();
        let split = desc.split.blocks(desc.k) > 1;
        let longest = desc.k.min(desc.split.block).max(1);
        let k_unit = unit(&desc.a_ks, K_BLOCK);
        let k_most = K_BLOCK - K_BLOCK % k_unit;
        let k = longest.div_ceil(longest.div_ceil(k_most)).next_multiple_of(k_unit);
        let columns = if split { PARTIAL_BYTES } else { GROUP_BYTES } / size;
        let units = desc.n.div_ceil(COLUMN_UNIT).div_ceil(Grid::of(desc).columns);
        let width = columns.min(units * COLUMN_UNIT);
        let rows = if split { PARTIAL_ROWS } else { (A_BLOCK_BYTES / (k * size)).max(ALIGN) };
        let row_unit = unit(&desc.a_rows, rows);
        let height = rows.min(desc.m);
        // One tile for the chain at hand and one for every level of the tree of segments but the
        // last, which is C.
        let partials = if split { desc.split.segments.ilog2() as usize + 1 } else { 0 };
        Blocking {
            k,
            k_unit,
            columns,
            rows,
            row_unit,
            packed_b: if packs_b(desc) { k * width } else { 0 },
            packed_a: if packs_a::<T>(desc) { k * a_stride(height) } else { 0 },
            tables: if desc.walks_a() { [height, k] } else { [0, 0] },
            partial: if split { height * width } else { 0 },
            partials,
        }
    }

    /// Where the four pieces of a part's scratch start, in bytes, and where they end.
    pub(super) fn layout<T: Element>(&self) -> [usize; 5] {
        let entries = self.tables.iter().sum::<usize>() * size_of::<isize>();
        let pieces = [self.packed_b, self.packed_a, entries.div_ceil(size_of::<T>()), self.partial * self.partials];
        let mut end = 0;
        let ends = pieces.map(|elements| {
            end += (elements * size_of::<T>()).next_multiple_of(ALIGN);
            end
        });
        [0, ends[0], ends[1], ends[2], ends[3]]
    }
}

/// Bytes of scratch memory that a product needs, for all its parts together.
pub fn scratch_bytes<T: Element>(desc: &ProductDesc) -> usize {
    let [.., slot] = Blocking::of::<T>(desc).layout::<T>();
    slot * Grid::of(desc).parts()
}
