//! Every instruction set of this machine against the definition, bit by bit.

mod harness;

use std::ffi::c_void;
use std::sync::Mutex;

use super::*;
use crate::kernels::Isa;
use harness::{Case, Order, draw, isas};

/// Sizes around the edges of vectors, tiles and blocks.
const SIZES: [usize; 16] = [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129];

/// A product with its storage in each of the three kinds; `pad` widens the rows.
fn kinds(m: usize, n: usize, k: usize, pad: usize) -> [ProductDesc; 3] {
    let wide = |rows: isize| rows + pad as isize;
    let nn = ProductDesc::row_major(m, n, k);
    let tn = ProductDesc::a_transposed(m, n, k);
    let nt = ProductDesc::b_transposed(m, n, k);
    [
        ProductDesc { a_rs: wide(nn.a_rs), b_rs: wide(nn.b_rs), c_rs: wide(nn.c_rs), ..nn },
        ProductDesc { a_cs: wide(tn.a_cs), b_rs: wide(tn.b_rs), c_rs: wide(tn.c_rs), ..tn },
        ProductDesc { a_rs: wide(nt.a_rs), b_cs: wide(nt.b_cs), c_rs: wide(nt.c_rs), ..nt },
    ]
}

fn check_all(desc: ProductDesc, seed: u64, special: bool, order: Order) {
    let single = Case::<f32>::new(desc, seed, special);
    let double = Case::<f64>::new(desc, seed, special);
    for isa in isas() {
        single.check(isa, order);
        double.check(isa, order);
    }
}

#[test]
fn sampled_sizes_in_all_kinds() {
    for sample in 0..60 {
        let [m, n, k] = [0, 1, 2].map(|i| SIZES[draw(sample, i) as usize % SIZES.len()]);
        for desc in kinds(m, n, k, sample as usize % 3) {
            check_all(desc, sample, false, Order::Together);
        }
    }
}

#[test]
fn every_tail_of_rows_and_columns() {
    for m in 1..=15 {
        let desc = kinds(m, 21, 5, 1);
        check_all(desc[m % 3], m as u64, false, Order::Together);
    }
    for n in 1..=67 {
        let desc = kinds(7, n, 6, 0);
        check_all(desc[n % 3], n as u64, false, Order::Together);
        check_all(kinds(2, n, 3, 0)[0], n as u64, false, Order::Together);
    }
}

#[test]
fn nan_infinity_denormals_and_signed_zeros() {
    for sample in 0..12 {
        for desc in kinds(9, 19, 13, 0) {
            check_all(desc, sample, true, Order::Together);
        }
    }
}

#[test]
fn parts_in_any_order() {
    for (m, n, k) in [(64, 200, 129), (129, 65, 127), (300, 40, 64), (5, 500, 200)] {
        for desc in kinds(m, n, k, 1) {
            assert!(parts(&desc) > 3, "{m} {n} {k}");
            let case = Case::<f32>::new(desc, 3, false);
            for isa in isas() {
                case.check(isa, Order::Backwards);
                case.check(isa, Order::Runs);
            }
        }
    }
}

/// Strides that make A and B be copied, with several blocks of rows, columns and `k`.
#[test]
fn distant_rows_and_columns() {
    for (m, n, k) in [(50, 270, 450), (530, 33, 97), (260, 70, 100)] {
        for desc in kinds(m, n, k, 0) {
            check_all(desc, 8, false, Order::Runs);
        }
    }
}

#[test]
fn small_products_are_one_part() {
    assert_eq!(parts(&ProductDesc::row_major(16, 10, 64)), 1);
    assert_eq!(parts(&ProductDesc::row_major(0, 10, 64)), 1);
}

#[test]
fn blocks_of_k_pass_through_c() {
    for k in [385, 1000, 8192] {
        for desc in kinds(7, 17, k, 0) {
            check_all(desc, k as u64, false, Order::Together);
        }
    }
}

