//! The command line from outside: exit codes, streams, files. Each test runs the program in folders of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn nnc(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The lines of standard output, each a JSON object.
fn events(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// Runs digits for some steps with these further arguments.
fn digits(steps: &str, more: &[&str]) -> Output {
    nnc(&[&["run", "models/digits.nn", "--steps", steps, "--json", "--threads", "1"], more].concat())
}

fn assert_fails(output: &Output, exit: i32, words: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(code(output), exit, "{error}");
    assert!(!error.contains("panicked"), "{error}");
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
}

#[test]
fn wrong_usage_exits_with_2() {
    for arguments in [
        &["run"][..],
        &[],
        &["fly"],
        &["run", "a.nn", "--seed", "x"],
        &["run", "a.nn", "--force"],
        &["run", "a.nn", "--set", "lr"],
        &["run", "a.nn", "--threads", "0"],
        &["compile", "a.nn", "--emit", "poetry"],
        &["export", "a.nn"],
        &["export", "a.nn", "--weights", "w", "--as", "onnx", "--out", "o"],
    ] {
        assert_eq!(code(&nnc(arguments)), 2, "{arguments:?}");
    }
    assert_eq!(code(&nnc(&["--help"])), 0);
    assert_eq!(code(&nnc(&["--version"])), 0);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    assert_fails(&nnc(&["run", "models/none.nn"]), 1, &["error[file]", "models/none.nn"]);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.nn"), b"// \xff\n").unwrap();
    assert_fails(&nnc(&["check", &path(folder.path(), "a.nn")]), 1, &["error[not-utf8]", "a.nn:1"]);
    assert_fails(&nnc(&["check", &path(folder.path(), "")]), 1, &["error[file]"]);
}

#[test]
fn a_missing_data_set_says_where_and_how_to_get_it() {
    let output = nnc(&["run", "models/mnist.nn", "--set", "data=no/such/folder"]);
    assert_fails(&output, 1, &["error[data]", "models/mnist.nn:", "no/such/folder", "dataset-fashion-mnist"]);
}

#[test]
fn the_models_are_sound() {
    for model in ["models/digits.nn", "models/linear.nn", "models/autoencoder.nn", "models/vae.nn"] {
        let output = nnc(&["check", model]);
        assert_eq!((code(&output), text(&output.stderr)), (0, String::new()), "{model}");
        assert!(text(&output.stdout).contains("parameters"), "{}", text(&output.stdout));
    }
}

#[test]
fn check_tells_every_mistake_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.nn");
    fs::write(&file, "fn f(x: [..]) -> [..] { y }\nfn g(x: [..]) -> [..] { z }\n").unwrap();
    let output = nnc(&["check", "--json", &file.display().to_string()]);
    assert_eq!(code(&output), 1);
    let errors: Vec<Value> = events(&output).into_iter().filter(|d| d["severity"] == "error").collect();
    let lines: Vec<&Value> = errors.iter().map(|error| &error["primary"]["line"]).collect();
    assert_eq!(lines, [1, 2], "{}", text(&output.stdout));
    assert!(errors.iter().all(|error| error["code"] == "unknown-name"));
}

#[test]
fn what_the_data_lack_for_fields_that_nobody_mentions_is_not_needed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("rows.csv"), "x\n1\n2\n").unwrap();
    let text = "data Rows {\n source: csv(\"rows.csv\")\n x: [batch] = x\n price: [batch] = cost\n}\n\
                predict on Rows { double = 2 * x }\n";
    fs::write(folder.path().join("a.nn"), text).unwrap();
    let output = nnc(&["compile", &path(folder.path(), "a.nn"), "--of", "predict"]);
    assert_fails(&output, 0, &["warning[data]", "no column `cost`"]);
}

