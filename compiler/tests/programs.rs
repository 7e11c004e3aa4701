//! Random well-typed programs: the oracle and native code with passes off and on, on one, two and three threads, leave the same
//! bits after every step of training, in evaluation and in prediction.
//!
//! `NNC_PROGRAMS=10000` says how many, `NNC_PROGRAMS_FROM=1` with which seed they begin, `NNC_PROGRAMS_AT_ONCE=2` how many run
//! side by side. A program that fails is made smaller and printed.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a long proof tells how far it is")]

#[path = "programs/body.rs"]
mod body;
#[path = "programs/coverage.rs"]
mod coverage;
#[path = "programs/elements.rs"]
mod elements;
#[path = "programs/engines.rs"]
mod engines;
#[path = "programs/flow.rs"]
mod flow;
#[path = "programs/layers.rs"]
mod layers;
#[path = "programs/movements.rs"]
mod movements;
#[path = "programs/places.rs"]
mod places;
#[path = "programs/program.rs"]
mod program;
mod support;
#[path = "programs/train.rs"]
mod train;
#[path = "programs/values.rs"]
mod values;
#[path = "programs/world.rs"]
mod world;

use coverage::Coverage;
use engines::{Pools, try_out};
use program::{Draft, draft};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Programs of the suite, which cover all that `coverage` lists.
const PROGRAMS: u64 = 200;
/// Failures of one run that are made smaller and told.
const MOST_TOLD: usize = 8;
/// Programs that are tried while one is made smaller.
const MOST_TRIES: usize = 150;

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no whole number"))
}

/// What a failure is about, so that making a program smaller does not lead to another one.
fn subject(failure: &str) -> &str {
    match failure.split_once(']') {
        Some((refused, _)) if refused.starts_with("refused") => refused,
        _ if failure.starts_with("panic") => "panic",
        _ => "differs",
    }
}

/// Leaves statements out for as long as the program fails in the same manner.
fn smallest(mut draft: Draft, mut failure: String, pools: &Pools) -> (Draft, String) {
    let mut tries = 0;
    'smaller: loop {
        for less in draft.smaller() {
            tries += 1;
            if tries > MOST_TRIES {
                return (draft, failure);
            }
            if let Err(other) = try_out(&less, pools)
                && subject(&other) == subject(&failure)
            {
                (draft, failure) = (less, other);
                continue 'smaller;
            }
        }
        return (draft, failure);
    }
}

#[derive(Default)]
struct Seen {
    coverage: Coverage,
    finite: u64,
    failures: Vec<String>,
}

#[test]
fn random_programs_leave_the_same_bits_in_every_engine() {
    let n_programs = number("NNC_PROGRAMS", PROGRAMS);
    let first = number("NNC_PROGRAMS_FROM", 0);
    let at_once = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let next = AtomicU64::new(first);
    let seen = Mutex::new(Seen::default());
    let work = || {
        let pools = Pools::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + n_programs {
                return;
            }
            let draft = draft(seed);
            let result = try_out(&draft, &pools);
            let told = result.as_ref().err().cloned().map(|failure| tell(seed, draft.clone(), failure, &pools, &seen));
            let mut seen = seen.lock().expect("no other thread panics");
            seen.coverage.add(&draft.text());
            seen.finite += u64::from(result == Ok(true));
            seen.failures.extend(told);
            if n_programs > PROGRAMS && (seed - first) % 500 == 499 {
                println!("{} programs, {} failures", seed - first + 1, seen.failures.len());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..number("NNC_PROGRAMS_AT_ONCE", at_once) {
            scope.spawn(work);
        }
    });
    let seen = seen.into_inner().expect("no thread panics");
    println!("{n_programs} programs, {} with finite losses; the rarest: {:?}", seen.finite, seen.coverage.rarest());
    assert!(seen.failures.is_empty(), "{} programs fail:\n{}", seen.failures.len(), seen.failures.join("\n"));
    if n_programs >= PROGRAMS {
        assert!(seen.finite * 10 >= n_programs * 9, "only {} of {n_programs} have finite losses", seen.finite);
        assert_eq!(seen.coverage.missing(), Vec::<String>::new(), "never occurred");
    }
}

/// The report of a failure, and of the first ones the smallest program that fails so.
fn tell(seed: u64, draft: Draft, failure: String, pools: &Pools, seen: &Mutex<Seen>) -> String {
    let n_told = seen.lock().expect("no other thread panics").failures.len();
    if n_told >= MOST_TOLD {
        return format!("seed {seed}: {}", failure.lines().next().unwrap_or_default());
    }
    let (draft, failure) = smallest(draft, failure, pools);
    let told = format!("seed {seed}: {failure}\n{}", draft.text());
    eprintln!("{told}");
    told
}