#[test]
fn long_contractions_are_split() {
    for (k_outer, k_inner) in [(8193, 1), (41, 250), (3, 5001), (19_000, 1)] {
        for desc in kinds(7, 19, k_outer * k_inner, 0) {
            let split = k_split(7, 19, k_outer, k_inner);
            assert!(split.segments > 1);
            check_all(ProductDesc { split, ..desc }, 1, false, Order::Backwards);
        }
    }
}

/// The kinds of splits that the rule makes only for large products, on small ones.
#[test]
fn any_split_is_kept_to() {
    for (block, segments) in [(10, 1), (10, 2), (7, 3), (10, 5), (9, 7), (5, 11), (6, 16), (1, 1)] {
        for desc in kinds(90, 140, 100, 120) {
            let desc = ProductDesc { split: KSplit { block, segments }, ..desc };
            let case = Case::<f64>::new(desc, 5, false);
            isas().into_iter().for_each(|isa| drop(case.check(isa, Order::Runs)));
        }
    }
}

#[test]
fn batches_and_shared_operands() {
    for batch in [2, 3, 40] {
        for desc in kinds(17, 33, 65, 2) {
            check_all(harness::batched(desc, batch), 2, false, Order::Backwards);
            let shared = ProductDesc { b_bs: 0, ..harness::batched(desc, batch) };
            check_all(shared, 2, false, Order::Runs);
        }
    }
}

#[test]
fn strides_of_any_sign_and_size() {
    let desc = ProductDesc::row_major(9, 21, 30);
    let cases = [
        ProductDesc { a_rs: 61, a_cs: 2, ..desc },
        ProductDesc { b_rs: 45, b_cs: 2, ..desc },
        ProductDesc { b_rs: 3, b_cs: 91, ..desc },
        ProductDesc { a_rs: -30, b_rs: -21, ..desc },
        ProductDesc { a_cs: -1, b_cs: -1, ..desc },
        ProductDesc { a_rs: 0, b_cs: 0, ..desc },
        ProductDesc { c_rs: -40, ..desc },
    ];
    for desc in cases {
        check_all(desc, 4, false, Order::Together);
    }
}

/// A walk over `run` elements in each of `loops`.
fn walk(run: usize, loops: &[(usize, isize)]) -> Walk {
    let loops: Vec<Level> = loops.iter().map(|&(size, stride)| Level { size, stride }).collect();
    Walk::of(run, &loops).expect("few loops")
}

/// A valid 3x3 convolution of 2 images of 9x11x5 to `n` channels, its gradients by the weights and by the images, and every
/// axis walked at once.
fn walked(n: usize) -> [ProductDesc; 4] {
    let forward = ProductDesc {
        a_rs: 5,
        a_rows: walk(9, &[(2, 9 * 11 * 5), (7, 11 * 5)]),
        a_cs: 1,
        a_ks: walk(15, &[(3, 11 * 5)]),
        ..ProductDesc::row_major(2 * 7 * 9, n, 45)
    };
    let weights = ProductDesc {
        a_rs: 5,
        a_rows: walk(3, &[(5, 1), (3, 11 * 5)]),
        a_cs: 5,
        a_ks: walk(9, &[(2, 9 * 11 * 5), (7, 11 * 5)]),
        ..ProductDesc::row_major(45, n, 2 * 7 * 9)
    };
    let images = ProductDesc {
        b_rs: 1,
        b_ks: walk(5, &[(3, -31), (3, -10)]),
        b_cs: 100,
        ..ProductDesc { b_cols: walk(2, &[(n.div_ceil(2), 203)]), ..forward }
    };
    let every = ProductDesc {
        b_ks: walk(7, &[(20, 5 * n as isize)]),
        b_cols: walk(3, &[(n.div_ceil(3), 4)]),
        a_batch: walk(2, &[(2, -1000)]),
        a_bs: 1,
        b_batch: walk(1, &[(2, 5), (2, 77)]),
        ..harness::batched(weights, 4)
    };
    [forward, weights, images, every]
}

