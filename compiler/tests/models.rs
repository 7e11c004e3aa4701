//! Whole steps of a model that comes with the language, on a data set that exists as a schema only: training, evaluation and
//! initialisation by the oracle and by native code, passes off and on, in both precisions.

mod support;

use nnc_compiler::elaborate;
use nnc_compiler::interp::Oracle;
use nnc_compiler::ir::graph::Graph;
use nnc_compiler::ir::op::Domain;
use nnc_compiler::ir::types::{DType, TensorType};
use nnc_compiler::passes::specialise::specialise;
use nnc_compiler::pipeline::{self, CompileError, PassOptions, optimise};
use nnc_compiler::program::{Program, SourceSpec};
use nnc_compiler::world::{Options, World};
use nnc_runtime::buffer::Buffer;
use nnc_runtime::data::{ColumnSchema, DataError, Schema};
use nnc_runtime::kernels::pool::Pool;
use nnc_runtime::step::{Step, StepIo};
use support::steps::assert_native_equals_oracle;
use support::{Held, Rng, draw};

/// Images of 28 by 28 bytes with labels, whatever the file says.
struct Images;

impl World for Images {
    fn source(&self, _: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("there is no {path}"))
    }

    fn schema(&self, _: &str, _: &SourceSpec) -> Result<Schema, DataError> {
        let column = |name: &str, row_shape: &[usize]| ColumnSchema::new(name, Ok(DType::U8), row_shape.to_vec());
        let columns = vec![column("images", &[28, 28]), column("labels", &[])];
        Ok(Schema { columns, train_rows: 60_000, test_rows: Some(10_000), classes: vec![] })
    }
}

/// The reference network in a precision.
fn program(precision: DType) -> Program {
    let text = include_str!("../../models/mnist.nn");
    let text = format!("precision: {precision}\n{text}");
    let checked = elaborate::check(&Images, nnc_models::LIBRARY, ("mnist.nn", &text), &Options::default());
    assert_eq!(checked.program.as_ref().map(|p| p.precision), Some(precision), "{:?}", checked.diagnostics);
    checked.program.expect("there are no errors")
}

/// Each element meets each tap once for each filter, whatever the step; in steps of one, places around take part as in `Conv`.
#[test]
fn transposed_convolutions_count_their_multiply_adds() {
    let text = r#"
data Digits {
    source: idx("digits")
    image: [batch, 28, 28, 1] = images |> rearrange [b, y, x] -> [b, y, x, 1]
}

model Net(x: [batch, h, w, c]) {
    x |> ConvTranspose(4, [3, 2], stride = 2, bias = false) |> ConvTranspose(6, [5, 5], groups = 2) |> Conv(3, [2, 2])
}

train on Digits {
    batch:  4
    epochs: 1
    loss = mean(Net(image)^2)
    optimize Net with SGD()
}
"#;
    let checked = elaborate::check(&Images, nnc_models::LIBRARY, ("net.nn", text), &Options::default());
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let weights = program.table.iter().filter(|row| row.path.ends_with(".w"));
    let counts: Vec<usize> = weights.map(|row| row.multiply_adds).collect();
    // 28 by 28 become 57 by 56, then 61 by 60, of which windows of 2 by 2 are 60 by 59.
    let stepped = 28 * 28 * (3 * 2) * 4;
    let grouped = 61 * 60 * (5 * 5) * (4 / 2) * 6;
    assert_eq!(counts, [stepped, grouped, 60 * 59 * (2 * 2) * 6 * 3]);
}

fn sized(graph: &Graph, batch: i64) -> Graph {
    specialise(graph, &|_| Some(batch)).expect("any batch will do")
}

/// States as the program initialises them, and a batch of random images with labels.
fn start(program: &Program, batch: usize) -> Held {
    let bytes = |ty: &TensorType| ty.sizes().expect("sizes are numbers").iter().product::<usize>() * ty.dtype.size();
    let mut states: Vec<Buffer> = program.states.iter().map(|s| Buffer::zeroed(bytes(&s.ty))).collect();
    let pool = Pool::new(1).expect("one thread can be had");
    let mut io = StepIo { states: &mut states, inputs: &[], seed: 1, step: 0, pool: &pool, threads_always: false };
    Oracle::new(sized(&program.initialise, 1)).run(&mut io).expect("initial values have no guard");
    let mut rng = Rng(1);
    let inputs = program.inputs.iter().map(|input| {
        let shape: Vec<usize> = [batch].iter().chain(&input.row_shape).copied().collect();
        let classes = input.classes.clone().unwrap_or(0..256);
        draw(&mut rng, &support::cases::ty(input.dtype, &shape), Domain::Int(classes.start, classes.end)).to_bytes()
    });
    Held { states, inputs: inputs.map(|b| Buffer::from_bytes(&b)).collect() }
}

