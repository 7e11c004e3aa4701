//! The loop driven by a step of a few lines: a model of one weight that follows the mean of its rows.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::buffer::Buffer;
use crate::checkpoint::{self, Verdict};
use crate::data::split::{Choice, Holdout, split};
use crate::data::{Bytes, Column, Source, Table, Wanted};
use crate::dtype::DType;
use crate::kernels::philox::permutation;
use crate::kernels::pool::Pool;
use crate::step::{Fault, OutputSpec, Step, StepIo};

/// States: `w`, its slot `w#Slow.m`, the statistic `seen`, the metric's `rows`. The loss of a batch is (w − mean)²; a train
/// step moves `w` towards the mean by a rate that the slot slows down, so that the order of batches matters.
struct Follow {
    rows: usize,
    trains: bool,
    outputs: Vec<OutputSpec>,
    values: Vec<[u8; 8]>,
}

fn number(buffer: &Buffer) -> f64 {
    f64::from_le_bytes(buffer.as_slice().try_into().unwrap())
}

fn set(buffer: &mut Buffer, value: f64) {
    buffer.as_mut_slice().copy_from_slice(&value.to_le_bytes());
}

impl Follow {
    fn boxed(rows: usize, trains: bool) -> Box<dyn Step> {
        let names: &[&str] = if trains { &["loss"] } else { &["counted", "loss"] };
        let spec = |name: &&str| OutputSpec { name: (*name).into(), dtype: DType::F64, shape: vec![] };
        let outputs: Vec<OutputSpec> = names.iter().map(spec).collect();
        Box::new(Follow { rows, trains, values: vec![[0; 8]; outputs.len()], outputs })
    }
}

impl Step for Follow {
    fn run(&mut self, io: &mut StepIo<'_>) -> Result<(), Fault> {
        let x: Vec<f64> =
            io.inputs[1].as_slice().as_chunks().0[..self.rows].iter().map(|x| f64::from_le_bytes(*x)).collect();
        let mean = x.iter().sum::<f64>() / self.rows as f64;
        let [w, m, seen, counted] = io.states else { panic!("four states") };
        let error = number(w) - mean;
        let loss = error * error;
        if self.trains {
            if !loss.is_finite() {
                return Err(Fault::NotFinite);
            }
            set(m, 0.9 * number(m) + 0.1 * error);
            set(w, number(w) - 0.3 * number(m) / (1.0 + io.step as f64).sqrt());
            set(seen, number(seen) + self.rows as f64);
            self.values = vec![loss.to_le_bytes()];
        } else {
            set(counted, number(counted) + self.rows as f64);
            self.values = vec![number(counted).to_le_bytes(), loss.to_le_bytes()];
        }
        Ok(())
    }

    fn outputs(&self) -> &[OutputSpec] {
        &self.outputs
    }

    fn output(&self, index: usize) -> &[u8] {
        &self.values[index]
    }

    fn arena_bytes(&self) -> usize {
        0
    }
}

fn specs() -> Vec<StateSpec> {
    let state = |path: &str, role| StateSpec { path: path.into(), dtype: DType::F64, shape: vec![], role };
    vec![
        state("w", Role::Parameter),
        state("w#Slow.m", Role::Slot),
        state("seen", Role::Statistic),
        state("metric.rows", Role::Metric),
    ]
}

fn plan() -> Plan {
    let figure = |name: &str, is_loss, gather, in_training| FigureSpec {
        name: name.into(),
        is_loss,
        gather,
        shape: vec![],
        in_training,
    };
    Plan {
        batch: NonZeroUsize::new(4).unwrap(),
        epochs: 5,
        steps: None,
        order: Order::Shuffled,
        seed: 9,
        vocabularies: BTreeMap::new(),
        figures: vec![figure("loss", true, Gather::MeanByRows, true), figure("counted", false, Gather::Last, false)],
        keep: Some(Watch { part: Part::Valid, figure: "loss".into(), higher: false }),
        stop: None,
        cadences: Cadences::default(),
    }
}

