//! Weights in the names and shapes of PyTorch, by whole runs: what `init … as torch` reads and `nnc export` writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nnc_runtime::checkpoint::{self, Checkpoint};
use nnc_runtime::dtype::element_as_f64;
use serde_json::Value;

fn nnc(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nnc"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command.output().expect("the program starts")
}

/// Does something, which must succeed, and gives standard output.
fn done(arguments: &[&str]) -> String {
    let output = nnc(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Does something that must fail, and gives standard error.
fn refused(arguments: &[&str]) -> String {
    let output = nnc(arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Checkpoint {
    checkpoint::read(path).expect("weights")
}

fn values(file: &Checkpoint, name: &str) -> Vec<f64> {
    let tensor = file.tensor(name).unwrap_or_else(|| panic!("no {name}"));
    (0..tensor.data.len() / tensor.dtype.size()).map(|i| element_as_f64(tensor.dtype, &tensor.data, i)).collect()
}

/// A tensor as the format has it: name, type, shape and bytes.
type Entry<'a> = (&'a str, &'a str, &'a [usize], Vec<u8>);

fn f64s(values: impl IntoIterator<Item = f64>) -> Vec<u8> {
    values.into_iter().flat_map(f64::to_le_bytes).collect()
}

/// Writes a file as PyTorch's programs do, without checksums.
fn write(path: &Path, entries: &[Entry<'_>]) {
    let mut begin = 0;
    let mut header = serde_json::Map::new();
    for (name, dtype, shape, data) in entries {
        let end = begin + data.len();
        let entry = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [begin, end] });
        header.insert((*name).to_owned(), entry);
        begin = end;
    }
    let header = Value::Object(header).to_string();
    let data: Vec<u8> = entries.iter().flat_map(|(.., data)| data.clone()).collect();
    fs::write(path, [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat()).expect("writable");
}

/// A program whose parameters do not move.
fn program(folder: &Path, name: &str, precision: &str, model: &str, lines: &str) -> String {
    fs::write(folder.join("rows.csv"), "a,b\n1,2\n3,4\n5,6\n").expect("writable");
    let text = format!(
        "precision: {precision}\ndata Rows {{\n    source: csv(\"rows.csv\")\n    x: [batch, 2] = concat([a[.., new], \
         b[.., new]])\n}}\n{model}\ntrain on Rows {{\n    batch: 3\n    epochs: 1\n{lines}    \
         loss = mean(Net(x)^2)\n    optimize Net with SGD(0)\n}}\n"
    );
    let file = folder.join(name);
    fs::write(&file, text).expect("writable");
    shown(&file)
}

/// Runs a program and gives the weights that it leaves.
fn left(file: &str, folder: &Path) -> Checkpoint {
    done(&["run", file, "--json", "--out", &shown(folder)]);
    read(&folder.join("best.safetensors"))
}

const NETWORKS: &str = "tests/torch/networks.nn";

#[test]
fn networks_give_what_they_give_in_pytorch() {
    let events = done(&["run", NETWORKS, "--json"]);
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let last = events.last().expect("an event");
    for name in ["vision", "volume", "series", "words", "tower"] {
        let far = last["valid"][name].as_f64().unwrap_or_else(|| panic!("{name}: {last}"));
        assert!(far < 1e-12, "{name} is {far} from PyTorch's values");
    }
}

#[test]
fn every_layer_with_parameters_is_among_them() {
    let networks = fs::read_to_string(NETWORKS).unwrap();
    let mut layers = 0;
    for (name, text) in
        nnc_models::LIBRARY.iter().filter(|(name, text)| name.contains("layer/") && text.contains("    param "))
    {
        let layer = text.split("\nlayer ").nth(1).and_then(|rest| rest.split('(').next()).expect(name);
        assert!(networks.contains(&format!("|> {layer}")) || networks.contains(&format!("({layer}(")), "{name}");
        layers += 1;
    }
    assert!(layers > 12, "{layers}");
}

#[test]
fn what_is_exported_begins_the_same_networks_to_the_bit() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let exported = folder.path().join("torch.safetensors");
    let before = left(NETWORKS, &first);
    let weights = shown(&first.join("best.safetensors"));
    let told = done(&["export", NETWORKS, "--weights", &weights, "--as", "torch", "--out", &shown(&exported)]);
    assert!(told.contains("tensors in"), "{told}");
    let start = format!("start={}", shown(&exported));
    done(&["run", NETWORKS, "--json", "--set", &start, "--out", &shown(&second)]);
    assert_eq!(read(&second.join("best.safetensors")).tensors, before.tensors);
    // The names and shapes are those of PyTorch's file, and so are the values that are no terms of a sum.
    let (ours, theirs) = (read(&exported), read(Path::new("tests/torch/networks.safetensors")));
    for tensor in theirs.tensors.iter().filter(|tensor| !tensor.name.ends_with("num_batches_tracked")) {
        let own = ours.tensor(&tensor.name).unwrap_or_else(|| panic!("no {}", tensor.name));
        assert_eq!((own.dtype, &own.shape), (tensor.dtype, &tensor.shape), "{}", tensor.name);
        let term = tensor.name.contains("bias_ih") || tensor.name.contains("bias_hh");
        assert!(term || own.data == tensor.data, "{}", tensor.name);
    }
    let sum = |file: &Checkpoint, layer: &str| -> Vec<f64> {
        let [a, b] = ["ih", "hh"].map(|name| values(file, &format!("series.{layer}.bias_{name}_l0")));
        a.iter().zip(&b).map(|(a, b)| a + b).collect()
    };
    assert_eq!(sum(&ours, "lstm"), sum(&theirs, "lstm"));
    assert_eq!(sum(&ours, "gru")[..8], sum(&theirs, "gru")[..8]);
    // The last gate of a GRU keeps its biases apart.
    let hidden = |file: &Checkpoint| values(file, "series.gru.bias_hh_l0");
    assert_eq!(hidden(&ours)[8..], hidden(&theirs)[8..]);
    assert_eq!(hidden(&ours)[..8], [0.0; 8]);
}

const NET: &str = "model Net(x: [batch, n]) -> [batch, 3] { x |> Dense(3) |> Dense(3) }";

#[test]
fn matrices_are_transposed_and_floats_of_any_width_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let ramp = |from: f64| (0..9).map(move |i| from + f64::from(i));
    // 1, -2 and 0.5 as binary16; 3, -1 and 0.25 as the upper halves of binary32.
    let halves = [0x3c00u16, 0xc000, 0x3800].map(u16::to_le_bytes).concat();
    let brains = [0x4040u16, 0xbf80, 0x3e80].map(u16::to_le_bytes).concat();
    write(
        &folder.path().join("x.safetensors"),
        &[
            ("dense.weight", "F64", &[3, 2], f64s([1.0, 2.0, 3.0, 4.0, 5.0, 0.1])),
            ("dense.bias", "F16", &[3], halves),
            ("dense_2.weight", "F32", &[3, 3], ramp(10.0).flat_map(|x| (x as f32).to_le_bytes()).collect()),
            ("dense_2.bias", "BF16", &[3], brains),
            ("steps", "I64", &[], 7i64.to_le_bytes().to_vec()),
        ],
    );
    for (precision, tenth) in [("f32", f64::from(0.1f32)), ("f64", 0.1)] {
        let lines = "    init Net from \"x.safetensors\" as torch\n";
        let file = program(folder.path(), &format!("{precision}.nn"), precision, NET, lines);
        let weights = left(&file, &folder.path().join(precision));
        assert_eq!(weights.tensor("Net.dense.w").map(|t| t.shape.clone()), Some(vec![2, 3]));
        assert_eq!(values(&weights, "Net.dense.w"), [1.0, 3.0, 5.0, 2.0, 4.0, tenth]);
        assert_eq!(values(&weights, "Net.dense.b"), [1.0, -2.0, 0.5]);
        assert_eq!(values(&weights, "Net.dense_2.w"), [10.0, 13.0, 16.0, 11.0, 14.0, 17.0, 12.0, 15.0, 18.0]);
        assert_eq!(values(&weights, "Net.dense_2.b"), [3.0, -1.0, 0.25]);
        // From the folder of the run it begins with the same file.
        let source = shown(&folder.path().join(precision).join("source.nn"));
        assert_eq!(left(&source, &folder.path().join("again").join(precision)), weights);
    }
    // Without `as torch` a file has our names, our shapes and the precision of the run.
    let file = program(folder.path(), "own.nn", "f32", NET, "    init Net from \"x.safetensors\"\n");
    let error = refused(&["run", &file]);
    assert!(error.contains("error[weights]") && error.contains("its type F16 is not supported"), "{error}");
}

#[test]
fn names_are_told_for_a_part_or_follow_from_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let model = "layer Pair(units: int)(x: [batch, n]) -> [batch, units] {\n    param mix: [n, units] = zeros() as torch \
                 mix_a [i, o] -> [o, i]\n    param low: [2] = zeros() as torch ends[0..2]\n    \
                 param high: [1] = zeros() as torch ends[2..3]\n    x @ mix + mean(low) + mean(high)\n}\n\
                 model Head(x: [batch, n]) -> [batch, 1] { x |> Dense(1, bias = false) }\n\
                 model Net(x: [batch, n]) -> [batch, 1] {\n    var h = x\n    repeat 2 { h = h |> Pair(2) }\n    Head(h)\n}";
    write(
        &folder.path().join("x.safetensors"),
        &[
            ("a.0.mix_a", "F64", &[2, 2], f64s([1.0, 2.0, 3.0, 4.0])),
            ("a.0.ends", "F64", &[3], f64s([5.0, 6.0, 7.0])),
            ("b.mix_a_rest", "F64", &[2, 2], f64s([8.0, 9.0, 10.0, 11.0])),
            ("b.ends_rest", "F64", &[3], f64s([12.0, 13.0, 14.0])),
            ("net.head.dense.weight", "F64", &[1, 2], f64s([15.0, 16.0])),
        ],
    );
    let lines = "    init Net.pair[0] from \"x.safetensors\" as torch(\"a.0\")\n    \
                 init Net.pair[1] from \"x.safetensors\" as torch(\"b.*_rest\")\n    \
                 init Head from \"x.safetensors\" as torch(\"net.head\")\n";
    let file = program(folder.path(), "parts.nn", "f64", model, lines);
    let weights = left(&file, &folder.path().join("parts"));
    for (name, expected) in [
        ("Net.pair[0].mix", &[1.0, 3.0, 2.0, 4.0][..]),
        ("Net.pair[0].low", &[5.0, 6.0]),
        ("Net.pair[0].high", &[7.0]),
        ("Net.pair[1].mix", &[8.0, 10.0, 9.0, 11.0]),
        ("Net.pair[1].low", &[12.0, 13.0]),
        ("Net.pair[1].high", &[14.0]),
        ("Head.dense.w", &[15.0, 16.0]),
    ] {
        assert_eq!(values(&weights, name), expected, "{name}");
    }
    // Without names in the program those of its paths are written: the model around all has none.
    let plain = program(folder.path(), "plain.nn", "f64", model, "");
    let [best, out] = ["parts/best.safetensors", "out.safetensors"].map(|name| shown(&folder.path().join(name)));
    done(&["export", &plain, "--weights", &best, "--as", "torch", "--out", &out]);
    let exported = read(Path::new(&out));
    let names: Vec<&str> = exported.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["head.dense.weight", "pair.0.ends", "pair.0.mix_a", "pair.1.ends", "pair.1.mix_a"]);
    assert_eq!(values(&exported, "pair.1.ends"), [12.0, 13.0, 14.0]);
    let again = "    init Net from \"out.safetensors\" as torch\n";
    let again = program(folder.path(), "again.nn", "f64", model, again);
    assert_eq!(left(&again, &folder.path().join("again")).tensors, weights.tensors);
}

