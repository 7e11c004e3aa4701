//! The folder of a run: `last.safetensors`, `best.safetensors`, `curve.csv` and `source.nn`, each replaced atomically; and
//! `init.safetensors`, where the run began with a file of the folder itself.
//!
//! Nothing in it depends on the time, the machine or the number of threads: equal runs leave equal files. Only the program
//! names places, as the command line resolved them.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::figures::Figures;
use super::plan::{Plan, Role, StateSpec};
use super::progress::{Progress, split_metadata};
use crate::buffer::Buffer;
use crate::checkpoint::{self, CheckpointError, TensorView, atomic};

/// All state of a run: where it can go on.
pub const LAST: &str = "last.safetensors";
/// The weights (parameters and statistics) that the run's last figures belong to: those that the `keep` line chose, else
/// the last.
pub const BEST: &str = "best.safetensors";
/// A copy of the weights that the run began with, where they lay in this folder, in which it leaves its own.
pub const INIT: &str = "init.safetensors";
/// The figures of each epoch.
pub const CURVE: &str = "curve.csv";
/// The program, with the options that were set. Files that it uses lie beside it as `source.NAME.nn`.
pub const SOURCE: &str = "source.nn";

/// Where a run leaves its files.
pub struct Folder {
    path: PathBuf,
    /// `curve.csv` so far, its head first.
    curve: Vec<String>,
}

impl Folder {
    /// Makes the folder where it is absent, and checks that a file can be written in it.
    pub fn create(path: &Path) -> Result<Folder, CheckpointError> {
        let failed = |error: std::io::Error| {
            let what = format!("cannot be used as a folder for results: {error}");
            CheckpointError::new(path, what).help("name another one")
        };
        fs::create_dir_all(path).map_err(failed)?;
        let probe = path.join(".probe");
        atomic::replace(&probe, |writer| writer.write_all(b"nnc")).map_err(failed)?;
        fs::remove_file(&probe).map_err(failed)?;
        Ok(Folder { path: path.to_owned(), curve: vec![] })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file lies in this folder.
    pub fn holds(&self, file: &Path) -> bool {
        let folder = |path: &Path| path.canonicalize().ok().and_then(|path| Some(path.parent()?.to_owned()));
        matches!((folder(file), self.path.canonicalize()), (Some(a), Ok(b)) if a == b)
    }

    /// Keeps a copy of the weights that the run begins with, a file of this folder.
    pub fn keep_init(&self, from: &Path) -> Result<(), CheckpointError> {
        if from.file_name() == Some(INIT.as_ref()) {
            return Ok(());
        }
        let file = self.path.join(INIT);
        let copy = |writer: &mut dyn std::io::Write| std::io::copy(&mut fs::File::open(from)?, writer).map(|_| ());
        atomic::replace(&file, copy).map_err(|error| CheckpointError::new(&file, format!("cannot write it: {error}")))
    }

    /// Removes what an earlier run has left but the file `kept`, so that no file of two runs stands beside each other.
    pub fn clear(&self, kept: Option<&str>) -> Result<(), CheckpointError> {
        let failed = |error: std::io::Error| CheckpointError::new(&self.path, format!("cannot be listed: {error}"));
        let mut names: Vec<OsString> = [LAST, BEST, INIT, CURVE, SOURCE].map(OsString::from).into();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if name.to_str().is_some_and(|name| name.starts_with("source.") && name.ends_with(".nn")) {
                names.push(name);
            }
        }
        for name in names.into_iter().filter(|name| kept.is_none_or(|kept| name != kept)) {
            let file = self.path.join(name);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(CheckpointError::new(&file, format!("cannot be removed: {error}")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes over the epochs before `epoch` of a run's curve, for the run that goes on from there.
    pub fn continue_curve(&mut self, text: &str, epoch: u64) {
        let completed =
            |line: &&str| line.split(',').next().and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n <= epoch);
        let mut lines = text.lines();
        self.curve = lines.next().map(str::to_owned).into_iter().collect();
        self.curve.extend(lines.filter(completed).map(str::to_owned));
    }

    /// Writes the program: the names and texts of its files, [`SOURCE`] and others that are called `source.NAME.nn`.
    pub fn write_sources(&self, files: &[(String, String)]) -> Result<(), CheckpointError> {
        files.iter().try_for_each(|(name, text)| self.write_text(name, text))
    }

    /// Writes all state and the progress.
    pub fn write_last(
        &self,
        plan: &Plan,
        rows: usize,
        progress: &Progress,
        specs: &[StateSpec],
        states: &[Buffer],
    ) -> Result<(), CheckpointError> {
        let kept = |role| role != Role::Metric;
        checkpoint::write(&self.path.join(LAST), &views(specs, states, kept), &progress.metadata(plan, rows))
    }

    /// Writes the weights alone, with what the split of the rows follows from.
    pub fn write_best(&self, plan: &Plan, specs: &[StateSpec], states: &[Buffer]) -> Result<(), CheckpointError> {
        checkpoint::write(&self.path.join(BEST), &views(specs, states, Role::is_weight), &split_metadata(plan))
    }

    /// Adds an epoch to the curve: every figure that is one number, as shortest round-trip decimals.
    pub(crate) fn write_curve(
        &mut self,
        epoch: u64,
        step: u64,
        train: &Figures,
        valid: &Figures,
    ) -> Result<(), CheckpointError> {
        let mut head = String::from("epoch,step");
        let mut line = format!("{epoch},{step}");
        for (part, figures) in [("train", train), ("valid", valid)] {
            for value in &figures.0 {
                if let Some(number) = value.scalar() {
                    // Writing to a string cannot fail. Names are identifiers, so no quotes are needed.
                    let _ = write!(head, ",{part}.{}", value.name);
                    let _ = write!(line, ",{number:?}");
                }
            }
        }
        if self.curve.first() != Some(&head) {
            self.curve = vec![head];
        }
        self.curve.push(line);
        self.write_text(CURVE, &(self.curve.join("\n") + "\n"))
    }

    fn write_text(&self, name: &str, text: &str) -> Result<(), CheckpointError> {
        let file = self.path.join(name);
        atomic::replace(&file, |writer| writer.write_all(text.as_bytes()))
            .map_err(|error| CheckpointError::new(&file, format!("cannot write it: {error}")))
    }
}

fn views<'a>(specs: &'a [StateSpec], states: &'a [Buffer], kept: impl Fn(Role) -> bool) -> Vec<TensorView<'a>> {
    let view = |(spec, state): (&'a StateSpec, &'a Buffer)| TensorView {
        name: &spec.path,
        dtype: spec.dtype,
        shape: &spec.shape,
        data: state.as_slice(),
    };
    specs.iter().zip(states).filter(|(spec, _)| kept(spec.role)).map(view).collect()
}