fn values(count: usize) -> Vec<f64> {
    (0..count).map(|i| (i as f64 * 0.7).sin() * 3.0 + 1.0).collect()
}

fn table(values: &[f64]) -> Table {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let column = Column::new("x", Path::new("x.csv").into(), DType::F64, vec![], Bytes::from(bytes)).unwrap();
    Table::new(vec![column]).unwrap()
}

fn source() -> Source {
    Source { train: table(&values(30)), test: Some(table(&values(6))) }
}

fn inputs() -> Vec<InputSpec> {
    let wanted = Wanted { column: "x".into(), encoding: None };
    vec![InputSpec { number: 1, wanted, dtype: DType::F64, row_shape: vec![], classes: None, fill: Fill::Fixed }]
}

/// A run's memory, which outlives an interruption only through files.
struct World {
    states: Vec<Buffer>,
    progress: Progress,
    kept: Option<Vec<Buffer>>,
}

impl World {
    fn new() -> World {
        World { states: vec![Buffer::zeroed(8); 4], progress: Progress::default(), kept: None }
    }

    /// As the command line goes on from a folder.
    fn resumed(folder: &Path) -> World {
        let mut world = World::new();
        let last = checkpoint::read(&folder.join(LAST)).unwrap();
        let restored = restore(&last, &specs(), &mut world.states).unwrap();
        world.progress = restored.progress.unwrap().0;
        if world.progress.best.is_some() {
            let mut best = vec![Buffer::zeroed(8); 4];
            restore(&checkpoint::read(&folder.join(BEST)).unwrap(), &specs(), &mut best).unwrap();
            world.kept = Some(best);
        }
        world
    }

    /// Runs, interrupted after `limit` steps of this call.
    fn run(
        &mut self,
        plan: &Plan,
        source: &Source,
        folder: Option<&mut Folder>,
        limit: u64,
    ) -> (Result<Outcome, Failure>, Vec<Event>) {
        let order = permutation(plan.seed, 0, source.train.rows());
        let order: Vec<u32> = order.into_iter().map(|p| p as u32).collect();
        let own = source.test.as_ref().map(Table::rows);
        let split =
            split(source.train.rows(), own, Holdout { valid: 0.2, test: 0.0 }, Choice::Shuffled(&order)).unwrap();
        let parts = Parts::new(source, &split, &inputs(), &[]).unwrap();
        let made = |train: bool| Steps::new(Box::new(move |sizes: &[usize]| Ok(Follow::boxed(sizes[0], train))));
        let (steps, evaluate) = (made(true), made(false));
        let initial = vec![Buffer::zeroed(8); 4];
        let evaluator = Evaluator::new(evaluate, plan.batch, &plan.figures, &specs(), &initial);
        let mut inputs = input_buffers(2, &inputs(), &[], 4).unwrap();
        let (pool, interrupt) = (Pool::new(1).unwrap(), AtomicBool::new(limit == 0));
        let job = Job {
            plan,
            specs: &specs(),
            states: &mut self.states,
            inputs: &mut inputs,
            parts: &parts,
            steps: vec![steps],
            evaluator,
            progress: &mut self.progress,
            kept: &mut self.kept,
            folder,
            pool: &pool,
            threads_always: false,
            interrupt: &interrupt,
        };
        let (mut events, mut taken) = (vec![], 0);
        let outcome = run(job, &mut |event| {
            if let Event::Step { .. } = event {
                taken += 1;
                interrupt.store(taken >= limit, Ordering::Relaxed);
            }
            events.push(event.clone());
        });
        (outcome, events)
    }
}

const NEVER: u64 = u64::MAX;

