//! Training beyond one loss, from outside: phases, cadences, accumulation, averages, frozen parts, weights from files.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nnc_runtime::checkpoint::{self, Checkpoint};
use serde_json::Value;

fn nnc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Runs, which must succeed, and gives the events.
fn run(arguments: &[&str]) -> Vec<Value> {
    let output = nnc(&[&["run", "--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn losses(events: &[Value]) -> Vec<f64> {
    let steps = events.iter().filter(|event| event["event"] == "step");
    steps.map(|event| event["loss"].as_f64().expect("a finite loss")).collect()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// A program about the digits that come with the repository, in a file of its own.
fn program(folder: &Path, name: &str, block: &str) -> String {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/data/digits");
    let head = format!(
        "data Digits {{\n    source: idx({:?})\n    split: holdout(valid = 0.1)\n    \
         image: [batch, pixel = 64] = images / 16 |> rearrange [b, h, w] -> [b, (h w)]\n    \
         digit: index(10)[batch] = labels\n}}\n",
        data.display().to_string()
    );
    let file = folder.join(name);
    fs::write(&file, head + block).expect("a temporary file");
    file.display().to_string()
}

const ADVERSARIES: &str = "
model Made(z: [batch, n]) -> [batch, 64] { z |> Dense(16) |> BatchNorm |> relu |> Dense(64) |> sigmoid }
model Judge(x: [batch, n]) -> [batch, 1] { x |> Dense(16) |> relu |> Dropout(0.2) |> Dense(1) }
train on Digits {
    batch: 64
    epochs: 3
    clip: 2
    fake = Made(random_normal([batch, 8]))
    loss judge = bce(Judge(image), 1) + bce(Judge(stop_gradient(fake)), 0)
    optimize Judge on judge with Adam(warmup(cosine(1e-3, total = 60), n = 5))
    then
    every 3 steps {
        loss made = bce(Judge(Made(random_normal([batch, 8]))), 1)
        optimize Made on made with Adam(cosine(1e-3, total = 60))
    }
}
";

/// The tensors that a run has left.
fn left(out: &str, name: &str) -> Checkpoint {
    checkpoint::read(&Path::new(out).join(name)).expect("weights")
}

#[test]
fn phases_and_cadences_go_on_as_if_they_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "adversaries.nn", ADVERSARIES);
    let [whole, part, rest] = ["whole", "part", "rest"].map(|name| path(folder.path(), name));
    let expected = run(&[&file, "--epochs", "3", "--out", &whole, "--threads", "1"]);
    let before = run(&[&file, "--epochs", "1", "--out", &part, "--threads", "2", "--threads-always"]);
    let state = path(Path::new(&part), "last.safetensors");
    let after = run(&[&file, "--epochs", "3", "--out", &rest, "--init", &state, "--threads", "2", "--threads-always"]);
    assert_eq!([losses(&before), losses(&after)].concat(), losses(&expected));
    for name in ["last.safetensors", "best.safetensors", "curve.csv"] {
        let read = |out: &str| fs::read(Path::new(out).join(name)).unwrap();
        assert!(read(&whole) == read(&rest), "{name}");
    }
}

#[test]
fn the_oracle_agrees_in_every_kind_of_step() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "adversaries.nn", ADVERSARIES);
    let [native, plain, oracle] =
        ["native", "plain", "oracle"].map(|engine| losses(&run(&[&file, "--steps", "7", "--engine", engine])));
    assert_eq!(native.len(), 7);
    assert_eq!(native, oracle);
    assert_eq!(plain, oracle);
}

#[test]
fn two_halves_of_a_batch_make_the_step_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let block = |batch: usize, more: &str| {
        format!(
            "precision: f64\nmodel Net(x: [batch, n]) -> [batch, 10] {{ x |> Dense(10) }}\n\
             train on Digits {{\n    batch: {batch}\n    epochs: 1\n{more}    \
             loss = cross_entropy(Net(image), digit)\n    optimize Net with Momentum(0.1)\n}}\n"
        )
    };
    let weights = |name: &str, text: &str, steps: &str| {
        let file = program(folder.path(), &format!("{name}.nn"), text);
        let out = path(folder.path(), name);
        run(&[&file, "--steps", steps, "--order", "sequential", "--out", &out]);
        left(&out, "best.safetensors").tensor("Net.dense.w").expect("the weights").data.clone()
    };
    let whole = weights("whole", &block(64, ""), "5");
    let halves = weights("halves", &block(32, "    accumulate: 2\n"), "10");
    let number = |bytes: &[u8]| f64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    for (a, b) in whole.chunks(8).map(number).zip(halves.chunks(8).map(number)) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
}

