//! Training compared number by number: with PyTorch's double-precision trajectories (made by
//! `golden/make_trajectories.py`), and with itself across engines and thread counts, where the bits must be equal.

#![expect(clippy::print_stdout, reason = "the figures are part of what the test shows")]

mod common;

use common::{apart, values, write_weights};
use nnc_runtime::checkpoint::{self, Checkpoint};
use nnc_runtime::dtype::DType;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn golden(name: &str) -> Checkpoint {
    checkpoint::read(&root().join("tests/golden").join(format!("{name}.safetensors"))).expect(name)
}

/// Runs the program; gives the losses of its steps and the folder with what it saved.
fn train(file: &Path, folder: &Path, more: &[&str]) -> (Vec<f64>, PathBuf) {
    let out = folder.join(format!("out{}", fs::read_dir(folder).expect("a folder").count()));
    (common::train(file, &out, more), out)
}

/// Asserts that numbers are near one another.
fn close(ours: &[f64], theirs: &[f64], bound: f64, what: &str) {
    let distance = apart(ours, theirs);
    println!("{what}: {distance:.1e}");
    assert!(distance <= bound, "{what}: {distance:e}");
}

/// The training images of the digits as 28 × 28: each pixel 3 × 3 times, framed by two zeros, times 15.
fn write_large_digits(folder: &Path) {
    let small = fs::read(root().join("models/data/digits/train-images-idx3-ubyte")).expect("the digits");
    let (header, pixels) = small.split_at(16);
    let mut large = header[..8].to_vec();
    large.extend([28u32, 28].iter().flat_map(|n| n.to_be_bytes()));
    for image in pixels.chunks(64) {
        for row in 0..28usize {
            for column in 0..28usize {
                let inside = (2..26).contains(&row) && (2..26).contains(&column);
                large.push(if inside { image[(row - 2) / 3 * 8 + (column - 2) / 3] * 15 } else { 0 });
            }
        }
    }
    fs::write(folder.join("train-images-idx3-ubyte"), &large).expect("writable");
    fs::write(folder.join("t10k-images-idx3-ubyte"), &large).expect("writable");
    for part in ["train", "t10k"] {
        let labels = root().join("models/data/digits/train-labels-idx1-ubyte");
        fs::copy(labels, folder.join(format!("{part}-labels-idx1-ubyte"))).expect("writable");
    }
}

const OPTIMIZERS: [(&str, &str); 5] = [
    ("sgd", "SGD(0.01)"),
    ("momentum", "Momentum(0.01)"),
    ("adagrad", "AdaGrad(0.01)"),
    ("rmsprop", "RMSprop(0.001)"),
    ("adam", "Adam(0.001)"),
];

const LINEAR: &str = r#"
data Iris {
    source: csv("linear.csv")
    length: [batch, 1] = petal_length |> rearrange [b] -> [b, 1]
    width:  [batch, 1] = petal_width |> rearrange [b] -> [b, 1]
}

model Line(x: [batch, n]) -> [batch, 1] { x |> Dense(1) }

train on Iris {
    batch:  16
    epochs: 60
    loss = mse(Line(length), width)
    optimize Line with OPTIMIZER
}
"#;

const MNIST: &str = r#"
data Images {
    source: idx("images")
    image: [batch, height = 28, width = 28] = images / 255
    digit: index(10)[batch] = labels
}

model Mlp(image: [batch, height, width]) -> [batch, 10] {
    image |> flatten |> Dense(64) |> relu |> Dense(64) |> relu |> Dense(10)
}

train on Images {
    batch:  64
    epochs: 30
    loss = cross_entropy(Mlp(image), digit)
    optimize Mlp with OPTIMIZER
}
"#;

fn folder_with_data() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(root().join("models/data/linear.csv"), folder.path().join("linear.csv")).expect("writable");
    fs::create_dir(folder.path().join("images")).expect("writable");
    write_large_digits(&folder.path().join("images"));
    folder
}

/// Every loss of 500 steps and the final weights in f64 within 1e-10, every loss of 20 steps in f32 within 1e-6.
fn agrees_with_pytorch(problem: &str, text: &str) {
    let folder = folder_with_data();
    let file = folder.path().join("model.nn");
    let begin = golden(&format!("{problem}.init"));
    for (name, optimizer) in OPTIMIZERS {
        let golden = golden(&format!("{problem}.{name}"));
        for (dtype, setting, steps, key, bound) in
            [(DType::F64, "precision: f64\n", "500", "loss", 1e-10), (DType::F32, "", "20", "loss32", 1e-6)]
        {
            fs::write(&file, format!("{setting}{}", text.replace("OPTIMIZER", optimizer))).expect("writable");
            let init = folder.path().join("init.safetensors");
            write_weights(&begin, "", dtype, &init);
            let init = init.display().to_string();
            let (losses, out) =
                train(&file, folder.path(), &["--init", &init, "--order", "sequential", "--steps", steps]);
            let expected = values(&golden, key);
            close(&losses, &expected, bound, &format!("{problem} {name} {dtype} losses"));
            if dtype == DType::F64 {
                let last = checkpoint::read(&out.join("last.safetensors")).expect("saved");
                for t in golden.tensors.iter().filter(|t| t.name.contains('.')) {
                    close(
                        &values(&last, &t.name),
                        &values(&golden, &t.name),
                        bound,
                        &format!("{problem} {name} {}", t.name),
                    );
                }
            }
        }
    }
}

#[test]
fn linear_regression_trains_as_in_pytorch() {
    agrees_with_pytorch("linear", LINEAR);
}

#[test]
fn the_mnist_network_trains_as_in_pytorch() {
    agrees_with_pytorch("mnist", MNIST);
}

/// The oracle, native code without and with passes, and 1, 2 and 3 threads: equal files, byte for byte.
#[test]
fn engines_passes_and_threads_agree_to_the_bit() {
    let folder = folder_with_data();
    let file = folder.path().join("model.nn");
    for setting in ["precision: f64\n", ""] {
        fs::write(&file, format!("{setting}{}", MNIST.replace("OPTIMIZER", "Adam(0.01)"))).expect("writable");
        let run = |more: &[&str]| {
            let (losses, out) = train(&file, folder.path(), &[&["--steps", "8"], more].concat());
            (losses, fs::read(out.join("last.safetensors")).expect("saved"))
        };
        let (losses, saved) = run(&["--engine", "oracle"]);
        for more in [
            &["--threads", "1"][..],
            &["--threads", "1", "--engine", "plain"],
            &["--threads", "2", "--threads-always"],
            &["--threads", "3", "--threads-always"],
            &["--threads", "3", "--threads-always", "--engine", "plain"],
        ] {
            let (other_losses, other) = run(more);
            assert_eq!(losses, other_losses, "{setting}{more:?}");
            assert!(saved == other, "{setting}{more:?}: the saved states differ");
        }
    }
}
