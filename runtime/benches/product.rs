//! Dense products: GFLOP/s of each shape on one and two threads, and as a share of the peak of the
//! multiply-add pipes measured in the same run.
//!
//! `cargo bench -p nnc-runtime --bench product [-- FILTER]`; a filter is part of a row's name, such
//! as `f32`, `nt` or `64x784x64`. Rows named `conv` walk A over images within their padding, as
//! convolution does.

#![allow(clippy::print_stdout, reason = "a benchmark reports to a terminal")]
#![allow(missing_docs, reason = "a program, not a library")]

use std::ffi::c_void;
use std::time::{Duration, Instant};

use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::kernels::product::{Element, Level, ProductDesc, ProductFn, Walk, k_split, parts, scratch_bytes};
use nnc_runtime::kernels::{KernelTable, best_kernels};

/// The shapes (m, k, n): the reference network, its last layer, transformer-like and convolution-like
/// products.
const SHAPES: [(usize, usize, usize); 18] = [
    (32, 128, 512),
    (32, 512, 128),
    (64, 784, 64),
    (784, 64, 64),
    (64, 64, 64),
    (64, 64, 10),
    (64, 10, 64),
    (64, 512, 512),
    (64, 500, 500),
    (128, 512, 512),
    (256, 1024, 1024),
    (1, 784, 64),
    (4096, 288, 64),
    (2048, 96, 384),
    (2048, 384, 96),
    (96, 2048, 384),
    (384, 2048, 96),
    (64, 24, 64),
];

/// Convolutions with windows of 3x3: images, side of an image with its padding, channels in and out.
const IMAGES: [(usize, usize, usize, usize); 4] = [(8, 34, 3, 16), (8, 34, 16, 16), (8, 18, 32, 32), (8, 30, 1, 6)];

/// The product of a convolution and the number of elements of its A.
fn convolution((images, side, c, n): (usize, usize, usize, usize)) -> (ProductDesc, usize) {
    let (out, row) = (side - 2, side * c);
    let level = |size, stride: usize| Level { size, stride: stride as isize };
    let desc = ProductDesc {
        a_rs: c as isize,
        a_rows: Walk::of(out, &[level(images, side * row), level(out, row)]).expect("two loops"),
        a_cs: 1,
        a_ks: Walk::of(3 * c, &[level(3, row)]).expect("a loop"),
        ..ProductDesc::row_major(images * out * out, n, 9 * c)
    };
    (desc, images * side * row)
}

/// Its gradient by the weights: rows and contraction exchanged.
fn by_weights(desc: ProductDesc, images: usize) -> ProductDesc {
    ProductDesc {
        a_rs: desc.a_cs,
        a_cs: desc.a_rs,
        a_rows: desc.a_ks,
        a_ks: desc.a_rows,
        split: k_split(desc.k, desc.n, images, desc.m / images),
        ..ProductDesc::row_major(desc.k, desc.n, desc.m)
    }
}

/// Seconds of the fastest of many calls.
fn fastest(mut call: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let end = Instant::now() + Duration::from_millis(150);
    while Instant::now() < end {
        // As many calls as make the clock's cost disappear.
        let calls = (20e-6 / best).clamp(1.0, 100.0) as u32;
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(calls));
    }
    best
}

/// GFLOP/s of independent multiply-adds in registers, in f32. AVX2 reaches the peak of every x86-64
/// machine but those with two full-width pipes for AVX-512.
#[cfg(target_arch = "x86_64")]
fn peak() -> f64 {
    use std::arch::x86_64::*;
    use std::hint::black_box;
    #[target_feature(enable = "avx2,fma")]
    fn chains(rounds: u32) -> f32 {
        let (scale, mut sums) = (_mm256_set1_ps(black_box(0.5)), [_mm256_set1_ps(3.0); 12]);
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = _mm256_fmadd_ps(*sum, scale, scale);
            }
        }
        sums.into_iter().map(|sum| _mm256_cvtss_f32(sum)).sum()
    }
    const ROUNDS: u32 = 10_000;
    if !nnc_runtime::kernels::Isa::Avx2.available() {
        return f64::NAN;
    }
    let seconds = fastest(|| {
        // SAFETY: AVX2 and FMA are available.
        black_box(unsafe { chains(black_box(ROUNDS)) });
    });
    f64::from(ROUNDS) * 12.0 * 8.0 * 2.0 / seconds * 1e-9
}

