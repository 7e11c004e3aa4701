//! What a person reads while a program runs: tables, lines, a progress bar.

mod events;
mod figures;
mod mathematics;
mod numbers;
mod outputs;
mod progress;
mod table;

pub(crate) use self::events::{EndExtras, Events, Interrupted};
pub(crate) use self::figures::{brief, matrices};
pub(crate) use self::mathematics::mathematics;
pub(crate) use self::numbers::{bytes, counted, grouped, seconds};
pub(crate) use self::outputs::Outputs;
pub(crate) use self::progress::Progress;
pub(crate) use self::table::{columns, model_table};