#[test]
fn averages_are_what_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let file = program(folder.path(), "average.nn", "f32", NET, "    average: ema(0.5)\n");
    let text = fs::read_to_string(&file).unwrap().replace("SGD(0)", "SGD(0.01)").replace("epochs: 1", "epochs: 3");
    fs::write(&file, text).unwrap();
    let weights = left(&file, &folder.path().join("run"));
    let [best, out] = ["run/best.safetensors", "out.safetensors"].map(|name| shown(&folder.path().join(name)));
    done(&["export", &file, "--weights", &best, "--as", "torch", "--out", &out]);
    let exported = values(&read(Path::new(&out)), "dense_2.bias");
    assert_eq!(exported, values(&weights, "Net.dense_2.b#average"));
    assert_ne!(exported, values(&weights, "Net.dense_2.b"));
}

#[test]
fn what_does_not_fit_is_told_in_the_words_of_pytorch() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder.path().join("x.safetensors"),
        &[
            ("fc.weight", "F32", &[3, 2], vec![0; 24]),
            ("dense_2.weight", "F32", &[3, 4], vec![0; 48]),
            ("dense_2.bias", "I64", &[3], vec![0; 24]),
        ],
    );
    let file = program(folder.path(), "misfit.nn", "f32", NET, "    init Net from \"x.safetensors\" as torch\n");
    let error = refused(&["run", &file]);
    for words in [
        "error[weights]",
        "4 tensors differ",
        "`dense.weight` (f32 [3, 2]) is not in the file; `fc.weight` would fit",
        "`dense.bias` (f32 [3]) is not in the file",
        "`dense_2.weight` has shape [3, 3], in the file [3, 4]",
        "`dense_2.bias` is f32, in the file i64",
        "as torch(\"net.3\")",
    ] {
        assert!(error.contains(words), "no {words:?} in {error}");
    }
    let whole = program(folder.path(), "whole.nn", "f32", NET, "");
    left(&whole, &folder.path().join("run"));
    let best = shown(&folder.path().join("run/best.safetensors"));
    let out: PathBuf = folder.path().join("no/such/folder.safetensors");
    let error = refused(&["export", &whole, "--weights", &best, "--as", "torch", "--out", &shown(&out)]);
    assert!(error.contains("error[file]") && error.contains("there is no folder"), "{error}");
    let error = refused(&["export", "models/linear.nn", "--weights", &best, "--as", "torch", "--out", &best]);
    assert!(error.contains("does not fit the program"), "{error}");
    let twice = "    init Net.dense from \"x.safetensors\" as torch(\"one\")\n    init Net.dense_2 from \"x.safetensors\" \
                 as torch(\"one\")\n";
    let twice = program(folder.path(), "twice.nn", "f32", NET, twice);
    let error = refused(&["export", &twice, "--weights", &best, "--as", "torch", "--out", &shown(&out)]);
    assert!(error.contains("`Net.dense` and `Net.dense_2` both have a tensor `one.weight`"), "{error}");
}