/// Not measured elsewhere.
#[cfg(not(target_arch = "x86_64"))]
fn peak() -> f64 {
    f64::NAN
}

/// A product with its operands, for the pool.
struct Call<T> {
    product: ProductFn<T>,
    desc: ProductDesc,
    a: Vec<T>,
    b: Vec<T>,
    c: Vec<T>,
    scratch: Vec<u8>,
}

unsafe extern "C" fn region<T>(ctx: *mut c_void, begin: u32, end: u32) {
    // SAFETY: `ctx` is a `Call` whose buffers fit its descriptor.
    unsafe {
        let call = ctx.cast::<Call<T>>();
        let c = (*call).c.as_ptr().cast_mut();
        let scratch = (*call).scratch.as_ptr().cast_mut();
        let scratch = scratch.add(scratch.align_offset(64));
        let (a, b) = ((*call).a.as_ptr(), (*call).b.as_ptr());
        ((*call).product)(&(*call).desc, a, b, c, scratch, begin, end);
    }
}

fn measure<T: Element + From<f32> + Clone>(name: &str, product: ProductFn<T>, peak: f64, filter: &str) {
    let pools = [1, 2].map(|threads| Pool::new(threads).expect("two threads can be started"));
    let mut rows: Vec<(String, ProductDesc, usize)> = vec![];
    for (m, k, n) in SHAPES {
        let kinds = [
            ("nn", ProductDesc::row_major(m, n, k)),
            ("tn", ProductDesc::a_transposed(m, n, k)),
            ("nt", ProductDesc::b_transposed(m, n, k)),
        ];
        rows.extend(kinds.map(|(kind, desc)| (format!("{name} {m}x{k}x{n} {kind}"), desc, m * k)));
    }
    for shape @ (images, side, c, n) in IMAGES {
        let (desc, elements) = convolution(shape);
        let row = format!("{name} conv {side} {c}->{n}");
        rows.push((row.clone() + " dw", by_weights(desc, images), elements));
        rows.push((row, desc, elements));
    }
    for (row, desc, elements) in rows.into_iter().filter(|row| row.0.contains(filter)) {
        let ProductDesc { m, n, k, .. } = desc;
        let ones = |count: usize| vec![T::from(1.0); count];
        let mut call = Call {
            product,
            desc,
            a: ones(elements),
            b: ones(k * n),
            c: ones(m * n),
            scratch: vec![0; scratch_bytes::<T>(&desc) + 64],
        };
        let parts = parts(&desc);
        let flops = 2e-9 * (m * k * n) as f64;
        let ctx = std::ptr::from_mut(&mut call).cast::<c_void>();
        let rates = pools.each_ref().map(|pool| {
            // SAFETY: the call outlives the region, its parts are disjoint.
            flops / fastest(|| unsafe { pool.run(parts, region::<T>, ctx) })
        });
        let share = 100.0 * rates[0] / peak;
        println!(
            "{row:24} {:7.1} {share:5.1} % {:8.1}   {parts:3} parts {:8} B",
            rates[0],
            rates[1],
            scratch_bytes::<T>(&desc)
        );
    }
}

fn main() {
    // Cargo passes `--bench`; the filter is the first word that is no option.
    let filter = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let KernelTable { isa, product_f32, product_f64 } = *best_kernels();
    let peak = peak();
    println!("{isa:?}, peak {peak:.1} GFLOP/s in f32, half in f64");
    println!("{:24} {:>7} {:>7} {:>8}", "m x k x n", "1T", "peak", "2T");
    measure("f32", product_f32, peak, &filter);
    measure("f64", product_f64, peak / 2.0, &filter);
}