#[test]
fn whole_steps_have_the_bits_of_the_oracle() {
    for (precision, batches) in [(DType::F32, [64, 5]), (DType::F64, [1, 17])] {
        let program = program(precision);
        let train = program.train.as_ref().expect("the file trains");
        for (name, graph) in [("step", &train.step), ("evaluate", &train.evaluate), ("initialise", &program.initialise)]
        {
            for batch in batches {
                let what = format!("{precision}, {name}, batches of {batch}");
                let plain = sized(graph, batch);
                let held = start(&program, batch as usize);
                assert_native_equals_oracle(&plain, &held, &format!("{what}, passes off"));
                let optimised = optimise(&plain, &PassOptions::default(), &mut |_, _, _| {});
                assert!(optimised.len() < plain.len(), "{what}: {} nodes", plain.len());
                assert_native_equals_oracle(&optimised, &held, &format!("{what}, passes on"));
            }
        }
    }
}

/// m ← m + (0 − m)·0.1 in single precision would never leave the denormals: of 4·2^−149 a tenth rounds to nothing.
#[test]
fn a_moment_that_only_decays_ends_at_zero() {
    let text = "data D { source: idx(\"d\")\nx: [batch] = images[.., 0, 0] / 255 }\n\
                model M(x: [batch]) -> [batch] { param w: [] = 1\nx * w }\n\
                train on D { batch: 1\nepochs: 1\nloss = mean(M(x))\noptimize M with Adam(0.01) }\n";
    let checked = elaborate::check(&Images, nnc_models::LIBRARY, ("fading.nn", text), &Options::default());
    let program = checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let train = program.train.as_ref().expect("the file trains");
    let options = pipeline::Options::default();
    let native = pipeline::compile(&program, &train.step, &|_| Some(1), &options).expect("it compiles").executable;
    let pool = Pool::new(1).expect("one thread can be had");
    let engines: [Box<dyn Step>; 2] = [Box::new(native), Box::new(Oracle::new(sized(&train.step, 1)))];
    for mut engine in engines {
        let mut held = start(&program, 1);
        let value = |states: &[Buffer], name: &str| {
            let i = program.states.iter().position(|s| s.path.ends_with(name)).expect("a state of Adam");
            f32::from_le_bytes(states[i].as_slice().try_into().expect("one number"))
        };
        for step in 0..1000 {
            // One row that pulls at the weight, then only rows of zeros.
            let inputs =
                held.inputs.iter().map(|b| Buffer::from_bytes(&vec![if step == 0 { 255 } else { 0 }; b.len()]));
            let inputs: Vec<Buffer> = inputs.collect();
            let states = &mut held.states;
            let mut io = StepIo { states, inputs: &inputs, seed: 1, step, pool: &pool, threads_always: false };
            engine.run(&mut io).expect("the loss is finite");
            let m = value(&held.states, "Adam.m");
            assert_eq!(m.is_normal(), step < 808, "{m:e} after step {step}");
        }
        assert_eq!(value(&held.states, "Adam.m").to_bits(), 0);
        assert!(value(&held.states, "Adam.v") > 3e-4);
    }
}

#[test]
fn the_way_to_native_code_is_one_call() {
    let program = program(DType::F32);
    let train = program.train.as_ref().expect("the file trains");
    let options = pipeline::Options::default();
    let compiled = pipeline::compile(&program, &train.step, &|_| Some(3), &options).expect("it compiles");
    assert_eq!(compiled.executable.outputs()[0].name, "loss");
    let refused = pipeline::compile(&program, &train.step, &|_| None, &options).err();
    assert!(matches!(refused, Some(CompileError::Size(_))), "{refused:?}");
}
