//! PyTorch's own test databases as suites: each case becomes a `.nn` program that is run and compared, value and gradient.

pub(crate) mod call;
pub(crate) mod case;
pub(crate) mod coverage;
pub(crate) mod execute;
pub(crate) mod library;
pub(crate) mod literal;
pub(crate) mod measure;
pub(crate) mod modules;
pub(crate) mod opinfo;
pub(crate) mod optim;
pub(crate) mod tensors;
pub(crate) mod text;

use execute::Pools;
use measure::Tally;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Cases that are allowed more than 1e-12 in double precision, and why.
pub(crate) const LOOSE: &[(&str, f64, &str)] = &[
    ("nn.functional.hardsigmoid||s0", 1e-7, "PyTorch's gradient has 1/6 in single precision"),
    (
        "nn.functional.normalize||s2",
        1e-11,
        "one element over its own norm: the gradient is 0, PyTorch's its rounding error",
    ),
    (
        "nn.functional.scaled_dot_product_attention||s1",
        1e-11,
        "a saturated softmax: PyTorch's gradient is 2.3e-12 from the exact one, computed with 50 digits",
    ),
];

/// Cases that are allowed more than 1e-5 in single precision, and why.
pub(crate) const ROUGH: &[(&str, &str)] = &[
    ("tan||s0", "arguments near a pole"),
    (
        "nn.functional.normalize||s2",
        "one element over its own norm: the gradient is 0 and all that is seen is rounding",
    ),
    ("nn.functional.layer_norm||s3", "two elements: the gradient is what is left of a cancellation"),
];

/// Works on all items with as many threads as there are cores; each counts for itself.
pub(crate) fn parallel<T: Sync>(items: &[T], work: impl Fn(&T, &mut Tally, &Pools) + Sync) -> Tally {
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Tally::default());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                let (mut tally, pools) = (Tally::default(), Pools::new());
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(item, &mut tally, &pools);
                }
                total.lock().expect("no other thread failed").add(tally);
            });
        }
    });
    total.into_inner().expect("no thread failed")
}