#[test]
fn a_part_begins_as_another_run_has_left_it_and_stays_so() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third] = ["first", "second", "third"].map(|name| path(folder.path(), name));
    run(&["models/pretrain.nn", "--epochs", "1", "--out", &first]);
    let start = format!("start={first}/best.safetensors");
    run(&["models/finetune.nn", "--epochs", "1", "--out", &second, "--set", &start]);
    let (before, after) = (left(&first, "best.safetensors"), left(&second, "best.safetensors"));
    for name in ["Encoder.dense.w", "Encoder.dense.b", "Encoder.dense_2.w", "Encoder.dense_2.b"] {
        assert_eq!(before.tensor(name).map(|t| &t.data), after.tensor(name).map(|t| &t.data), "{name}");
    }
    // The run is repeated from its folder, whose text names the weights by their whole path.
    run(&[&path(Path::new(&second), "source.nn"), "--epochs", "1", "--out", &third]);
    assert_eq!(left(&third, "best.safetensors"), after);
    // What a run goes on from wins over the line, whose file is no longer needed.
    fs::remove_file(Path::new(&first).join("best.safetensors")).unwrap();
    let state = path(Path::new(&second), "last.safetensors");
    run(&["models/finetune.nn", "--epochs", "2", "--set", &start, "--init", &state]);
    let gone = nnc(&["run", "models/finetune.nn", "--set", &start]);
    let error = text(&gone.stderr);
    assert_eq!(gone.status.code(), Some(1));
    assert!(error.contains("error[weights]") && error.contains("no such file"), "{error}");
    let other = format!("start={second}/best.safetensors");
    let file = fs::read_to_string("models/finetune.nn").unwrap().replace("Encoder", "Seer").replace("data/", "");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/data/digits").display().to_string();
    fs::write(folder.path().join("seer.nn"), file.replace("\"digits\"", &format!("{data:?}"))).unwrap();
    let misfit = nnc(&["run", &path(folder.path(), "seer.nn"), "--set", &other]);
    let error = text(&misfit.stderr);
    assert!(error.contains("`Seer.dense.w` (f32 [64, 64]) is not in the file; `Encoder.dense.w` would fit"), "{error}");
}

#[test]
fn a_batch_has_at_least_one_row() {
    let output = nnc(&["run", "models/digits.nn", "--batch", "0"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("error[out-of-range]: a batch has at least one row"), "{output:?}");
}

#[test]
fn the_adversarial_models_stay_finite() {
    for model in ["models/gan.nn", "models/wgan_gp.nn"] {
        let events = run(&[model, "--steps", "12"]);
        assert_eq!(losses(&events).len(), 12, "{model}");
        let end = events.iter().find(|event| event["event"] == "end").expect("an end");
        for loss in ["critic", "generator"] {
            assert!(end["test"][loss].as_f64().is_some_and(f64::is_finite), "{model} {loss}: {end}");
        }
    }
}

#[test]
fn a_block_without_data_draws_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "gan");
    run(&["models/gan.nn", "--steps", "2", "--out", &out]);
    let weights = path(Path::new(&out), "best.safetensors");
    let samples =
        |more: &[&str]| nnc(&[&["predict", "models/gan.nn", "--weights", &weights, "--out", &out], more].concat());
    let drawn = samples(&["--name", "samples", "--give", "n=17"]);
    assert!(drawn.status.success(), "{}", text(&drawn.stderr));
    let picture = fs::read(Path::new(&out).join("sample.png")).unwrap();
    assert_eq!(picture[..8], *b"\x89PNG\r\n\x1a\n");
    // Eight of 8 by 8 points side by side, in three rows.
    assert_eq!(picture[16..24], *b"\0\0\0\x40\0\0\0\x18");
    for (give, said) in
        [("m=3", "its arguments: n"), ("n=1.5", "a whole number is needed"), ("n=x", "a number is needed")]
    {
        let refused = samples(&["--name", "samples", "--give", give]);
        let error = text(&refused.stderr);
        assert!(error.contains("error[bad-option]") && error.contains(said), "{give}: {error}");
    }
    let refused = samples(&["--name", "samples", "--give", "n=7", "--give", "n=8"]);
    assert!(text(&refused.stderr).contains("`--give n=7` and `--give n=8`: one value is needed"));
    assert!(text(&samples(&["--name", "samples", "--input", "x"]).stderr).contains("reads no data"));
}