fn files(folder: &Path) -> Vec<Vec<u8>> {
    [LAST, BEST, CURVE].into_iter().map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

fn losses(events: &[Event]) -> Vec<f64> {
    events.iter().filter_map(|event| if let Event::Step { loss, .. } = event { Some(*loss) } else { None }).collect()
}

/// The figures of the last event.
fn end(events: &[Event]) -> (u64, Weights, &Figures, &Figures) {
    match events.last() {
        Some(Event::End { steps, weights, valid, test, .. }) => (*steps, *weights, valid, test),
        other => panic!("the last event is {other:?}"),
    }
}

#[test]
fn figures_are_means_by_rows_and_the_last_partial_batch_counts() {
    let (outcome, events) = World::new().run(&plan(), &source(), None, NEVER);
    assert_eq!(outcome, Ok(Outcome::Finished));
    // 24 rows train in 6 batches, 6 are held out in batches of 4 and 2.
    let (losses, epochs): (Vec<f64>, Vec<&Event>) =
        (losses(&events), events.iter().filter(|event| matches!(event, Event::Epoch { .. })).collect());
    assert_eq!((losses.len(), epochs.len()), (30, 5));
    let Event::Epoch { step: 6, train, valid, .. } = epochs[0] else { panic!("{:?}", epochs[0]) };
    let mean = losses[..6].iter().map(|loss| loss * 4.0).sum::<f64>() / 24.0;
    assert_eq!(train.scalar("loss"), Some(mean));
    assert_eq!(valid.scalar("counted"), Some(6.0), "a metric's state begins anew in each pass");
    let (steps, weights, _, test) = end(&events);
    assert_eq!((steps, weights, test.scalar("counted")), (30, Weights::Best, Some(6.0)));
}

#[test]
fn an_interrupted_run_goes_on_bit_for_bit_wherever_it_was_cut() {
    let (source, plan) = (source(), Plan { stop: Some((2, plan().keep.unwrap())), ..plan() });
    let whole = tempfile::tempdir().unwrap();
    let (_, events) = World::new().run(&plan, &source, Some(&mut Folder::create(whole.path()).unwrap()), NEVER);
    let expected = losses(&events);
    // Before the first step, within an epoch, at its end (where evaluation is interrupted), before the last step.
    for cut in [0, 1, 6, 9, expected.len() as u64 - 1] {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (outcome, before) = World::new().run(&plan, &source, Some(&mut Folder::create(first.path()).unwrap()), cut);
        assert_eq!(outcome, Ok(Outcome::Interrupted));
        let mut world = World::resumed(first.path());
        let mut folder = Folder::create(second.path()).unwrap();
        if let Ok(curve) = fs::read_to_string(first.path().join(CURVE)) {
            folder.continue_curve(&curve, world.progress.epoch);
        }
        let (outcome, after) = world.run(&plan, &source, Some(&mut folder), NEVER);
        assert_eq!(outcome, Ok(Outcome::Finished));
        assert_eq!([losses(&before), losses(&after)].concat(), expected, "cut after {cut}");
        assert_eq!(end(&after), end(&events), "cut after {cut}");
        assert_eq!(files(second.path()), files(whole.path()), "cut after {cut}");
    }
}

#[test]
fn a_finished_run_has_nothing_left_to_train_and_tells_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let (_, events) = World::new().run(&plan(), &source(), Some(&mut Folder::create(folder.path()).unwrap()), NEVER);
    let (outcome, again) = World::resumed(folder.path()).run(&plan(), &source(), None, NEVER);
    assert_eq!((outcome, losses(&again).len()), (Ok(Outcome::Finished), 0));
    assert_eq!(end(&again), end(&events));
}

#[test]
fn in_file_order_a_limit_of_steps_ends_the_run_within_an_epoch() {
    let plan = Plan { order: Order::Sequential, steps: Some(8), keep: None, epochs: u64::MAX, ..plan() };
    let (outcome, events) = World::new().run(&plan, &source(), None, NEVER);
    assert_eq!((outcome, losses(&events).len()), (Ok(Outcome::Finished), 8));
    let epochs: Vec<u64> =
        events.iter().filter_map(|e| if let Event::Epoch { epoch, .. } = e { Some(*epoch) } else { None }).collect();
    assert_eq!(epochs, [1, 2]);
    assert_eq!(end(&events).1, Weights::Last);
    let Some(Event::Start { steps: 8, train_rows: 24, valid_rows: 6, test_rows: 6, .. }) = events.first() else {
        panic!("{:?}", events.first())
    };
}