#[test]
fn walked_operands() {
    for n in [1, 6, 8, 17, 40] {
        for desc in walked(n) {
            check_all(desc, n as u64, false, Order::Together);
            check_all(desc, n as u64, true, Order::Runs);
            let split = KSplit { block: 18, segments: 2 };
            check_all(ProductDesc { split, ..desc }, 7, false, Order::Backwards);
        }
    }
}

/// Several blocks of rows, columns and `k`, and parts in any order.
#[test]
fn long_walks() {
    let rows = walk(10, &[(2, 40), (7, 3)]);
    let ks = walk(25, &[(20, 31)]);
    let desc = ProductDesc { a_rs: 2, a_cs: 1, a_rows: rows, a_ks: ks, ..ProductDesc::row_major(140, 300, 500) };
    assert!(parts(&desc) > 3);
    check_all(desc, 3, false, Order::Runs);
    let split = k_split(140, 300, 20, 25);
    check_all(ProductDesc { split: KSplit { block: 75, ..split }, ..desc }, 3, false, Order::Backwards);
}

#[test]
fn empty_products() {
    for (m, n, k) in [(3, 5, 0), (0, 5, 3), (3, 0, 5), (0, 0, 0)] {
        for desc in kinds(m, n, k, 0) {
            check_all(desc, 0, false, Order::Together);
        }
    }
    check_all(harness::batched(ProductDesc::row_major(3, 5, 2), 0), 0, false, Order::Together);
}

/// A, B and C end at a page that must not be touched.
#[cfg(unix)]
#[test]
fn nothing_past_the_operands_is_touched() {
    for sample in 0..40 {
        let [m, n, k] = [0, 1, 2].map(|i| SIZES[draw(sample, i + 9) as usize % 12]);
        for desc in kinds(m, n, k, 0).into_iter().chain(walked(n.min(20))) {
            let single = Case::<f32>::new(desc, sample, false);
            let double = Case::<f64>::new(desc, sample, false);
            for isa in isas() {
                single.check_at_guard_page(isa);
                double.check_at_guard_page(isa);
            }
        }
    }
}

/// What an epilogue was called with: batch, row, rows, col, cols, and the first element of C.
type Calls = Mutex<Vec<([usize; 5], f32)>>;

unsafe extern "C" fn record(
    ctx: *mut c_void,
    c: *mut c_void,
    batch: usize,
    row: usize,
    rows: usize,
    col: usize,
    cols: usize,
) {
    // SAFETY: the test passes `Calls`; C is f32.
    let (calls, first) = unsafe { (&*ctx.cast::<Calls>(), *c.cast::<f32>()) };
    calls.lock().unwrap().push(([batch, row, rows, col, cols], first));
}

#[test]
fn the_epilogue_sees_every_finished_element_once() {
    let split = KSplit { block: 40, segments: 3 };
    let long = ProductDesc { split, ..ProductDesc::row_major(100, 300, 200) };
    let many = harness::batched(ProductDesc::b_transposed(20, 40, 50), 3);
    for desc in [long, many, ProductDesc::row_major(100, 520, 460)] {
        let calls = Calls::default();
        let ctx = std::ptr::from_ref(&calls).cast_mut().cast();
        let desc = ProductDesc { epilogue: Some(record), epilogue_ctx: ctx, ..desc };
        let case = Case::<f32>::new(desc, 1, false);
        for isa in isas().into_iter().filter(|&isa| isa != Isa::Portable) {
            let c = case.check(isa, Order::Backwards);
            let mut seen = vec![0; desc.batch * desc.m * desc.n];
            for ([batch, row, rows, col, cols], first) in calls.lock().unwrap().drain(..) {
                let at = |i: usize, j: usize| (batch * desc.m + i) * desc.n + j;
                assert_eq!(c[at(row, col)].to_bits(), first.to_bits(), "the sum is finished");
                for (i, j) in (row..row + rows).flat_map(|i| (col..col + cols).map(move |j| (i, j))) {
                    seen[at(i, j)] += 1;
                }
            }
            assert!(seen.iter().all(|&times| times == 1));
        }
    }
}