#[test]
fn a_run_tells_its_steps_epochs_and_end() {
    let output = digits("30", &[]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let events = events(&output);
    let steps = named(&events, "step");
    assert_eq!(
        steps.iter().map(|step| step["step"].as_u64().unwrap()).collect::<Vec<_>>(),
        (1..=30).collect::<Vec<_>>()
    );
    assert!(steps.iter().all(|step| step["loss"].as_f64().is_some() && step.as_object().unwrap().len() == 3));
    let first = steps[0]["loss"].as_f64().unwrap();
    assert!((first - 10f64.ln()).abs() < 1.5, "ten classes, nothing learnt: {first}");
    assert_eq!(named(&events, "epoch").len(), 2);
    let end = events.last().unwrap();
    assert_eq!((&end["event"], &end["steps"]), (&"end".into(), &30.into()));
    assert!(end["test"]["accuracy"].as_f64().unwrap() > 0.5);
    assert!(end["valid"]["loss"].as_f64().is_some());
    assert_eq!(end["test"]["confusion"].as_array().unwrap().len(), 10);
    let tested: f64 = end["test"]["confusion"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|row| row.as_array().unwrap())
        .filter_map(Value::as_f64)
        .sum();
    assert_eq!(tested, 360.0, "a metric's state holds the rows of one pass");
    for key in ["first_step_seconds", "train_seconds", "peak_bytes"] {
        assert!(end[key].as_f64().unwrap() > 0.0, "{key}");
    }
}

#[test]
fn without_json_a_person_reads_a_table_and_figures() {
    let output = nnc(&["run", "models/digits.nn", "--epochs", "2"]);
    let text = text(&output.stdout);
    for word in [
        "path",
        "parameters",
        "multiply-adds",
        "total",
        "epoch 1/2",
        "epoch 2/2",
        "valid",
        "test",
        "accuracy",
        "confusion (truth down, prediction across)",
    ] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours outside a terminal");
}

#[test]
fn linear_regression_comes_near_least_squares() {
    let output = nnc(&["run", "models/linear.nn", "--json"]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let loss = events(&output).last().unwrap()["test"]["loss"].as_f64().unwrap();
    assert!(loss < 0.1, "{loss}");
}

#[test]
fn equal_runs_leave_equal_files_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let outs = ["a", "b", "c"].map(|name| path(folder.path(), name));
    digits("50", &["--out", &outs[0]]);
    digits("50", &["--out", &outs[1]]);
    nnc(&["run", "models/digits.nn", "--steps", "50", "--threads", "2", "--threads-always", "--out", &outs[2]]);
    for name in ["last.safetensors", "best.safetensors", "curve.csv", "source.nn"] {
        let files = outs.each_ref().map(|out| fs::read(Path::new(out).join(name)).expect(name));
        assert!(files[0] == files[1], "{name}");
        assert!(files[0] == files[2], "{name}");
    }
}

#[test]
fn the_oracle_and_compiled_code_agree_to_the_bit() {
    let run = |engine: &str| {
        let output = digits("6", &["--engine", engine, "--batch", "20"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let events = events(&output);
        let losses: Vec<Value> = named(&events, "step").iter().map(|step| step["loss"].clone()).collect();
        (losses, events.last().unwrap()["test"].clone())
    };
    assert_eq!(run("native"), run("oracle"));
}

#[test]
fn an_existing_folder_is_refused_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    fs::write(folder.path().join("best.safetensors"), "old").unwrap();
    assert_fails(&digits("1", &["--out", &out]), 1, &["error[file]", "--force"]);
    assert_eq!(fs::read(folder.path().join("best.safetensors")).unwrap(), b"old");
    assert_eq!(code(&digits("1", &["--out", &out, "--force"])), 0);
    assert_ne!(fs::read(folder.path().join("best.safetensors")).ok(), Some(b"old".to_vec()));
}

#[test]
fn an_impossible_folder_is_refused_before_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let output = digits("1", &["--out", &path(folder.path(), "file/out")]);
    assert_fails(&output, 1, &["error[file]", "file/out"]);
    assert!(named(&events(&output), "step").is_empty());
}

#[test]
fn a_run_that_goes_on_from_its_state_equals_one_that_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, part, rest] = ["whole", "part", "rest"].map(|name| path(folder.path(), name));
    // Whole epochs, so that the limit of steps falls on the end of one.
    let epochs = |n: &str, out: &str, more: &[&str]| {
        nnc(&[&["run", "models/digits.nn", "--epochs", n, "--seed", "3", "--json", "--out", out], more].concat())
    };
    let expected = events(&epochs("4", &whole, &[]));
    let before = events(&epochs("2", &part, &[]));
    let last = path(Path::new(&part), "last.safetensors");
    let after = nnc(&["run", "models/digits.nn", "--epochs", "4", "--json", "--out", &rest, "--init", &last]);
    assert_eq!(code(&after), 0, "{}", text(&after.stderr));
    let losses = |list: &[Value]| named(list, "step").into_iter().cloned().collect::<Vec<_>>();
    assert_eq!([losses(&before), losses(&events(&after))].concat(), losses(&expected));
    for name in ["last.safetensors", "best.safetensors", "curve.csv"] {
        assert!(
            fs::read(Path::new(&whole).join(name)).unwrap() == fs::read(Path::new(&rest).join(name)).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn a_run_that_went_on_in_its_own_folder_can_be_repeated_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let [out, again] = ["out", "again"].map(|name| path(folder.path(), name));
    let file = |name: &str| fs::read(Path::new(&out).join(name)).unwrap();
    assert_eq!(code(&digits("30", &["--out", &out])), 0);
    let began = file("last.safetensors");
    let last = path(Path::new(&out), "last.safetensors");
    assert_eq!(code(&digits("60", &["--out", &out, "--force", "--init", &last])), 0);
    assert!(file("init.safetensors") == began && file("last.safetensors") != began);
    let source = text(&file("source.nn"));
    let command = source.lines().next().and_then(|line| line.split("run as: nnc ").nth(1)).unwrap().to_owned();
    assert!(command.ends_with("--init init.safetensors"), "{command}");
    let words: Vec<&str> = command.split(' ').chain(["--out", &again]).collect();
    let repeated = Command::new(env!("CARGO_BIN_EXE_nnc")).args(words).current_dir(&out).output().unwrap();
    assert_eq!(code(&repeated), 0, "{}", text(&repeated.stderr));
    assert!(file("last.safetensors") == fs::read(Path::new(&again).join("last.safetensors")).unwrap());
    // A run that begins anew leaves no weights that it did not begin with.
    assert_eq!(code(&digits("1", &["--out", &out, "--force"])), 0);
    assert!(!Path::new(&out).join("init.safetensors").exists());
}

#[test]
fn weights_are_evaluated_and_used_to_predict() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    let run = digits("60", &["--out", &out]);
    let end = events(&run).last().unwrap().clone();
    let weights = path(Path::new(&out), "best.safetensors");
    let eval = nnc(&["eval", "models/digits.nn", "--weights", &weights, "--json"]);
    assert_eq!(code(&eval), 0, "{}", text(&eval.stderr));
    let figures = &events(&eval)[0];
    assert_eq!((&figures["test"], &figures["valid"]), (&end["test"], &end["valid"]));

    let predict = nnc(&["predict", "models/digits.nn", "--weights", &weights, "--json"]);
    assert_eq!(code(&predict), 0, "{}", text(&predict.stderr));
    let rows = events(&predict);
    assert_eq!(rows.len(), 360);
    let sum: f64 = rows[0]["probability"].as_array().unwrap().iter().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");
    let given = nnc(&["predict", "models/digits.nn", "--weights", &weights, "--json", "--input", "models/data/digits"]);
    assert_eq!(given.stdout, predict.stdout);
}

