//! Passes keep bits: each alone and all together on random graphs, and every rewrite rule on an example and on a look-alike.

mod support;

use nnc_compiler::interp;
use nnc_compiler::ir::attrs::Slot;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::Domain;
use nnc_compiler::ir::print::{Names, print};
use nnc_compiler::ir::verify::verify;
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{NO_PASSES, PIPELINE, PassOptions, optimise};
use support::graphs::random_graph;
use support::steps::assert_native_equals_oracle;
use support::{Held, Rng, draw};

/// Slots by number.
struct Numbers;

impl Names for Numbers {
    fn slot(&self, slot: Slot) -> String {
        format!("{slot:?}")
    }
}

fn text(graph: &Graph) -> String {
    print(graph, &Numbers)
}

/// Values for everything that the graph reads; a tenth of the floats are special ones.
fn held(graph: &Graph, rng: &mut Rng) -> Held {
    let special = [0.0, -0.0, 1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-40, -1e-310, 3e38];
    Held::draw(graph, |ty| {
        let mut array = draw(rng, ty, Domain::Float(-4.0, 4.0));
        let mut touch = |x: &mut f64| {
            if rng.chance(0.1) {
                *x = *rng.pick(&special);
            }
        };
        match &mut array {
            nnc_compiler::ir::array::Array::F64(a) => a.iter_mut().for_each(touch),
            nnc_compiler::ir::array::Array::F32(a) => a.iter_mut().for_each(|x| {
                let mut wide = f64::from(*x);
                touch(&mut wide);
                *x = wide as f32;
            }),
            _ => {}
        }
        array
    })
}

/// Panics unless both graphs have the same results and updates, to the bit.
fn assert_same_bits(before: &Graph, after: &Graph, held: &Held, what: &str) {
    assert_eq!(verify(after), Ok(()), "{what}:\n{}", text(after));
    let value = |graph: &Graph| interp::run(graph, &held.env()).expect("there is no guard");
    let (old, new) = (value(before), value(after));
    assert_eq!(before.outputs.len(), after.outputs.len());
    assert_eq!(before.updates.len(), after.updates.len());
    let roots = before.outputs.iter().map(|o| o.value).chain(before.updates.iter().map(|u| u.1));
    let new_roots = after.outputs.iter().map(|o| o.value).chain(after.updates.iter().map(|u| u.1));
    for (i, (a, b)) in roots.zip(new_roots).enumerate() {
        assert!(old.get(a).same_bits(new.get(b)), "{what}: root {i} of\n{}differs in\n{}", text(before), text(after));
    }
}

const SEEDS: std::ops::Range<u64> = 0..150;

#[test]
fn every_pass_alone_keeps_every_bit() {
    let mut changed = vec![0; PIPELINE.len()];
    for seed in SEEDS {
        let mut rng = Rng(seed);
        let graph = random_graph(&mut rng, 40);
        assert_eq!(verify(&graph), Ok(()), "seed {seed}");
        let held = held(&graph, &mut rng);
        for (pass, changed) in PIPELINE.iter().zip(&mut changed) {
            let after = (pass.run)(&graph);
            assert_same_bits(&graph, &after, &held, &format!("`{}`, seed {seed}", pass.name));
            *changed += u32::from(!graph.same(&after));
        }
    }
    for (pass, changed) in PIPELINE.iter().zip(changed) {
        assert!(changed > 20, "`{}` changed {changed} graphs only", pass.name);
    }
}

#[test]
fn the_pipeline_keeps_every_bit_and_reaches_a_fixpoint() {
    for seed in SEEDS {
        let mut rng = Rng(seed + 1000);
        let graph = random_graph(&mut rng, 60);
        let held = held(&graph, &mut rng);
        let mut rounds = 0;
        let after = optimise(&graph, &PassOptions::default(), &mut |name, _, _| rounds += u32::from(name == "dce"));
        assert_same_bits(&graph, &after, &held, &format!("all passes, seed {seed}"));
        assert!(rounds <= 6, "seed {seed} takes {rounds} rounds");
        assert!(after.len() <= graph.len());
        let again = optimise(&after, &PassOptions::default(), &mut |_, _, _| {});
        assert!(after.same(&again), "seed {seed}: not a fixpoint");
    }
}

#[test]
fn a_pass_that_is_switched_off_does_not_run() {
    let graph = random_graph(&mut Rng(5), 30);
    for off in PIPELINE {
        let options = PassOptions { disabled: &[off.name] };
        optimise(&graph, &options, &mut |name, _, _| assert_ne!(name, off.name));
    }
    let untouched = optimise(&graph, &NO_PASSES, &mut |_, _, _| unreachable!());
    assert!(graph.same(&untouched));
}

#[test]
fn specialising_a_graph_of_numbers_keeps_it() {
    for seed in 0..20 {
        let mut rng = Rng(seed);
        let graph = random_graph(&mut rng, 30);
        let held = held(&graph, &mut rng);
        let after = specialise(&graph, &|_| None).expect("no size is free");
        assert_same_bits(&graph, &after, &held, "specialise");
    }
}

#[test]
fn shared_nodes_come_from_all_places_of_their_copies() {
    let graph = random_graph(&mut Rng(11), 40);
    let all = |g: &Graph| {
        let mut sites: Vec<_> = g.nodes().flat_map(|(_, n)| n.sites.clone()).collect();
        sites.sort_unstable();
        sites.dedup();
        sites
    };
    assert_eq!(all(&graph), all(&nnc_compiler::passes::cse::cse(&graph)));
}

#[test]
fn compiled_code_has_the_bits_of_the_oracle_with_passes_off_and_on() {
    for seed in 0..60 {
        let mut rng = Rng(seed + 2000);
        let graph = random_graph(&mut rng, 30);
        let held = held(&graph, &mut rng);
        let plain = specialise(&graph, &|_| None).expect("no size is free");
        assert_native_equals_oracle(&plain, &held, &format!("passes off, seed {seed}"));
        let optimised = optimise(&plain, &PassOptions::default(), &mut |_, _, _| {});
        assert_native_equals_oracle(&optimised, &held, &format!("passes on, seed {seed}"));
    }
}
