//! The rows of a run, part by part, and the feed that each part is read through.

use super::feed::{Feed, InputSpec, PaddedAxis, Unfed};
use super::plan::Part;
use crate::data::Source;
use crate::data::split::{Split, Test};

/// The data of a run.
pub struct Parts<'a> {
    train_feed: Feed<'a>,
    test_feed: Option<Feed<'a>>,
    train: Vec<u32>,
    valid: Vec<u32>,
    test: Vec<u32>,
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
        Ok(Parts { train_feed, test_feed, train: split.train.clone(), valid: split.valid.clone(), test })
    }

    /// The rows of a part, numbers in the table of [`Parts::feed`].
    pub fn rows(&self, part: Part) -> &[u32] {
        match part {
            Part::Train => &self.train,
            Part::Valid => &self.valid,
            Part::Test => &self.test,
        }
    }

    /// What the rows of a part are read through.
    pub fn feed(&self, part: Part) -> &Feed<'a> {
        match (part, &self.test_feed) {
            (Part::Test, Some(feed)) => feed,
            _ => &self.train_feed,
        }
    }
}