#[test]
fn weights_that_do_not_fit_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    assert_eq!(code(&nnc(&["run", "models/linear.nn", "--steps", "1", "--out", &out])), 0);
    let weights = path(Path::new(&out), "best.safetensors");
    let output = nnc(&["eval", "models/digits.nn", "--weights", &weights]);
    assert_fails(&output, 1, &["error[weights]", "Mlp.dense.w", "is not in the file"]);
    fs::write(&weights, "short").unwrap();
    assert_fails(&nnc(&["run", "models/linear.nn", "--init", &weights]), 1, &["error[weights]", "best.safetensors"]);
    assert_fails(&nnc(&["run", "models/linear.nn", "--init", "none.safetensors"]), 1, &["none.safetensors"]);
}

#[test]
fn a_loss_that_is_not_finite_is_reported_at_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    let output = nnc(&["run", "models/linear.nn", "--set", "lr=1e30", "--out", &out]);
    assert_fails(&output, 1, &["error[not-finite]", "models/linear.nn:", "loss"]);
    assert!(!Path::new(&out).join("best.safetensors").exists());
}

#[test]
fn stages_are_printed_and_stable() {
    for stage in ["ast", "graph", "grad", "optimized", "fused", "plan", "clif"] {
        let arguments = ["compile", "models/linear.nn", "--emit", stage];
        let (first, second) = (nnc(&arguments), nnc(&arguments));
        assert_eq!(code(&first), 0, "{stage}: {}", text(&first.stderr));
        assert!(!first.stdout.is_empty() && first.stdout == second.stdout, "{stage}");
    }
    let grad = text(&nnc(&["compile", "models/linear.nn", "--emit", "grad"]).stdout);
    assert!(grad.contains("Line.dense.w' = ") && grad.contains(" @ "), "{grad}");
    let summary = text(&nnc(&["compile", "models/digits.nn", "--of", "evaluate", "--batch", "7", "--timings"]).stdout);
    for word in ["evaluate step for batches of 7", "arena", "kernel", "check", "code", "total"] {
        assert!(summary.contains(word), "no {word:?} in {summary}");
    }
    assert_fails(&nnc(&["compile", "models/linear.nn", "--target", "mips-none"]), 1, &["error[unsupported]"]);
}

