//! The training loop: rows in, typed events out, files in between. It knows no graph and prints nothing.
//!
//! A caller describes a run by a [`Plan`] and the program's [`StateSpec`]s, says how a [`Step`](crate::step::Step) for the free
//! sizes of a batch is made ([`Steps`]) and calls [`run`]. Everything that a run computes follows from the
//! plan, the seed, the initial states and the data; times appear in events only, never in files. A run that is
//! interrupted and started again from its `last.safetensors` therefore gives the bits of one that never stopped.

mod accumulate;
mod cadence;
mod event;
mod feed;
mod figures;
mod folder;
mod parts;
mod pass;
mod plan;
mod progress;
mod restore;
mod rules;
mod run;

pub use self::cadence::{Cadences, MOST_CADENCES};
pub use self::event::{Event, Weights};
pub use self::feed::{Feed, Fill, InputSpec, PaddedAxis, Unfed, input_buffers};
pub use self::figures::{Figures, Value};
pub use self::folder::{BEST, CURVE, Folder, INIT, LAST, SOURCE};
pub use self::parts::Parts;
pub use self::pass::{Evaluator, Halt, Make, NoStep, Steps};
pub use self::plan::{AVERAGE, FigureSpec, Gather, Order, Part, Plan, Role, StateSpec, Watch, weight_of};
pub use self::progress::{Best, Key, Progress, split_key, vocabulary_entry};
pub use self::restore::{Refusal, Restored, begin_averages, restore};
pub use self::run::{Failure, Job, Outcome, run, weights_of};

#[cfg(test)]
mod tests;