const AVERAGED: &str = "
model Net(x: [batch, n]) -> [batch, 10] { x |> Dense(8) |> relu |> Dense(10) }
train on Digits {
    batch: 64
    epochs: 1
    RATE
    loss = cross_entropy(Net(image), digit)
    optimize Net with Adam(LR)
    keep lowest valid.loss
}
predict on Digits { p = softmax(Net(image)) }
";

#[test]
fn averages_of_the_parameters_are_what_is_evaluated_and_used() {
    let folder = tempfile::tempdir().unwrap();
    let train = |name: &str, rate: &str, lr: &str, more: &[&str]| {
        let file = program(folder.path(), &format!("{name}.nn"), &AVERAGED.replace("RATE", rate).replace("LR", lr));
        let out = path(folder.path(), name);
        let events = run(&[&[file.as_str(), "--out", &out], more].concat());
        (events.last().expect("an end")["test"]["loss"].as_f64().expect("a loss"), left(&out, "last.safetensors"), out)
    };
    let weights = |file: &Checkpoint, name: &str| -> Vec<f32> {
        let data = &file.tensor(name).expect(name).data;
        data.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect()
    };
    let (plain, ..) = train("plain", "", "0.01", &["--steps", "3"]);
    let (newest, ..) = train("newest", "average: 1", "0.01", &["--steps", "3"]);
    assert_eq!(newest, plain, "at rate 1 the average is the parameter");
    let (untrained, ..) = train("untrained", "", "0", &["--steps", "3"]);
    let (first, ..) = train("first", "average: 0", "0.01", &["--steps", "3"]);
    assert_eq!(first, untrained, "at rate 0 the average stays what it was");

    let name = "Net.dense.w";
    let runs: Vec<Checkpoint> = ["1", "2", "3"]
        .map(|steps| train(&format!("swa{steps}"), "average: swa()", "0.01", &["--steps", steps]).1)
        .into();
    let each: Vec<Vec<f32>> = runs.iter().map(|file| weights(file, name)).collect();
    for (i, average) in weights(&runs[2], "Net.dense.w#average").iter().enumerate() {
        let mean = (f64::from(each[0][i]) + f64::from(each[1][i]) + f64::from(each[2][i])) / 3.0;
        assert!((f64::from(*average) - mean).abs() < 1e-6, "element {i}: {average}, not {mean}");
    }
    let (_, eased, _) = train("ema", "average: ema(0.75)", "0.01", &["--steps", "3"]);
    for (i, average) in weights(&eased, "Net.dense.w#average").iter().enumerate() {
        let [first, second, third] = [0, 1, 2].map(|step| f64::from(each[step][i]));
        let want = 0.75 * (0.75 * first + 0.25 * second) + 0.25 * third;
        assert!((f64::from(*average) - want).abs() < 1e-6, "element {i}: {average}, not {want}");
    }
    // A run that goes on has the bits of one that never stopped.
    let file = path(folder.path(), "swa3.nn");
    let (half, whole) = (path(folder.path(), "swa1"), left(&path(folder.path(), "swa3"), "last.safetensors"));
    let on = path(folder.path(), "on");
    run(&[&file, "--steps", "3", "--init", &format!("{half}/last.safetensors"), "--out", &on]);
    let on = left(&on, "last.safetensors");
    assert_eq!(on.tensor("Net.dense.w#average").unwrap().data, whole.tensor("Net.dense.w#average").unwrap().data);
    // The chosen weights hold both, and `nnc eval` has the figures of the end of the run.
    let best = path(folder.path(), "swa3/best.safetensors");
    let told = nnc(&["eval", &file, "--weights", &best, "--json"]);
    let told: Value = serde_json::from_str(text(&told.stdout).lines().last().expect("a line")).expect("an object");
    let (tested, _, out) = train("swa", "average: swa()", "0.01", &["--steps", "3"]);
    assert_eq!(told["test"]["loss"].as_f64(), Some(tested), "{told}");
    // Who begins from these weights begins with the averages.
    let init = AVERAGED.replace("RATE", "init Net from \"swa/best.safetensors\"").replace("LR", "0");
    let file = program(folder.path(), "begun.nn", &init);
    let begun = path(folder.path(), "begun");
    run(&[&file, "--steps", "1", "--out", &begun]);
    let average = left(&out, "best.safetensors").tensor("Net.dense.w#average").unwrap().data.clone();
    assert_eq!(left(&begun, "last.safetensors").tensor(name).unwrap().data, average);
}

