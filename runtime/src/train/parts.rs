//! The rows of a run, part by part, and the feeds that each part is read through.

use std::num::NonZeroU64;

use super::feed::{Feed, InputSpec, PaddedAxis, Unfed};
use super::plan::Part;
use crate::buffer::Buffer;
use crate::data::Source;
use crate::data::split::{Split, Test};
use crate::kernels::philox::permutation;

/// The data of a run: a source whose rows are walked through, and others that give as many rows with each batch.
pub struct Parts<'a> {
    train_feed: Feed<'a>,
    test_feed: Option<Feed<'a>>,
    train: Vec<u32>,
    valid: Vec<u32>,
    test: Vec<u32>,
    others: Vec<Parts<'a>>,
}

impl<'a> Parts<'a> {
    /// Prepares the parts of `source`.
    pub fn new(
        source: &'a Source,
        split: &Split,
        inputs: &[InputSpec],
        axes: &[PaddedAxis],
    ) -> Result<Parts<'a>, Unfed> {
        let train_feed = Feed::new(&source.train, inputs, axes)?;
        let own = match (&split.test, &source.test) {
            (Test::Own(_), Some(table)) => Some((Feed::new(table, inputs, axes)?, table.rows())),
            _ => None,
        };
        let (test_feed, test) = match (own, &split.test) {
            // A table has at most u32::MAX rows.
            (Some((feed, rows)), _) => (Some(feed), (0..rows as u32).collect()),
            (None, Test::HeldOut(rows)) => (None, rows.clone()),
            (None, _) => (None, vec![]),
        };
        let (train, valid) = (split.train.clone(), split.valid.clone());
        Ok(Parts { train_feed, test_feed, train, valid, test, others: vec![] })
    }

    /// These, with the rows of other sources beside them: the first as many as a batch has, then the next, and so on; behind the
    /// last row of a part comes its first.
    #[must_use]
    pub fn beside(self, others: Vec<Parts<'a>>) -> Parts<'a> {
        Parts { others, ..self }
    }

    /// The rows of a part, numbers in the table that it is of.
    pub fn rows(&self, part: Part) -> &[u32] {
        match part {
            Part::Train => &self.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        }
    }

    fn feed(&self, part: Part) -> &Feed<'a> {
        match (part, &self.test_feed) {
            (Part::Test, Some(feed)) => feed,
            _ => &self.train_feed,
        }
    }

    /// Fills the buffers with a batch of these rows of a part and its companions, `sizes` as [`Feed::fill`] does. So many rows have
    /// gone `before` in all passes; `seed` shuffles the others, each pass of each anew.
    ///
    /// # Panics
    ///
    /// As [`Feed::fill`].
    pub(crate) fn fill(
        &self,
        part: Part,
        rows: &[u32],
        (before, seed): (u64, Option<u64>),
        buffers: &mut [Buffer],
        (sizes, companions): (&mut Vec<usize>, &mut Companions),
    ) {
        self.feed(part).fill(rows, buffers, sizes);
        companions.streams.resize_with(self.others.len(), Stream::default);
        let Companions { streams, rows: chosen, sizes: found } = companions;
        for (number, (other, stream)) in (1u64..).zip(self.others.iter().zip(streams)) {
            // Equal tables must not be shuffled alike.
            let seed = seed.map(|seed| seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            stream.take(other.rows(part), (before, rows.len()), seed, chosen);
            other.feed(part).fill(chosen, buffers, found);
            for (size, found) in sizes.iter_mut().zip(found.iter()).skip(1) {
                *size = (*size).max(*found);
            }
        }
    }
}

/// Memory for the rows that go along with a batch.
#[derive(Default)]
pub(crate) struct Companions {
    streams: Vec<Stream>,
    rows: Vec<u32>,
    sizes: Vec<usize>,
}

/// The rows of a part without end: pass after pass.
#[derive(Default)]
struct Stream {
    /// The order of the pass that it was looked at last, under the number of the pass and the seed.
    order: Option<(u64, u64, Vec<usize>)>,
}

impl Stream {
    /// The `count` rows behind the first `before`.
    fn take(&mut self, part: &[u32], (before, count): (u64, usize), seed: Option<u64>, to: &mut Vec<u32>) {
        to.clear();
        let Some(length) = NonZeroU64::new(part.len() as u64) else { return };
        for at in (before..).take(count) {
            let (pass, place) = (at / length, at % length);
            let place = match seed {
                Some(seed) => self.shuffled(seed, pass, part.len(), place),
                None => place,
            };
            // A place in the part.
            to.push(part[place as usize]);
        }
    }

    fn shuffled(&mut self, seed: u64, pass: u64, rows: usize, place: u64) -> u64 {
        if !matches!(&self.order, Some((s, p, order)) if (*s, *p, order.len()) == (seed, pass, rows)) {
            self.order = Some((seed, pass, permutation(seed, pass + 1, rows)));
        }
        // The order has just been made for so many rows.
        self.order.as_ref().map_or(place, |(.., order)| order[place as usize] as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn rows_come_round_again() {
        let (mut stream, mut rows) = (Stream::default(), vec![]);
        let part = [7, 8, 9];
        stream.take(&part, (2, 5), None, &mut rows);
        assert_eq!(rows, [9, 7, 8, 9, 7]);
        stream.take(&[], (2, 5), None, &mut rows);
        assert!(rows.is_empty());
    }

    #[test]
    fn each_pass_has_every_row_once_in_an_order_of_its_own() {
        let part: Vec<u32> = (0..40).collect();
        let (mut all, mut rows) = (vec![], vec![]);
        let mut stream = Stream::default();
        for batch in 0..10 {
            stream.take(&part, (16 * batch, 16), Some(3), &mut rows);
            all.extend_from_slice(&rows);
        }
        let passes: Vec<Vec<u32>> = all.chunks(40).map(<[u32]>::to_vec).collect();
        for pass in &passes {
            let mut sorted = pass.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, part);
        }
        assert_ne!(passes[0], passes[1]);
        // Whoever begins in the middle sees the same.
        Stream::default().take(&part, (48, 16), Some(3), &mut rows);
        assert_eq!(rows, all[48..64]);
    }
}