#[test]
fn a_run_can_be_repeated_from_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir_all(folder.path().join("lib/deep")).unwrap();
    fs::create_dir_all(folder.path().join("main")).unwrap();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/data/linear.csv"), folder.path().join("lib/iris.csv"))
        .unwrap();
    write("lib/deep/line.nn", "option bias = true\nmodel Line(x: [batch, n]) -> [batch, 1] { x |> Dense(1, bias) }\n");
    write(
        "lib/iris.nn",
        "data Iris {\n source: csv(\"iris.csv\")\n x: [batch, 1] = petal_length |> rearrange [b] -> [b, 1]\n \
         y: [batch, 1] = petal_width |> rearrange [b] -> [b, 1]\n}\n",
    );
    write(
        "main/a.nn",
        "use \"../lib/iris.nn\" { Iris }\nuse \"../lib/deep/line.nn\" { Line }\noption lr = 0.01\ntrain on Iris {\n \
         batch: 16\n epochs: 2\n loss = mse(Line(x), y)\n optimize Line with SGD(lr)\n}\n",
    );
    let [first, same, again] = ["first", "same", "again"].map(|name| path(folder.path(), name));
    let program = path(folder.path(), "main/a.nn");
    for out in [&first, &same] {
        let output =
            nnc(&["run", &program, "--seed", "7", "--batch", "8", "--steps", "30", "--set", "lr=0.02", "--out", out]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    }
    let source = fs::read_to_string(Path::new(&first).join("source.nn")).unwrap();
    let run = source.lines().next().and_then(|line| line.split_once("run as: nnc ")).expect("a command").1;
    let arguments: Vec<&str> = run.split(' ').chain(["--out", &again]).collect();
    // The files that were used are not needed any more.
    fs::remove_dir_all(folder.path().join("main")).unwrap();
    fs::remove_dir_all(folder.path().join("lib/deep")).unwrap();
    let output = command(&arguments).current_dir(&first).output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let read = |out: &str, name: &str| fs::read(Path::new(out).join(name)).expect(name);
    for name in ["source.nn", "source.iris.nn", "source.line.nn", "last.safetensors", "best.safetensors", "curve.csv"] {
        assert!(read(&first, name) == read(&same, name), "{name}");
        assert!(name == "source.nn" || name == "source.iris.nn" || read(&first, name) == read(&again, name), "{name}");
    }
}

#[test]
fn the_machine_code_is_printed_function_by_function() {
    let arguments = ["compile", "models/linear.nn", "--emit", "asm"];
    let (first, second) = (nnc(&arguments), nnc(&arguments));
    assert_eq!(code(&first), 0, "{}", text(&first.stderr));
    assert_eq!(text(&first.stdout), text(&second.stdout));
    let asm = text(&first.stdout);
    // What the wide emitter makes has no intermediate form.
    let functions =
        |text: &str| Vec::from_iter(text.lines().filter(|line| line.starts_with("; st")).map(str::to_owned));
    let clif = text(&nnc(&["compile", "models/linear.nn", "--emit", "clif"]).stdout);
    assert!(!functions(&asm).is_empty() && functions(&asm) == functions(&clif), "{asm}");
}

/// A disk that is full refuses a write as this limit does: the file is named, and nothing half-written is left.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = path(folder.path(), "out");
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 8; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_nnc")])
        .args(["run", "models/digits.nn", "--steps", "2", "--json", "--out", &out])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("a shell");
    assert_fails(&output, 1, &["best.safetensors"]);
    let error = text(&output.stderr);
    assert_eq!(error.matches("error[").count(), 1, "{error}");
    let left: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["source.nn"]);
}

