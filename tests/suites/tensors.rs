//! The tensors of a golden file, as doubles.

use nnc_runtime::checkpoint::{self, Checkpoint};
use nnc_runtime::dtype::{DType, element_as_f64};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A tensor.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    /// Its sizes.
    pub(crate) shape: Vec<usize>,
    /// Its element type in the file.
    pub(crate) dtype: DType,
    /// Its elements, row major.
    pub(crate) values: Vec<f64>,
}

impl Tensor {
    /// The largest absolute value.
    pub(crate) fn largest(&self) -> f64 {
        self.values.iter().fold(0.0, |m, x| if x.is_finite() { m.max(x.abs()) } else { m })
    }

    /// The transpose of a matrix.
    pub(crate) fn transposed(&self) -> Tensor {
        let [rows, columns] = self.shape[..] else { return self.clone() };
        let values =
            (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j))).map(|(i, j)| self.values[i * columns + j]);
        Tensor { shape: vec![columns, rows], dtype: self.dtype, values: values.collect() }
    }

    /// Each element rounded to single precision.
    pub(crate) fn in_single_precision(mut self) -> Tensor {
        for x in &mut self.values {
            *x = f64::from(*x as f32);
        }
        self
    }

    /// The bytes of the elements in a float type.
    pub(crate) fn bytes(&self, dtype: DType) -> Vec<u8> {
        match dtype {
            DType::F32 => self.values.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect(),
            _ => self.values.iter().flat_map(|x| x.to_le_bytes()).collect(),
        }
    }
}

/// The tensors of a case but its gradients: inputs by their names in the program, results and cotangents by number.
#[derive(Default)]
pub(crate) struct Parts {
    /// Inputs and parameters.
    pub(crate) inputs: BTreeMap<String, Tensor>,
    /// Results.
    pub(crate) outs: BTreeMap<usize, Tensor>,
    /// Cotangents of the results.
    pub(crate) cts: BTreeMap<usize, Tensor>,
}

impl Parts {
    /// Puts a tensor in its place: `role` is `out3`, `ct3`, or anything for an input, which the program calls `name`.
    pub(crate) fn place(&mut self, role: &str, name: String, tensor: &Tensor) {
        if let Some(j) = numbered(role, "out") {
            self.outs.insert(j, tensor.clone());
        } else if let Some(j) = numbered(role, "ct") {
            self.cts.insert(j, tensor.clone());
        } else {
            self.inputs.insert(name, tensor.clone());
        }
    }
}

/// The number behind a prefix: 3 of `out3`.
pub(crate) fn numbered(role: &str, prefix: &str) -> Option<usize> {
    role.strip_prefix(prefix)?.parse().ok()
}

/// A file: its tensors by name, and its texts.
#[derive(Default)]
pub(crate) struct Golden {
    /// The tensors.
    pub(crate) tensors: BTreeMap<String, Tensor>,
    /// The metadata.
    pub(crate) texts: BTreeMap<String, String>,
}

impl Golden {
    /// Reads a file.
    ///
    /// # Panics
    /// When it cannot be read.
    pub(crate) fn read(path: &Path) -> Golden {
        let file: Checkpoint = checkpoint::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let tensor = |t: &checkpoint::Tensor| Tensor {
            shape: t.shape.clone(),
            dtype: t.dtype,
            values: (0..t.data.len() / t.dtype.size()).map(|i| element_as_f64(t.dtype, &t.data, i)).collect(),
        };
        Golden {
            tensors: file.tensors.iter().map(|t| (t.name.clone(), tensor(t))).collect(),
            texts: file.metadata.into_iter().collect(),
        }
    }

    /// A text of the metadata; empty where there is none.
    pub(crate) fn meta(&self, key: &str) -> &str {
        self.texts.get(key).map_or("", String::as_str)
    }
}

/// The folder of goldens: `NNC_GOLDEN`, else `../shared/golden` beside the repository. `None` where there is none.
pub(crate) fn folder(suite: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = std::env::var_os("NNC_GOLDEN").map_or_else(|| root.join("../shared/golden"), PathBuf::from);
    let folder = all.join(suite);
    folder.is_dir().then_some(folder)
}

/// The safetensors files of a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    paths.sort();
    paths
}
