//! Events as JSON lines on standard output.

use std::io::{self, BufWriter, Stdout, Write};
use std::time::{Duration, Instant};

use nnc_runtime::train::Event;
use serde::Serialize;

/// How long lines may wait before a reader gets them.
const WAIT: Duration = Duration::from_millis(50);

/// What the last event tells beside the runtime's own.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct EndExtras {
    /// Seconds from the start of the process to the end of the first step; absent when there was none.
    pub(crate) first_step_seconds: Option<f64>,
    /// The most bytes that were resident, where the system tells.
    pub(crate) peak_bytes: Option<u64>,
}

#[derive(Serialize)]
struct End<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(flatten)]
    extras: EndExtras,
}

/// The end of a run that was told to stop before.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "interrupted")]
pub(crate) struct Interrupted {
    /// Steps done.
    pub(crate) step: u64,
    /// Epochs completed.
    pub(crate) epochs: u64,
    /// The file that holds all state.
    pub(crate) state: String,
    /// The command that goes on from there.
    pub(crate) command: String,
}

/// The writer of events. It gathers the lines of quick steps and never waits long.
pub(crate) struct Events {
    stream: BufWriter<Stdout>,
    flushed: Instant,
}

impl Events {
    /// Writes to standard output.
    pub(crate) fn new() -> Events {
        Events { stream: BufWriter::new(io::stdout()), flushed: Instant::now() }
    }

    /// Writes an event, `extras` with the last one.
    pub(crate) fn write(&mut self, event: &Event, extras: impl FnOnce() -> EndExtras) -> io::Result<()> {
        match event {
            Event::End { .. } => serde_json::to_writer(&mut self.stream, &End { event, extras: extras() })?,
            _ => serde_json::to_writer(&mut self.stream, event)?,
        }
        self.stream.write_all(b"\n")?;
        if !matches!(event, Event::Step { .. }) || self.flushed.elapsed() > WAIT {
            self.stream.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    /// Writes that the run was interrupted.
    pub(crate) fn interrupted(&mut self, event: &Interrupted) -> io::Result<()> {
        serde_json::to_writer(&mut self.stream, event)?;
        self.stream.write_all(b"\n")?;
        self.stream.flush()
    }

    /// Hands over what still waits.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nnc_runtime::train::{Figures, Weights};

    #[test]
    fn the_last_event_has_times_and_memory() {
        let event = Event::End {
            steps: 3,
            epochs: 1,
            weights: Weights::Best,
            valid: Figures::default(),
            test: Figures::default(),
            train_seconds: 0.5,
        };
        let extras = EndExtras { first_step_seconds: Some(0.25), peak_bytes: Some(7) };
        let text = serde_json::to_string(&End { event: &event, extras }).unwrap();
        let expected = r#"{"event":"end","steps":3,"epochs":1,"weights":"best","valid":{},"test":{},"train_seconds":0.5,"first_step_seconds":0.25,"peak_bytes":7}"#;
        assert_eq!(text, expected);
    }
}
