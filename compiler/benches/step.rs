//! A whole training step: a dense network 784-64-64-10 on a batch of 64 images of bytes, cross entropy, Adam.

use criterion::{Criterion, criterion_group, criterion_main};
use nnc_compiler::autodiff::gradient;
use nnc_compiler::codegen::{Options, compile};
use nnc_compiler::ir::attrs::{Attrs, Const, Contract, Slot};
use nnc_compiler::ir::builder::{Builder, Val};
use nnc_compiler::ir::dim::Dim;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::ops::logic::{EQ, LT};
use nnc_compiler::ops::reduce::ARGMAX;
use nnc_compiler::ops::source::IOTA;
use nnc_compiler::ops::unary::{EXP, LOG, SQRT};
use nnc_compiler::ops::{binary::POW, movement::STOP_GRADIENT};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Step, StepIo};
use std::time::Duration;

const BATCH: usize = 64;
const SIZES: [usize; 4] = [784, 64, 64, 10];

fn dims(shape: &[usize]) -> Vec<Dim> {
    shape.iter().map(|&n| Dim::from(n)).collect()
}

fn ty(dtype: DType, shape: &[usize]) -> TensorType {
    TensorType::new(dtype, dims(shape))
}

/// Shapes of the parameters; each has two slots of Adam behind all parameters.
fn parameters() -> Vec<Vec<usize>> {
    SIZES.windows(2).flat_map(|w| [vec![w[0], w[1]], vec![w[1]]]).collect()
}

/// The scores of the classes.
fn forward<'b>(x: Val<'b>, params: &[Val<'b>]) -> Val<'b> {
    let mut h = x;
    for (i, pair) in params.chunks(2).enumerate() {
        let width = SIZES[i + 1];
        h = h.contract(pair[0], Contract { batch: vec![], sum: vec![(1, 0)] });
        h = h + pair[1].spread(&[0], dims(&[BATCH, width]));
        if i + 2 < SIZES.len() {
            h = h.compare(&LT, h.splat(0.0)).select(h.splat(0.0), h);
        }
    }
    h
}

/// The mean cross entropy and the share of rows whose class has the largest score.
fn loss<'b>(b: &'b Builder, scores: Val<'b>, labels: Val<'b>) -> (Val<'b>, Val<'b>) {
    let wide = dims(&[BATCH, SIZES[3]]);
    let top = scores.maximum(&[1]).unary(&STOP_GRADIENT);
    let shifted = scores - top.spread(&[1], wide.clone());
    let total = shifted.unary(&EXP).sum(&[1]).unary(&LOG);
    let classes = b.add(&IOTA, Attrs::Iota(SIZES[3].into()), &[]).spread(&[0], wide.clone());
    let hit = classes.compare(&EQ, labels.spread(&[1], wide));
    let picked = hit.select(shifted, shifted.splat(0.0)).sum(&[1]);
    let loss = (total - picked).sum(&[0]) / BATCH as f64;
    let right = b.add(&ARGMAX, Attrs::Axis(1), &[scores]).compare(&EQ, labels).cast(DType::F32);
    (loss, right.sum(&[0]) / BATCH as f64)
}

/// The step: loss, gradients, Adam.
fn step() -> Graph {
    let b = Builder::new();
    let shapes = parameters();
    let n = shapes.len() as u32;
    let state = |i: u32, shape: &[usize]| b.read(Slot::State(i), ty(DType::F32, shape));
    let params: Vec<Val<'_>> = (0..).zip(&shapes).map(|(i, s)| state(i, s)).collect();
    let pixels = b.read(Slot::Input(0), ty(DType::U8, &[BATCH, SIZES[0]]));
    let labels = b.read(Slot::Input(1), ty(DType::I32, &[BATCH]));
    let scores = forward(pixels.cast(DType::F32) / 255.0, &params);
    let (loss, accuracy) = loss(&b, scores, labels);
    let wrt: Vec<_> = params.iter().map(|p| p.value).collect();
    let grads = gradient(&b, loss, &wrt).expect("every row has a derivative");
    let count = b.read(Slot::Step, TensorType::scalar(DType::I64)).cast(DType::F64) + 1.0;
    let scalar = |x: f64| b.constant(Const::Float(DType::F64, x), vec![]);
    let correction = |beta: f64| (1.0 - scalar(beta).binary(&POW, count)).cast(DType::F32);
    let (first, second) = (correction(0.9), correction(0.999));
    for ((i, p), g) in (0..).zip(&params).zip(grads) {
        let g = g.expect("the loss depends on every parameter");
        let shape = &shapes[i as usize];
        let (m, v) = (state(n + 2 * i, shape), state(n + 2 * i + 1, shape));
        let m = m * 0.9 + g * 0.1;
        let v = v * 0.999 + g * g * 0.001;
        let all: Vec<usize> = (0..shape.len()).collect();
        let mean = m / first.spread(&all, dims(shape));
        let scale = (v / second.spread(&all, dims(shape))).unary(&SQRT) + 1e-8;
        b.update(i, *p - mean / scale * 0.001);
        b.update(n + 2 * i, m);
        b.update(n + 2 * i + 1, v);
    }
    b.output("loss", loss);
    b.output("accuracy", accuracy);
    b.guard(loss);
    b.finish()
}

/// Parameters of plausible sizes, slots of zeros, and a batch.
fn memory() -> (Vec<Buffer>, Vec<Buffer>) {
    let mut seed = 1u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    let mut states = vec![];
    for shape in parameters() {
        let n: usize = shape.iter().product();
        let bytes = (0..n).flat_map(|_| ((next() as f32 / (1 << 24) as f32 - 0.5) * 0.1).to_le_bytes());
        states.push(Buffer::from_bytes(&bytes.collect::<Vec<u8>>()));
    }
    for shape in parameters() {
        let n: usize = shape.iter().product();
        states.extend([Buffer::zeroed(4 * n), Buffer::zeroed(4 * n)]);
    }
    let pixels: Vec<u8> = (0..BATCH * SIZES[0]).map(|_| next() as u8).collect();
    let labels: Vec<u8> = (0..BATCH).flat_map(|_| (next() as i32 % 10).to_le_bytes()).collect();
    (states, vec![Buffer::from_bytes(&pixels), Buffer::from_bytes(&labels)])
}

fn bench(c: &mut Criterion) {
    let graph = step();
    let options = Options { verify: false, ..Options::default() };
    let (mut states, inputs) = memory();
    let mut group = c.benchmark_group("mlp 784-64-64-10, batch 64");
    group.measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_secs(1));
    group.bench_function("compile", |b| b.iter(|| compile(&graph, states.len(), inputs.len(), &options).is_ok()));
    for (name, fuse, threads) in
        [("step, 1 thread", true, 1), ("step, 2 threads", true, 2), ("step, not fused", false, 1)]
    {
        let pool = Pool::new(threads).expect("the system starts threads");
        let options = Options { fuse, ..options };
        let mut compiled = compile(&graph, states.len(), inputs.len(), &options).expect("this machine is new enough");
        let mut count = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut io = StepIo {
                    states: &mut states,
                    inputs: &inputs,
                    seed: 1,
                    step: count,
                    pool: &pool,
                    threads_always: false,
                };
                count += 1;
                compiled.executable.run(&mut io).is_ok()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
