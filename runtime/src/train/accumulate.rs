//! Adding up figures over the batches of a pass, in double precision and in the order of the batches.

use super::figures::{Figures, Value};
use super::plan::{FigureSpec, Gather};
use crate::dtype::element_as_f64;
use crate::step::Step;

/// The figures of a pass that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    specs: Vec<FigureSpec>,
    /// For each figure the sum of value times rows, or the last value.
    pub(crate) sums: Vec<Vec<f64>>,
    /// Rows that each figure has seen.
    pub(crate) counts: Vec<u64>,
    /// Rows seen.
    pub(crate) rows: u64,
}

impl Accumulator {
    /// An empty pass over `specs`.
    pub(crate) fn new(specs: impl Iterator<Item = FigureSpec>) -> Accumulator {
        let specs: Vec<FigureSpec> = specs.collect();
        let sums = specs.iter().map(|spec| vec![0.0; spec.shape.iter().product()]).collect();
        let counts = vec![0; specs.len()];
        Accumulator { specs, sums, counts, rows: 0 }
    }

    /// Begins another pass.
    pub(crate) fn clear(&mut self) {
        self.rows = 0;
        self.counts.fill(0);
        self.sums.iter_mut().for_each(|sum| sum.fill(0.0));
    }

    /// Adds what a step over `rows` rows reported, its figures being these of its outputs; returns the sum of its losses.
    pub(crate) fn add(&mut self, step: &dyn Step, figures: &[Option<usize>], rows: usize) -> f64 {
        self.rows += rows as u64;
        let mut loss = 0.0;
        for (((spec, sum), count), index) in self.specs.iter().zip(&mut self.sums).zip(&mut self.counts).zip(figures) {
            let Some(index) = *index else { continue };
            *count += rows as u64;
            // The index was found among the step's outputs, by name and shape.
            let (dtype, bytes) = (step.outputs()[index].dtype, step.output(index));
            for (element, sum) in sum.iter_mut().enumerate() {
                let value = element_as_f64(dtype, bytes, element);
                match spec.gather {
                    Gather::MeanByRows => *sum += value * rows as f64,
                    Gather::Last => *sum = value,
                }
                if spec.is_loss {
                    loss += value;
                }
            }
        }
        loss
    }

    /// The figures of the rows seen so far; NaN where no step has reported one.
    pub(crate) fn figures(&self) -> Figures {
        let value = |((spec, sum), count): ((&FigureSpec, &Vec<f64>), &u64)| {
            let data = match spec.gather {
                Gather::MeanByRows => sum.iter().map(|sum| sum / *count as f64).collect(),
                Gather::Last => sum.clone(),
            };
            Value { name: spec.name.clone(), shape: spec.shape.clone(), data }
        };
        Figures(self.specs.iter().zip(&self.sums).zip(&self.counts).map(value).collect())
    }
}
