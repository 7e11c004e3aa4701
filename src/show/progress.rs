//! Progress for a person: on a terminal a bar with rate and time left, elsewhere a plain line now and then; after each
//! epoch a line with its figures.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nnc_runtime::train::Event;

use super::figures::brief;
use super::numbers::{grouped, seconds, short};
use crate::console::Console;

/// How often the bar's words change.
const GLANCE: Duration = Duration::from_millis(100);
/// How often a plain line is written.
const LINE: Duration = Duration::from_secs(10);

/// The display of one run.
pub(crate) struct Progress<'a> {
    console: &'a Console,
    bar: Option<ProgressBar>,
    /// When something was shown last.
    shown: Instant,
    begun: Instant,
    first_step: u64,
    steps: u64,
    epochs: u64,
    train_rows: usize,
    /// The line of an epoch that waits to learn whether it was the best.
    pending: Option<String>,
}

impl<'a> Progress<'a> {
    /// Nothing yet.
    pub(crate) fn new(console: &'a Console) -> Progress<'a> {
        let now = Instant::now();
        Progress {
            console,
            bar: None,
            shown: now,
            begun: now,
            first_step: 0,
            steps: 0,
            epochs: 0,
            train_rows: 0,
            pending: None,
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Start { step, steps, epochs, train_rows, valid_rows, test_rows, .. } => {
                (self.first_step, self.steps, self.train_rows) = (*step, *steps, *train_rows);
                self.epochs = *epochs;
                let rows = [("train", train_rows), ("validate", valid_rows), ("test", test_rows)];
                let rows = rows.iter().map(|(what, rows)| format!("{} rows {what}", grouped(**rows as u64)));
                self.console.say(&format!("{}\n", rows.collect::<Vec<_>>().join(", ")));
                self.start_bar();
            }
            Event::Step { step, loss, epoch, rows } => self.step(*step, *loss, *epoch, *rows),
            Event::Epoch { epoch, train, valid, seconds: time, rows_per_second, .. } => {
                self.settle();
                let valid = if valid.0.is_empty() { String::new() } else { format!("  valid {}", brief(valid)) };
                let count = self.epochs.to_string().len();
                let rate = grouped(*rows_per_second as u64);
                let line = format!(
                    "epoch {epoch:>count$}/{}  train {}{valid}  {}, {rate} rows/s",
                    self.epochs,
                    brief(train),
                    seconds(*time),
                );
                self.pending = Some(line);
            }
            Event::Best { .. } => {
                if let Some(line) = &mut self.pending {
                    line.push_str("  best");
                }
            }
            Event::Stopped { figure, epochs, best, .. } => {
                self.settle();
                let best = best.map_or(String::new(), |best| format!(" (best: {})", short(best)));
                self.line(&format!("stopped: {figure} has not improved for {epochs} epochs{best}"));
            }
            Event::End { .. } => self.finish(),
        }
    }

    fn start_bar(&mut self) {
        self.begun = Instant::now();
        self.shown = self.begun;
        if !self.console.is_watched() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(self.steps), ProgressDrawTarget::stderr_with_hz(10));
        bar.set_position(self.first_step);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} steps  {msg}") {
            bar.set_style(style);
        }
        self.bar = Some(bar);
    }

    fn step(&mut self, step: u64, loss: f64, epoch: u64, rows: u64) {
        self.settle();
        let elapsed = self.shown.elapsed();
        if elapsed < if self.bar.is_some() { GLANCE } else { LINE } {
            return;
        }
        self.shown = Instant::now();
        // Evaluation is part of the pace, so that the time left is that of the whole run.
        let done = (step - self.first_step) as f64;
        let pace = done / self.begun.elapsed().as_secs_f64();
        let left = seconds(self.steps.saturating_sub(step) as f64 / pace);
        let rate = format!("{} steps/s, {left} left", grouped(pace as u64));
        match &self.bar {
            Some(bar) => {
                bar.set_position(step);
                bar.set_message(format!("epoch {epoch}/{}  loss {}  {rate}", self.epochs, short(loss)));
            }
            None => {
                let (rows, all) = (grouped(rows), grouped(self.train_rows as u64));
                self.console.say(&format!(
                    "epoch {epoch}/{}  {rows} of {all} rows  loss {}  {rate}",
                    self.epochs,
                    short(loss)
                ));
            }
        }
    }

    /// Writes the line that waits.
    fn settle(&mut self) {
        if let Some(line) = self.pending.take() {
            self.line(&line);
        }
    }

    fn line(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.console.say(line)),
            None => self.console.say(line),
        }
    }

    /// Takes the bar away, after the last event or when the run has ended otherwise.
    pub(crate) fn finish(&mut self) {
        self.settle();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