#[test]
fn the_library_is_listed_and_shown() {
    let list = text(&nnc(&["std"]).stdout);
    for word in ["Dense", "relu", "cross_entropy", "Adam"] {
        assert!(list.contains(word), "no {word:?} in {list}");
    }
    assert!(text(&nnc(&["std", "Dense"]).stdout).contains("layer Dense("));
    assert_fails(&nnc(&["std", "Dens"]), 1, &["error[unknown-name]", "`Dense`"]);
}

/// Waits until a run has taken its first steps, sends a signal, and gives the exit code and what it said.
#[cfg(unix)]
fn interrupt(signal: &str, folder: &Path, more: &[&str]) -> (i32, String) {
    use std::io::{BufRead, BufReader, Read};
    let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/digits.nn").display().to_string();
    let arguments = [&["run", &model, "--epochs", "100000", "--json"], more].concat();
    let mut child = command(&arguments)
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.by_ref().map_while(Result::ok).find(|line| line.contains("\"event\":\"epoch\"")).expect("an epoch");
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
    assert!(sent.success());
    let end = lines.map_while(Result::ok).last();
    assert!(end.is_some_and(|end| end.starts_with(r#"{"event":"interrupted""#)));
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    (child.wait().unwrap().code().expect("it ends by itself"), error)
}

#[cfg(unix)]
#[test]
fn signals_save_and_say_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, error) = interrupt("-INT", folder.path(), &["--out", "out"]);
    assert_eq!(exit, 130, "{error}");
    assert!(error.contains("--init out/last.safetensors --out out --force"), "{error}");
    assert!(folder.path().join("out/last.safetensors").exists());

    // Without a folder one is made, and the run goes on from it.
    let (exit, error) = interrupt("-TERM", folder.path(), &[]);
    assert_eq!(exit, 143, "{error}");
    let last = path(folder.path(), "digits-interrupted/last.safetensors");
    let again = nnc(&["run", "models/digits.nn", "--epochs", "1", "--json", "--init", &last]);
    assert_eq!(code(&again), 0, "{}", text(&again.stderr));
    assert_eq!(named(&events(&again), "step").len(), 0, "more than one epoch was completed");
}

#[cfg(unix)]
#[test]
fn a_reader_who_goes_away_ends_the_run_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let model = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models/digits.nn").display().to_string();
    let mut child = command(&["run", &model, "--json"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let error = text(&output.stderr);
    assert!(!error.contains("panicked") && !error.contains("error["), "{error}");
}

#[test]
fn diff_compares_files_of_tensors() {
    let folder = tempfile::tempdir().expect("a folder");
    let (a, b) = (path(folder.path(), "a.safetensors"), path(folder.path(), "b.safetensors"));
    let write = |to: &str, values: [f32; 2]| {
        let data: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let dtype = nnc_runtime::dtype::DType::F32;
        let view = nnc_runtime::checkpoint::TensorView { name: "Net.w", dtype, shape: &[2], data: &data };
        nnc_runtime::checkpoint::write(Path::new(to), &[view], &Default::default()).expect("writable");
    };
    write(&a, [1.0, 8.0]);
    write(&b, [1.0, 8.5]);
    let same = nnc(&["diff", &a, &a]);
    assert_eq!((code(&same), text(&same.stdout).trim()), (0, "1 tensors agree"));
    let apart = nnc(&["diff", &a, &b]);
    assert_eq!(code(&apart), 1);
    assert!(text(&apart.stdout).contains("Net.w  1 elements differ, by up to 5.000e-1; the largest value is 8.500e0"));
    assert!(text(&apart.stderr).contains("1 of 1 tensors differ"));
    assert_eq!(code(&nnc(&["diff", &a, &b, "--rtol", "0.06"])), 0);
    assert_eq!(code(&nnc(&["diff", &a, &b, "--rtol", "0.05"])), 1);
    assert_eq!(code(&nnc(&["diff", &a, &b, "--atol", "0.5"])), 0);
    assert_eq!(code(&nnc(&["diff", &a, &b, "--atol", "-1"])), 2);
    assert_eq!(code(&nnc(&["diff", &a, &path(folder.path(), "none.safetensors")])), 1);
}
