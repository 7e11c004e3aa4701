//! Which rows train, which validate, which test.
//!
//! A part takes `floor(share · rows + 1/2)` rows of the table. In file order the training part comes first, then
//! validation, then (for a source without a test part of its own) test; a shuffled split takes the same numbers of
//! places of a seeded permutation. Every part then lists its rows in file order. Nothing here depends on threads or on
//! the machine.

use std::fmt;

/// The shares of `holdout(valid = …, test = …)`, each in 0 ≤ share < 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Holdout {
    /// The share that validates.
    pub valid: f64,
    /// The share that tests; 0 for a source that has its own test part.
    pub test: f64,
}

/// How rows are chosen.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// In file order: held-out rows are the tail.
    Sequential,
    /// By a permutation of all row numbers, drawn from a seed by the caller.
    Shuffled(&'a [u32]),
}

/// Where test rows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// There are none.
    Absent,
    /// All rows, that many, of the source's own test table.
    Own(usize),
    /// Rows of the training table, held out.
    HeldOut(Vec<u32>),
}

/// The parts of a data set. Rows are numbers in the training table, ascending; no row is in two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows to train on; never empty.
    pub train: Vec<u32>,
    /// Rows to validate on.
    pub valid: Vec<u32>,
    /// What to test on.
    pub test: Test,
}

/// Why a table cannot be split so.
#[derive(Clone, Debug, PartialEq)]
pub enum SplitError {
    /// A share is not in 0 ≤ share < 1.
    Share {
        /// `valid` or `test`.
        part: &'static str,
        /// The share given.
        share: f64,
    },
    /// A share above 0 of so few rows is no row at all.
    Empty {
        /// `valid` or `test`.
        part: &'static str,
        /// The share given.
        share: f64,
        /// Rows of the table.
        rows: usize,
    },
    /// The held-out parts leave nothing to train on.
    NothingLeft {
        /// Rows of the table.
        rows: usize,
        /// Rows that validation takes.
        valid: usize,
        /// Rows that test takes.
        test: usize,
    },
    /// A share for testing, although the source has a test part.
    TestExists {
        /// Rows of the source's own test part.
        rows: usize,
    },
    /// A permutation of another number of rows.
    Permutation {
        /// Its length.
        length: usize,
        /// Rows of the table.
        rows: usize,
    },
    /// More rows than a `u32` can number.
    TooMany {
        /// Rows of the table.
        rows: usize,
    },
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SplitError::Share { part, share } => {
                write!(f, "`{part}` is {share}; a share is at least 0 and less than 1")
            }
            SplitError::Empty { part, share, rows } => {
                write!(f, "`{part}` is {share} of {rows} rows, which rounds to none; take 0 or a larger share")
            }
            SplitError::NothingLeft { rows, valid, test } => {
                write!(f, "of {rows} rows {valid} validate and {test} test, which leaves none to train on")
            }
            SplitError::TestExists { rows } => {
                write!(
                    f,
                    "`test` holds out rows to test on, but the source has a test part of {rows} rows; leave `test` out"
                )
            }
            SplitError::Permutation { length, rows } => write!(f, "a permutation of {length} for {rows} rows"),
            SplitError::TooMany { rows } => write!(f, "{rows} rows are more than {}", u32::MAX),
        }
    }
}

impl std::error::Error for SplitError {}

/// Splits a table of `rows` rows; `own_test` is the number of rows of the source's test part, if it has one.
pub fn split(rows: usize, own_test: Option<usize>, holdout: Holdout, choice: Choice<'_>) -> Result<Split, SplitError> {
    let numbers = u32::try_from(rows).map_err(|_| SplitError::TooMany { rows })?;
    let valid = part_size("valid", holdout.valid, rows)?;
    let held = part_size("test", holdout.test, rows)?;
    if let (Some(rows), 1..) = (own_test, held) {
        return Err(SplitError::TestExists { rows });
    }
    let nothing_left = SplitError::NothingLeft { rows, valid, test: held };
    let kept = rows.checked_sub(valid + held).filter(|&kept| kept > 0).ok_or(nothing_left)?;
    let mut order: Vec<u32> = match choice {
        Choice::Sequential => (0..numbers).collect(),
        Choice::Shuffled(permutation) if permutation.len() == rows => permutation.to_vec(),
        Choice::Shuffled(permutation) => return Err(SplitError::Permutation { length: permutation.len(), rows }),
    };
    let mut tail = order.split_off(kept + valid);
    let mut middle = order.split_off(kept);
    for part in [&mut order, &mut middle, &mut tail] {
        part.sort_unstable();
    }
    let test = match own_test {
        Some(rows) => Test::Own(rows),
        None if tail.is_empty() => Test::Absent,
        None => Test::HeldOut(tail),
    };
    Ok(Split { train: order, valid: middle, test })
}

fn part_size(part: &'static str, share: f64, rows: usize) -> Result<usize, SplitError> {
    if !(0.0..1.0).contains(&share) {
        return Err(SplitError::Share { part, share });
    }
    match (share * rows as f64 + 0.5).floor() as usize {
        0 if share > 0.0 => Err(SplitError::Empty { part, share, rows }),
        size => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holdout(valid: f64, test: f64) -> Holdout {
        Holdout { valid, test }
    }

    #[test]
    fn in_file_order_held_out_rows_are_the_tail() {
        let parts = split(10, None, holdout(0.25, 0.1), Choice::Sequential).unwrap();
        assert_eq!(parts.train, [0, 1, 2, 3, 4, 5]);
        assert_eq!(parts.valid, [6, 7, 8], "2.5 rows are rounded up");
        assert_eq!(parts.test, Test::HeldOut(vec![9]));
    }

    #[test]
    fn a_shuffled_split_takes_places_of_the_permutation() {
        let permutation = [3, 1, 4, 0, 5, 2];
        let parts = split(6, Some(9), holdout(0.34, 0.0), Choice::Shuffled(&permutation)).unwrap();
        assert_eq!(parts, Split { train: vec![0, 1, 3, 4], valid: vec![2, 5], test: Test::Own(9) });
    }

    #[test]
    fn without_shares_everything_trains() {
        let parts = split(3, None, Holdout::default(), Choice::Sequential).unwrap();
        assert_eq!(parts, Split { train: vec![0, 1, 2], valid: vec![], test: Test::Absent });
    }

    #[test]
    fn impossible_shares_are_refused() {
        let attempt = |valid, test, own| split(10, own, holdout(valid, test), Choice::Sequential).unwrap_err();
        assert!(matches!(attempt(1.0, 0.0, None), SplitError::Share { part: "valid", .. }));
        assert!(matches!(attempt(0.0, f64::NAN, None), SplitError::Share { part: "test", .. }));
        assert!(matches!(attempt(0.04, 0.0, None), SplitError::Empty { part: "valid", .. }));
        assert_eq!(attempt(0.5, 0.5, None), SplitError::NothingLeft { rows: 10, valid: 5, test: 5 });
        assert_eq!(attempt(0.1, 0.2, Some(4)), SplitError::TestExists { rows: 4 });
        let short = split(4, None, Holdout::default(), Choice::Shuffled(&[0, 1])).unwrap_err();
        assert_eq!(short, SplitError::Permutation { length: 2, rows: 4 });
    }
}
