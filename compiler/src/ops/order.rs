//! The orders in which reductions add, fixed for every machine, thread count and instruction set. Generic over the element
//! type, so that one text serves f32 and f64.
//!
//! *Inner* axes (a row of consecutive elements): blocks of [`INNER_BLOCK`]; within a block [`LANES`] lanes, element `i` to
//! lane `i mod 16`, each lane one chain from the start value; lanes by the binary tree of strides 1, 2, 4, 8; blocks by the
//! tree below. *Outer* axes (one value a row): blocks of [`OUTER_BLOCK`] rows, one chain each; blocks by the tree.
//!
//! The tree over blocks joins neighbours at distance 1, then 2, then 4 …: `x[i] ∘= x[i + s]` for every `i` divisible by
//! `2s`; a block without a partner waits for the next round.

/// Elements of a block of an inner reduction.
pub const INNER_BLOCK: usize = 2048;
/// Lanes of a block.
pub const LANES: usize = 16;
/// Rows of a block of an outer reduction.
pub const OUTER_BLOCK: usize = 128;

/// Joins values by the tree of neighbours; `start` when there is none.
pub fn tree<T: Copy>(mut values: Vec<T>, start: T, join: impl Fn(T, T) -> T) -> T {
    let mut stride = 1;
    while stride < values.len() {
        for i in (0..values.len() - stride).step_by(2 * stride) {
            values[i] = join(values[i], values[i + stride]);
        }
        stride *= 2;
    }
    values.first().copied().unwrap_or(start)
}

/// Reduces consecutive elements.
pub fn inner<T: Copy>(row: &[T], start: T, join: impl Fn(T, T) -> T) -> T {
    let blocks = row.chunks(INNER_BLOCK).map(|block| {
        let mut lanes = vec![start; LANES];
        for (i, x) in block.iter().enumerate() {
            lanes[i % LANES] = join(lanes[i % LANES], *x);
        }
        tree(lanes, start, &join)
    });
    tree(blocks.collect(), start, &join)
}

/// Reduces one element of each row.
pub fn outer<T: Copy>(column: &[T], start: T, join: impl Fn(T, T) -> T) -> T {
    let blocks = column.chunks(OUTER_BLOCK).map(|block| block.iter().fold(start, |sum, x| join(sum, *x)));
    tree(blocks.collect(), start, &join)
}

#[cfg(test)]
mod tests {
    use super::{inner, outer, tree};

    #[test]
    fn the_tree_joins_neighbours() {
        let leaves: Vec<i64> = (1..=5).collect();
        // ((1∘2)∘(3∘4))∘5 with a∘b = 2a + b tells the order.
        let join = |a: i64, b: i64| 2 * a + b;
        assert_eq!(tree(leaves, 0, join), 2 * join(join(1, 2), join(3, 4)) + 5);
        assert_eq!(tree(vec![], 7, join), 7);
    }

    #[test]
    fn lanes_and_blocks_give_the_exact_sum_of_integers() {
        let xs: Vec<f64> = (0..5000).map(f64::from).collect();
        assert_eq!(inner(&xs, 0.0, |a, b| a + b), 12_497_500.0);
        assert_eq!(outer(&xs, 0.0, |a, b| a + b), 12_497_500.0);
    }

    #[test]
    fn the_lane_order_differs_from_one_chain() {
        let mut xs = vec![0f32; 17];
        (xs[0], xs[1], xs[16]) = (1e8, 1.0, -1e8);
        assert_eq!(inner(&xs, 0.0, |a, b| a + b), 1.0);
        assert_eq!(outer(&xs, 0.0, |a, b| a + b), 0.0);
    }
}