#[test]
fn statistics_of_the_training_rows_stay_with_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let table = |name: &str, rows: &[f64]| {
        let lines = rows.iter().map(|a| format!("{a},{}\n", 3.0 * a - 1.0)).collect::<String>();
        fs::write(folder.path().join(name), format!("a,b\n{lines}")).expect("writable");
    };
    let rows: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i * i)).collect();
    table("rows.csv", &rows);
    table("few.csv", &[1.0, 2.0]);
    let text = "option data = \"rows.csv\"
data Rows {
    source: csv(data)
    split:  holdout(valid = 0.2)
    fit middle = mean(a)
    fit ends = concat([min(a, over = batch)[new], max(a)[new]], over = last)
    x: [batch, 1] = (a - middle) / (ends[1] - ends[0]) |> rearrange [n] -> [n, 1]
    y: [batch, 1] = b / 1000 |> rearrange [n] -> [n, 1]
}
model Line(x: [batch, n]) -> [batch, 1] { x |> Dense(1) }
train on Rows {
    batch: 8
    epochs: 2
    loss = mse(Line(x), y)
    optimize Line with SGD(0.1)
}
predict on Rows { seen = x }
";
    let file = path(folder.path(), "rows.nn");
    fs::write(&file, text).expect("writable");
    let out = path(folder.path(), "out");
    run(&[&file, "--order", "sequential", "--out", &out]);
    let numbers = |file: &Checkpoint, name: &str| -> Vec<f32> {
        file.tensor(name).expect(name).data.as_chunks::<4>().0.iter().map(|x| f32::from_le_bytes(*x)).collect()
    };
    // The last fifth is held out.
    let middle = rows[..16].iter().sum::<f64>() / 16.0;
    let best = left(&out, "best.safetensors");
    assert_eq!(numbers(&best, "Rows.middle"), [middle as f32]);
    assert_eq!(numbers(&best, "Rows.ends"), [100.0, 325.0]);
    // Other rows are seen as those were that the weights are of.
    let weights = path(Path::new(&out), "best.safetensors");
    let few = path(folder.path(), "few.csv");
    let seen = nnc(&["predict", &file, "--weights", &weights, "--input", &few, "--json"]);
    let first: Value = serde_json::from_str(text_of(&seen).lines().next().expect("a row")).expect("an object");
    let want = (1.0 - middle) / 225.0;
    assert!((first["seen"][0].as_f64().expect("a number") - want).abs() < 1e-6, "{first}, not {want}");
    // A run that goes on keeps what was computed, even of other rows.
    let on = path(folder.path(), "on");
    let state = path(Path::new(&out), "last.safetensors");
    run(&[&file, "--epochs", "3", "--init", &state, "--out", &on]);
    assert_eq!(numbers(&left(&on, "best.safetensors"), "Rows.middle"), [middle as f32]);
}

fn text_of(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

const WEIGHTED: &str = "
model Net(x: [batch, n]) -> [batch, 10] { x |> Dense(10) }
train on Digits {
    batch: 1
    epochs: 1
    ink = image[.., 3]
    logits = Net(image)
    loss = cross_entropy(logits, digit)
    metric pixel = sum(ink * image[.., 10]) / sum(ink), weight = sum(ink)
    metric plain = sum(ink * image[.., 10]) / max(sum(ink), 1e-3)
    optimize Net with SGD(0)
}
";

#[test]
fn a_weighted_figure_is_that_of_all_rows_whatever_the_batches() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = program(folder.path(), "weighted.nn", WEIGHTED);
    let figures = |batch: &str, out: &str| {
        let out = path(folder.path(), out);
        let events = run(&[&file, "--out", &out, "--batch", batch]);
        let epoch = events.iter().find(|event| event["event"] == "epoch").expect("an epoch").clone();
        ["pixel", "plain"].map(|name| ["train", "valid"].map(|part| epoch[part][name].as_f64().expect("a number")))
    };
    // Rows without ink weigh nothing, and alone have no mean.
    let ([one, plain], [all, other]) = (figures("1", "one"), figures("2000", "all"));
    for (a, b) in one.into_iter().zip(all) {
        assert!((a - b).abs() < 1e-6 * b, "{a} in batches of one row, {b} in one batch");
    }
    assert!((plain[0] - other[0]).abs() > 0.01 * other[0], "means of batches differ");
}
