//! Adding up figures over the batches of a pass, in double precision and in the order of the batches.

use super::figures::{Figures, Value};
use super::plan::{FigureSpec, Gather};
use crate::dtype::element_as_f64;
use crate::step::Step;

/// Where a step reports a figure: which of its outputs it is, and which is what the batch weighs, if one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reported {
    pub(crate) value: usize,
    pub(crate) weight: Option<usize>,
}

/// The figures of a pass that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Accumulator {
    specs: Vec<FigureSpec>,
    /// For each figure the sum of value times weight, or the last value.
    pub(crate) sums: Vec<Vec<f64>>,
    /// What the batches weigh that each figure has seen: their rows, unless it says otherwise.
    pub(crate) weights: Vec<f64>,
    /// Rows seen.
    pub(crate) rows: u64,
}

impl Accumulator {
    /// An empty pass over `specs`.
    pub(crate) fn new(specs: impl Iterator<Item = FigureSpec>) -> Accumulator {
        let specs: Vec<FigureSpec> = specs.collect();
        let sums = specs.iter().map(|spec| vec![0.0; spec.shape.iter().product()]).collect();
        let weights = vec![0.0; specs.len()];
        Accumulator { specs, sums, weights, rows: 0 }
    }

    /// Begins another pass.
    pub(crate) fn clear(&mut self) {
        self.rows = 0;
        self.weights.fill(0.0);
        self.sums.iter_mut().for_each(|sum| sum.fill(0.0));
    }

    /// Adds what a step over `rows` rows reported, its figures being these of its outputs; returns the sum of its losses.
    pub(crate) fn add(&mut self, step: &dyn Step, figures: &[Option<Reported>], rows: usize) -> f64 {
        self.rows += rows as u64;
        let mut loss = 0.0;
        // The places were found among the step's outputs, by name and shape.
        let element = |place: usize, i: usize| element_as_f64(step.outputs()[place].dtype, step.output(place), i);
        for (((spec, sum), total), reported) in
            self.specs.iter().zip(&mut self.sums).zip(&mut self.weights).zip(figures)
        {
            let Some(reported) = *reported else { continue };
            let weight = reported.weight.map_or(rows as f64, |place| element(place, 0));
            *total += weight;
            for (i, sum) in sum.iter_mut().enumerate() {
                let value = element(reported.value, i);
                match spec.gather {
                    Gather::Last => *sum = value,
                    // The mean over nothing is no number.
                    Gather::MeanByRows | Gather::MeanByWeight if weight == 0.0 => {}
                    Gather::MeanByRows | Gather::MeanByWeight => *sum += value * weight,
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
        let value = |((spec, sum), weight): ((&FigureSpec, &Vec<f64>), &f64)| {
            let data = match spec.gather {
                Gather::MeanByRows | Gather::MeanByWeight => sum.iter().map(|sum| sum / weight).collect(),
                Gather::Last => sum.clone(),
            };
            Value { name: spec.name.clone(), shape: spec.shape.clone(), data }
        };
        Figures(self.specs.iter().zip(&self.sums).zip(&self.weights).map(value).collect())
    }
}
