//! Sweeps a single-precision function over all 2^32 arguments and prints where it is farthest from double precision.
//!
//! `cargo run --release -p nnc-compiler --example ulp -- exp [STRIDE]`: every STRIDE-th argument (1 unless given), on as many
//! threads as the machine has.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command that reports to a person")]

use std::process::ExitCode;

use nnc_compiler::prog::interp::eval_slices;
use nnc_compiler::prog::reference::{Dd, ulps_f32};
use nnc_compiler::prog::{Column, E, Prog, Slice, Ty, math};

type Function = for<'p> fn(E<'p>) -> E<'p>;

/// A name, the program, and the double-precision function that it is measured against.
type Row = (&'static str, Function, fn(f64) -> f64);

const FUNCTIONS: [Row; 9] = [
    ("exp", math::exp, f64::exp),
    ("expm1", math::expm1, f64::exp_m1),
    ("log", math::log, f64::ln),
    ("log1p", math::log1p, f64::ln_1p),
    ("tanh", math::tanh, f64::tanh),
    ("erf", math::erf, libm::erf),
    ("sin", math::sin, f64::sin),
    ("cos", math::cos, f64::cos),
    ("atan", math::atan, f64::atan),
];

/// Arguments evaluated by one call of the interpreter.
const CHUNK: usize = 1 << 16;

/// The largest distance and its argument among every `stride`-th bit pattern from `first` on.
fn sweep(function: Function, double: fn(f64) -> f64, first: u64, stride: u64) -> (f64, f32) {
    let prog = Prog::build(|p| vec![function(p.port(0, Ty::F32))]);
    let mut worst = (0.0, 0.0);
    let mut patterns = (first..1 << 32).step_by(stride as usize).map(|bits| f32::from_bits(bits as u32));
    loop {
        let xs: Vec<f32> = patterns.by_ref().take(CHUNK).collect();
        if xs.is_empty() {
            return worst;
        }
        let outs = eval_slices(&prog, &[Slice::F32(&xs)], &[xs.len()]);
        let [Column::F32(got)] = outs.as_slice() else { unreachable!("a function of f32 gives f32") };
        for (x, got) in xs.iter().zip(got) {
            let ulps = ulps_f32(*got, Dd::from(double(f64::from(*x))));
            if ulps > worst.0 {
                worst = (ulps, *x);
            }
        }
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next();
    let stride: u64 = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(1).max(1);
    let Some((name, function, double)) = FUNCTIONS.iter().find(|row| Some(row.0) == wanted.as_deref()) else {
        let names: Vec<&str> = FUNCTIONS.iter().map(|row| row.0).collect();
        eprintln!("usage: ulp FUNCTION [STRIDE], with a function of {}", names.join(", "));
        return ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let found = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads)
            .map(|t| scope.spawn(move || sweep(*function, *double, t * stride, threads * stride)))
            .collect();
        runs.into_iter().filter_map(|run| run.join().ok()).fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
    });
    println!("{name}: {:.4} ulp at {:?} (bits {:#010x})", found.0, found.1, found.1.to_bits());
    ExitCode::SUCCESS
}
