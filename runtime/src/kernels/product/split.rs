//! Where a long contraction is cut: one pure rule, shared by the kernels and by whoever checks them.

use std::ops::Range;

/// The longest contraction that stays one chain.
pub const LONGEST_CHAIN: usize = 8192;
/// The least elements in a block of a longer one.
const LEAST_BLOCK: usize = 1024;
/// Products with more results than this have one segment.
const FEW_RESULTS: usize = 65_536;
/// The most segments.
const MOST_SEGMENTS: usize = 16;

/// How the contraction index 0..k of a product is cut. It is an attribute of the product, fixed when
/// the product is made, and decides the bits of every result:
///
/// - *Blocks*: `k` falls into consecutive blocks of `block` elements, the last maybe shorter. Each
///   is one ascending chain of fused multiply-adds that starts from +0.
/// - *Segments*: block `j` of `count` belongs to the segment `s` with
///   `s·count/segments <= j < (s+1)·count/segments` (whole-number division). The value of a segment
///   is its first block's chain; the other blocks are added to it in ascending order, each by one
///   rounded addition.
/// - *Tree*: for the strides 1, 2, 4, 8: segment `s`, a multiple of twice the stride, becomes
///   `segment[s] + segment[s + stride]` where that exists. Segment 0 is the result.
///
/// With one block the result is that block's chain, and +0 if `k` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KSplit {
    /// Elements of `k` in a block, at least 1.
    pub block: usize,
    /// Segments, at least 1 and at most the number of blocks (at most 16).
    pub segments: usize,
}

impl KSplit {
    /// The number of blocks for a contraction of `k` elements.
    pub fn blocks(&self, k: usize) -> usize {
        k.div_ceil(self.block.max(1)).max(1)
    }

    /// The blocks of segment `s`.
    pub fn segment(&self, k: usize, s: usize) -> Range<usize> {
        let count = self.blocks(k);
        s * count / self.segments..(s + 1) * count / self.segments
    }

    /// The elements of block `j`.
    pub fn elements(&self, k: usize, j: usize) -> Range<usize> {
        (j * self.block).min(k)..(j + 1).saturating_mul(self.block).min(k)
    }
}

/// The split of a product of `m` by `n` results over `k_outer` steps of `k_inner` elements
/// (`k_outer` is the outermost contraction axis, `k_inner` the product of the others).
///
/// Up to [`LONGEST_CHAIN`] elements stay one chain. Beyond, a block is as few whole outermost steps
/// as make 1024 elements; products of more than 65,536 results have one segment, others 16, or as
/// many as there are blocks.
pub fn k_split(m: usize, n: usize, k_outer: usize, k_inner: usize) -> KSplit {
    let k = k_outer.saturating_mul(k_inner);
    if k <= LONGEST_CHAIN {
        return KSplit { block: k.max(1), segments: 1 };
    }
    let block = LEAST_BLOCK.div_ceil(k_inner) * k_inner;
    let many = m.saturating_mul(n) > FEW_RESULTS;
    KSplit { block, segments: if many { 1 } else { k.div_ceil(block).min(MOST_SEGMENTS) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_contractions_are_one_chain() {
        assert_eq!(k_split(4, 4, 8192, 1), KSplit { block: 8192, segments: 1 });
        assert_eq!(k_split(4, 4, 0, 7), KSplit { block: 1, segments: 1 });
        assert_eq!(k_split(4, 4, 0, 7).blocks(0), 1);
    }

    #[test]
    fn long_ones_fall_into_whole_outermost_steps() {
        assert_eq!(k_split(4, 4, 8193, 1), KSplit { block: 1024, segments: 9 });
        assert_eq!(k_split(4, 4, 1000, 1023), KSplit { block: 2046, segments: 16 });
        assert_eq!(k_split(4, 4, 3, 5000), KSplit { block: 5000, segments: 3 });
        assert_eq!(k_split(256, 256, 1 << 20, 1).segments, 16);
        assert_eq!(k_split(256, 257, 1 << 20, 1).segments, 1);
    }

    #[test]
    fn segments_and_blocks_cover_k_in_order() {
        for k in [8193, 20_000, 65_537] {
            let split = k_split(8, 8, k, 1);
            let blocks: Vec<usize> = (0..split.segments).flat_map(|s| split.segment(k, s)).collect();
            assert_eq!(blocks, (0..split.blocks(k)).collect::<Vec<_>>());
            let elements: Vec<usize> = blocks.into_iter().flat_map(|j| split.elements(k, j)).collect();
            assert_eq!(elements, (0..k).collect::<Vec<_>>());
        }
    }
}
