//! Five hundred steps of eleven kinds of networks beside PyTorch's, with several optimizers each. The networks are
//! `trajectories/*.nn`; `golden/trajectories/make.py` says which optimizers each one meets and what its files hold.
//!
//! A distance is the largest difference of a list or tensor over its largest value. Every loss and what the last step leaves,
//! parameters and statistics, is within
//!
//! - in double precision, 1e-10 or a hundred times the distance that PyTorch itself goes when the rows of each batch come in
//!   another order, whichever is larger;
//! - in single precision, 1e-5 where the network is smooth, and 1e-6 for 20 steps where it has ReLU; where it has batch norm or
//!   maxima of windows, some rounding may turn into another trajectory: there, no farther from the double-precision one than
//!   the farthest of twenty of PyTorch's ways to compute the same, give or take the 1e-5 of smooth networks.

#![expect(clippy::print_stdout, reason = "the figures are part of what the test shows")]

mod common;

use common::{apart, train, values, write_weights};
use nnc_runtime::checkpoint::{self, Checkpoint};
use nnc_runtime::dtype::DType;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const DOUBLE: f64 = 1e-10;
const SPREADS: f64 = 100.0;
const SMOOTH: f64 = 1e-5;
const RELU: f64 = 1e-6;

/// The line of each network that says how it is optimised.
const RULE: &str = "rule = SGD(0.1)\n";

macro_rules! networks {
    ($($name:ident),* $(,)?) => {
        /// Every network, a test each.
        const NETWORKS: &[&str] = &[$(stringify!($name)),*];
        $(#[test]
        fn $name() {
            Network::new(stringify!($name)).follow();
        })*
    };
}

networks![mlp, cnn, depthwise, residual, lstm, gru, transformer, autoencoder, vae, gan, ctc];

fn tests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

struct Network {
    name: &'static str,
    golden: Checkpoint,
}

/// The losses of a run, and what its last step left.
struct Run {
    losses: Vec<f64>,
    last: Checkpoint,
}

impl Run {
    /// How far the losses and the tensors are from those under a prefix of the golden file.
    fn distance(&self, golden: &Checkpoint, losses: &str, last: &str) -> [f64; 2] {
        let expected = golden.tensors.iter().filter_map(|t| Some((t, t.name.strip_prefix(last)?)));
        let tensors = expected.map(|(t, path)| apart(&values(&self.last, path), &values(golden, &t.name)));
        [apart(&self.losses, &values(golden, losses)), tensors.fold(0.0, f64::max)]
    }
}

impl Network {
    fn new(name: &'static str) -> Network {
        let golden = tests().join("golden/trajectories").join(format!("{name}.safetensors"));
        Network { name, golden: checkpoint::read(&golden).expect(name) }
    }

    fn kind(&self) -> &str {
        self.golden.metadata.get("kind").map_or("", String::as_str)
    }

    /// The optimizers that the network meets, by name: what stands in the program.
    fn rules(&self) -> BTreeMap<&str, &str> {
        let written = self.golden.metadata.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        written.filter(|(_, text)| text.ends_with(')')).collect()
    }

    /// Runs so many steps from the golden initial weights.
    fn run(&self, optimizer: &str, dtype: DType, steps: usize) -> Run {
        let text = fs::read_to_string(tests().join(format!("trajectories/{}.nn", self.name))).expect(self.name);
        assert!(text.contains(RULE), "{}: the line of the optimizer", self.name);
        let text = text.replace("\"../", &format!("\"{}/", tests().display()));
        let text = text.replace(RULE, &format!("rule = {optimizer}\n"));
        let folder = tempfile::tempdir().expect("a folder");
        let (file, init) = (folder.path().join("network.nn"), folder.path().join("init.safetensors"));
        fs::write(&file, format!("precision: {dtype}\n{text}")).expect("writable");
        write_weights(&self.golden, "init/", dtype, &init);
        let (init, steps, out) = (init.display().to_string(), steps.to_string(), folder.path().join("out"));
        let losses = train(&file, &out, &["--init", &init, "--order", "sequential", "--steps", &steps]);
        Run { losses, last: checkpoint::read(&out.join("last.safetensors")).expect("saved") }
    }

    fn follow(&self) {
        for (rule, optimizer) in self.rules() {
            let number = |what: &str| values(&self.golden, &format!("{rule}/{what}"));
            let (losses, last) = (format!("{rule}/loss"), format!("{rule}/last/"));
            let double = self.run(optimizer, DType::F64, number("loss").len()).distance(&self.golden, &losses, &last);
            let spread = number("spread")[0];
            let bound = DOUBLE.max(SPREADS * spread);
            println!("{} {optimizer}: losses, last, bound", self.name);
            println!("  f64 {:.1e} {:.1e} {bound:.1e} (PyTorch {spread:.1e})", double[0], double[1]);
            assert!(double.iter().all(|d| *d <= bound), "{} {optimizer}: {double:?} in double precision", self.name);
            let (single, bounds) = if self.kind() == "normed" {
                let run = self.run(optimizer, DType::F32, number("loss").len());
                let farthest = number("spread32").into_iter().map(|d| d + SMOOTH).collect();
                (run.distance(&self.golden, &losses, &last), farthest)
            } else {
                let run = self.run(optimizer, DType::F32, number("loss32").len());
                let bound = if self.kind() == "smooth" { SMOOTH } else { RELU };
                let (losses, last) = (format!("{rule}/loss32"), format!("{rule}/last32/"));
                (run.distance(&self.golden, &losses, &last), vec![bound; 2])
            };
            println!("  f32 {:.1e} {:.1e} {:.1e} {:.1e}", single[0], single[1], bounds[0], bounds[1]);
            let near = single.iter().zip(&bounds).all(|(d, bound)| d <= bound);
            assert!(near, "{} {optimizer}: {single:?} in single precision", self.name);
        }
    }
}

/// No network is left out, each meets several optimizers, and each optimizer several networks.
#[test]
fn the_table_is_full() {
    let files = fs::read_dir(tests().join("trajectories")).expect("a folder");
    let stem = |path: PathBuf| path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let files: BTreeSet<String> = files.map(|e| stem(e.expect("an entry").path())).collect();
    assert_eq!(files, NETWORKS.iter().map(|n| (*n).to_owned()).collect());
    let mut met: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in NETWORKS {
        let network = Network::new(name);
        let rules = network.rules();
        assert!(rules.len() >= 2, "{name} meets {rules:?}");
        for text in rules.values() {
            let optimizer = if text.contains("nesterov") { "Nesterov" } else { text.split('(').next().unwrap_or("") };
            met.entry(optimizer.to_owned()).or_default().insert(name);
        }
    }
    let wanted = ["AdaGrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop", "SGD"];
    assert_eq!(met.keys().collect::<Vec<_>>(), wanted.iter().collect::<Vec<_>>());
    for (optimizer, networks) in &met {
        assert!(networks.len() >= 3, "{optimizer} meets {networks:?}");
    }
    assert!(met.values().map(BTreeSet::len).sum::<usize>() >= 30);
}
