//! The world of the pages: data that exist as schemas and as formulas, and files that pages use.

use crate::page;
use ndarray::{ArrayD, IxDyn};
use nnc_compiler::ir::array::Array;
use nnc_compiler::program::{Input, Program, SourceSpec};
use nnc_compiler::world::World;
use nnc_runtime::data::tokens::{Tokens, Vocabulary};
use nnc_runtime::data::{ColumnSchema, DataError, Encoding, Format, Schema};
use nnc_runtime::dtype::DType;
use nnc_runtime::train::Fill;
use std::sync::Arc;

/// `csv("table")`: eight rows of three columns of numbers, one of classes and one of text.
const A: [f64; 8] = [-2.0, -0.5, 0.0, 0.25, 1.0, 1.5, 3.0, 40.0];
const B: [f64; 8] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
const C: [f64; 8] = [0.5, -1.0, 2.0, 0.0, 1.0, -0.25, 4.0, -3.0];
const K: [f64; 8] = [0.0, 1.0, 2.0, 2.0, 1.0, 0.0, 1.0, 2.0];

/// The texts of the column `name`.
const NAMES: [&str; 8] = ["a b", "b", "c a b a", "", "a", "b b b", "a c", "c"];

/// Schemas without files.
pub(crate) struct Tables;

impl World for Tables {
    fn source(&self, _: &str, path: &str) -> Result<(String, String), String> {
        let file = page::root().join("used").join(path);
        std::fs::read_to_string(file).map(|text| (path.to_owned(), text)).map_err(|_| "there is no such file".into())
    }

    fn schema(&self, _: &str, spec: &SourceSpec) -> Result<Schema, DataError> {
        let column = |name: &str, dtype, row_shape: &[usize]| ColumnSchema::new(name, dtype, row_shape.to_vec());
        let images =
            |side: usize| vec![column("images", Ok(DType::U8), &[side, side]), column("labels", Ok(DType::U8), &[])];
        let schema = |columns, train_rows, test_rows| Schema { columns, train_rows, test_rows, classes: vec![] };
        match (&spec.format, spec.path.as_str()) {
            (Format::Idx, "images") => Ok(schema(images(28), 60_000, Some(10_000))),
            (Format::Idx, "digits") => Ok(schema(images(8), 100, Some(20))),
            (Format::Images(form), "pets") => {
                let [height, width] = form.size.map_or([32, 24], |size| size.map(|side| side as usize));
                let channels = usize::from(form.channels.unwrap_or(3));
                let columns = vec![
                    column("images", Ok(DType::U8), &[height, width, channels]),
                    column("labels", Ok(DType::I32), &[]),
                ];
                let classes = vec![("labels".to_owned(), ["cat", "dog"].map(str::to_owned).into())];
                Ok(Schema { columns, train_rows: 60, test_rows: Some(20), classes })
            }
            (Format::Csv, "table") => {
                let text = Err(DataError::new("table", "the column `name` holds text").help("leave it out"));
                let mut columns: Vec<ColumnSchema> = ["a", "b", "c"].map(|n| column(n, Ok(DType::F64), &[])).into();
                columns.push(column("k", Ok(DType::I32), &[]));
                columns.push(ColumnSchema { is_text: true, ..column("name", text, &[]) });
                Ok(schema(columns, 8, None))
            }
            _ => {
                Err(DataError::new(&spec.path, "there is no such file")
                    .help("pages know `table`, `images` and `digits`"))
            }
        }
    }

    fn encoding(&self, _: &str, _: &SourceSpec, _: &str, tokens: &Tokens) -> Result<Arc<Encoding>, DataError> {
        let vocabulary = Vocabulary::of(tokens, NAMES.into_iter());
        let counts = || NAMES.iter().map(|name| tokens.count(name));
        let lengths = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        Ok(Arc::new(Encoding { tokens: tokens.clone(), vocabulary, lengths }))
    }
}

/// The class numbers of a text.
fn tokens(input: &Input, row: usize) -> Vec<u32> {
    let mut numbers = vec![];
    if let Some(encoding) = &input.encoding {
        encoding.vocabulary.encode(&encoding.tokens, NAMES[row % 8], &mut numbers);
    }
    numbers
}

/// Rows of an input, from `first` on, as the runtime would hold them; those along a padded axis as long as they may be.
pub(crate) fn rows(input: &Input, program: &Program, first: usize, n_rows: usize) -> Array {
    let longest = match input.fill {
        Fill::Padded(axis) => Some(program.padded[axis].1.largest()),
        Fill::Fixed | Fill::Lengths(_) => None,
    };
    let shape: Vec<usize> = [n_rows].into_iter().chain(longest).chain(input.row_shape.iter().copied()).collect();
    let row: usize = shape[1..].iter().product();
    let value = |i: usize| {
        let (row, place) = (first + i / row, i % row);
        match input.column.as_str() {
            "name" if matches!(input.fill, Fill::Lengths(_)) => tokens(input, row).len() as f64,
            "name" => f64::from(tokens(input, row).get(place).copied().unwrap_or(0)),
            "a" => A[row % 8],
            "b" => B[row % 8],
            "c" => C[row % 8],
            "k" => K[row % 8],
            "labels" => (row % 10) as f64,
            _ => ((row * 37 + place * 11) % 256) as f64,
        }
    };
    let values: Vec<f64> = (0..n_rows * row).map(value).collect();
    let array = ArrayD::from_shape_vec(IxDyn(&shape), values).expect("as many values as the shape has");
    match input.dtype {
        DType::F32 => Array::F32(array.mapv(|x| x as f32)),
        DType::F64 => Array::F64(array),
        DType::I32 => Array::I32(array.mapv(|x| x as i32)),
        DType::I64 => Array::I64(array.mapv(|x| x as i64)),
        DType::U8 => Array::U8(array.mapv(|x| x as u8)),
        DType::Bool => Array::Bool(array.mapv(|x| x != 0.0)),
    }
}
