//! How a run ends: the figures of the test, or the report of a loss that is not finite.

use std::time::Duration;

use nnc_grammar::codes;
use nnc_grammar::diagnostic::Diagnostic;
use nnc_runtime::data::Table;
use nnc_runtime::train::{Event, Failure, Folder, LAST, Part, Weights};

use super::run::Running;
use crate::compile::no_step;
use crate::console::Failed;
use crate::memory;
use crate::report::Plain;
use crate::show::{brief, bytes, counted, matrices, seconds};

/// What is told at the end.
pub(super) struct Finish<'a> {
    /// The last event.
    pub(super) last: Option<&'a Event>,
    /// Time since the process began.
    pub(super) whole: Duration,
    /// Where files went.
    pub(super) folder: Option<&'a Folder>,
}

/// Tells the figures of the test, times and files.
pub(super) fn conclude(run: &Running<'_>, finish: &Finish<'_>) {
    let Some(Event::End { steps, weights, valid, test, train_seconds, .. }) = finish.last else { return };
    let whose = match weights {
        Weights::Best => " (the best weights)",
        Weights::Last => "",
    };
    let declared = run.loaded.program.train.as_ref().map_or(&[][..], |train| &train.figures);
    let mut text = String::from("\n");
    for (part, figures) in [("valid", valid), ("test", test)] {
        if !figures.0.is_empty() {
            text.push_str(&format!("{part:<5}  {}{whose}\n", brief(figures)));
        }
    }
    text.push_str(&matrices(if test.0.is_empty() { valid } else { test }, declared));
    let whole = seconds(finish.whole.as_secs_f64());
    let memory = memory::peak_bytes().map_or(String::new(), |peak| format!(", {} of memory", bytes(peak)));
    text.push_str(&format!("{} in {}, {whole} in all{memory}\n", counted(*steps, "step"), seconds(*train_seconds)));
    if let Some(folder) = finish.folder {
        text.push_str(&format!("saved in {}\n", folder.path().display()));
    }
    run.console.say(&text);
}

/// Reports why a run failed.
pub(super) fn not_finite(run: &Running<'_>, failure: Failure, folder: Option<&Folder>) -> Failed {
    let (part, step, epoch, rows) = match failure {
        Failure::Save(error) => return Plain::from(error).into(),
        Failure::NoStep(none) => return no_step(run.loaded, run.console, &none),
        Failure::NotFinite { part, step, epoch, rows } => (part, step, epoch, rows),
    };
    let headline = match part {
        Part::Train => format!("the loss is not a finite number in step {step}, epoch {epoch}"),
        _ => format!("the loss of the {part} rows is not a finite number after step {step}, epoch {epoch}"),
    };
    // The rows are those of the first data block.
    let table = run.sources.first().map(|source| match (part, &source.test) {
        (Part::Test, Some(test)) => test,
        _ => &source.train,
    });
    let help = "if the data are sound, a smaller learning rate keeps the loss finite";
    let notes = [
        Some(format!("the batch held the rows {}", listed(&rows))),
        table.and_then(|table| broken_value(table, &rows)),
        Some("no state has changed in that step".to_owned()),
        folder
            .map(|folder| folder.path().join(LAST))
            .filter(|last| last.exists())
            .map(|last| format!("the state after the last epoch is in {}", last.display())),
    ];
    let notes = notes.into_iter().flatten();
    let loss = run.loaded.program.train.iter().flat_map(|train| &train.figures).find(|figure| figure.is_loss);
    match loss {
        Some(loss) => {
            let d = Diagnostic::error(codes::NOT_FINITE, loss.span, headline).label("this loss");
            run.loaded.fail(run.console, &notes.fold(d, Diagnostic::note).help(help))
        }
        None => notes.fold(Plain::new(codes::NOT_FINITE, headline).help(help), Plain::note).into(),
    }
}

/// Rows as people count them, from 1.
fn listed(rows: &[u32]) -> String {
    let shown: Vec<String> = rows.iter().take(12).map(|row| (u64::from(*row) + 1).to_string()).collect();
    let more = if rows.len() > shown.len() { format!(", … ({} in all)", rows.len()) } else { String::new() };
    shown.join(", ") + &more
}

/// The first value in these rows that is itself not finite.
fn broken_value(table: &Table, rows: &[u32]) -> Option<String> {
    for column in table.columns().iter().filter(|column| column.dtype().is_float()) {
        for &row in rows {
            let first = row as usize * column.row_elements();
            let values = (first..first + column.row_elements()).filter_map(|index| column.value(index));
            if let Some(value) = values.into_iter().find(|value| !value.is_finite()) {
                let (file, name) = (column.file().display(), column.name().escape_debug());
                return Some(format!("{file}: row {}, column `{name}` holds {value}", u64::from(row) + 1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_from_one_and_cut() {
        assert_eq!(listed(&[0, 4]), "1, 5");
        assert_eq!(listed(&(0..20).collect::<Vec<_>>()), "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, … (20 in all)");
    }
}
