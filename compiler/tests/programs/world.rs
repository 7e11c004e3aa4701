//! The data of the programs: columns without a file, whose shapes a draft says and whose rows a seed makes.

use crate::program::Draft;
use crate::support::Rng;
use ndarray::{ArrayD, IxDyn};
use nnc_compiler::ir::array::Array;
use nnc_compiler::program::{Input, Program, SourceSpec};
use nnc_compiler::world::World;
use nnc_runtime::buffer::Buffer;
use nnc_runtime::data::tokens::{Tokens, Vocabulary};
use nnc_runtime::data::{ColumnSchema, DataError, Encoding, Schema};
use nnc_runtime::dtype::DType;
use nnc_runtime::train::Fill;
use std::sync::Arc;

/// Texts with and without tokens.
const TEXTS: [&str; 7] = ["a b", "b", "c a b a d", "", "a", "b b b", "a c e"];

pub(crate) struct Columns<'a>(pub &'a Draft);

impl World for Columns<'_> {
    fn source(&self, _: &str, path: &str) -> Result<(String, String), String> {
        Err(format!("there is no {path}"))
    }

    fn schema(&self, _: &str, _: &SourceSpec) -> Result<Schema, DataError> {
        let column = |name: &str, dtype, shape: &[usize]| ColumnSchema::new(name, Ok(dtype), shape.to_vec());
        // Bytes, whole numbers and floats become the precision of the run.
        let amounts = [DType::U8, DType::F64, DType::I32, DType::F32][self.0.classes % 4];
        let text = Err(DataError::new("table", "the column `name` holds text"));
        let columns = vec![
            column("cx", amounts, &self.0.x.dims),
            column("cu", DType::F64, &self.0.u.dims),
            column("ck", DType::I32, &self.0.tokens.dims),
            column("ckind", DType::U8, &[]),
            column("cy", DType::F64, &[]),
            column("cw", DType::F32, &[self.0.classes]),
            ColumnSchema { is_text: true, ..ColumnSchema::new("name", text, vec![]) },
        ];
        Ok(Schema { columns, train_rows: 20, test_rows: Some(5), classes: vec![] })
    }

    fn encoding(&self, _: &str, _: &SourceSpec, _: &str, tokens: &Tokens) -> Result<Arc<Encoding>, DataError> {
        let vocabulary = Vocabulary::of(tokens, TEXTS.into_iter());
        let counts = || TEXTS.iter().map(|text| tokens.count(text));
        let lengths = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
        Ok(Arc::new(Encoding { tokens: tokens.clone(), vocabulary, lengths }))
    }
}

/// A batch for every input, its rows along a padded axis as long as they may be.
pub(crate) fn batch(program: &Program, n_rows: usize, rng: &mut Rng) -> Vec<Buffer> {
    let texts: Vec<&str> = (0..n_rows).map(|_| *rng.pick(&TEXTS)).collect();
    program.inputs.iter().map(|input| Buffer::from_bytes(&rows(input, program, &texts, rng).to_bytes())).collect()
}

fn rows(input: &Input, program: &Program, texts: &[&str], rng: &mut Rng) -> Array {
    let longest = match input.fill {
        Fill::Padded(axis) => Some(program.padded[axis].1.largest()),
        Fill::Fixed | Fill::Lengths(_) => None,
    };
    let shape: Vec<usize> = [texts.len()].into_iter().chain(longest).chain(input.row_shape.iter().copied()).collect();
    let row: usize = shape[1..].iter().product();
    let encoded: Vec<Vec<u32>> = texts.iter().map(|text| numbers(input, text)).collect();
    let value = |i: usize| match (input.fill, &input.classes) {
        (Fill::Lengths(_), _) => encoded[i / row].len() as f64,
        (Fill::Padded(_), _) => f64::from(encoded[i / row].get(i % row).copied().unwrap_or(0)),
        (Fill::Fixed, Some(k)) => (k.start + rng.below((k.end - k.start) as usize) as i64) as f64,
        (Fill::Fixed, None) => rng.below(256) as f64,
    };
    let values: Vec<f64> = (0..texts.len() * row).map(value).collect();
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

/// The class numbers of a text.
fn numbers(input: &Input, text: &str) -> Vec<u32> {
    let mut numbers = vec![];
    if let Some(encoding) = &input.encoding {
        encoding.vocabulary.encode(&encoding.tokens, text, &mut numbers);
    }
    numbers
}