#[test]
fn training_stops_when_the_watched_figure_no_longer_improves() {
    // The figure counts rows, so it never grows after the first epoch.
    let watch = Watch { part: Part::Valid, figure: "counted".into(), higher: true };
    let plan = Plan { stop: Some((2, watch.clone())), keep: Some(watch), ..plan() };
    let (_, events) = World::new().run(&plan, &source(), None, NEVER);
    assert_eq!(losses(&events).len(), 18);
    let best: Vec<_> = events.iter().filter(|e| matches!(e, Event::Best { .. })).collect();
    assert!(matches!(best[..], [Event::Best { epoch: 1, .. }]), "of equal epochs the first is kept");
    let stopped = events.iter().find(|event| matches!(event, Event::Stopped { .. }));
    assert!(matches!(stopped, Some(Event::Stopped { epoch: 3, epochs: 2, best: Some(6.0), .. })), "{stopped:?}");
}

#[test]
fn a_loss_that_is_not_finite_ends_the_run_and_leaves_the_states() {
    let mut rows = values(30);
    rows[3] = f64::NAN;
    let source = Source { train: table(&rows), test: None };
    let plan = Plan { order: Order::Sequential, keep: None, ..plan() };
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new();
    let (outcome, events) = world.run(&plan, &source, Some(&mut Folder::create(folder.path()).unwrap()), NEVER);
    let Err(Failure::NotFinite { part: Part::Train, step, epoch: 1, rows }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(losses(&events).len() as u64, step - 1);
    assert!(rows.contains(&3));
    assert_eq!(number(&world.states[2]), 4.0 * (step - 1) as f64, "the statistic counts the rows of good steps");
    assert!(!folder.path().join(LAST).exists());
}

#[test]
fn weights_alone_start_a_new_run_and_foreign_training_states_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new();
    world.run(&plan(), &source(), Some(&mut Folder::create(folder.path()).unwrap()), NEVER).0.unwrap();
    let best = checkpoint::read(&folder.path().join(BEST)).unwrap();
    assert_eq!(best.tensors.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["seen", "w"]);
    let mut states = vec![Buffer::zeroed(8); 4];
    let restored = restore(&best, &specs(), &mut states).unwrap();
    assert_eq!(restored, Restored { progress: None, ignored: vec![] });
    assert_eq!(split_key(&best.metadata), Some((9, Order::Shuffled)));
    assert_eq!(states[0].as_slice(), best.tensor("w").unwrap().data);

    let last = checkpoint::read(&folder.path().join(LAST)).unwrap();
    let mut other = specs();
    other[1].path = "w#Adam.m".into();
    let mut states = vec![Buffer::zeroed(8); 4];
    let Err(Refusal::Tensors(mismatches)) = restore(&last, &other, &mut states) else { panic!("the slot is missing") };
    assert_eq!((mismatches.len(), mismatches[0].name.as_str()), (1, "w#Adam.m"));
    assert_eq!(number(&states[0]), 0.0, "nothing is copied");

    let difference = checkpoint::compare(&last, &best);
    assert!(difference.iter().any(|d| d.name == "w#Slow.m" && d.verdict == Verdict::OnlyFirst));
    assert!(difference.iter().all(|d| d.name != "metric.rows"));
}

#[test]
fn events_are_json_objects() {
    let json = |event: &Event| serde_json::to_string(event).unwrap();
    let step = Event::Step { step: 1, loss: 0.1, epoch: 1, rows: 64 };
    assert_eq!(json(&step), r#"{"event":"step","step":1,"loss":0.1}"#);
    let end = Event::End {
        steps: 2,
        epochs: 1,
        weights: Weights::Last,
        valid: Figures::default(),
        test: Figures(vec![Value { name: "loss".into(), shape: vec![], data: vec![0.5] }]),
        train_seconds: 0.25,
    };
    let expected =
        r#"{"event":"end","steps":2,"epochs":1,"weights":"last","valid":{},"test":{"loss":0.5},"train_seconds":0.25}"#;
    assert_eq!(json(&end), expected);
}
