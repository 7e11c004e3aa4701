//! Pages of `.nn` text that say what they expect.
//!
//! `filetests/error/*.nn` are checked, and each report must stand where a comment below its line points: `^ error[code]` (or
//! `warning`) under the first column of the primary place, followed by part of the headline; `//< error[code]` means column 1.
//! Missing and unexpected reports both fail.
//!
//! `filetests/grad/*.nn` end with the graph of their train step as `//>` lines; `NNC_BLESS=1` rewrites these.

use nnc_compiler::elaborate::{Checked, check};
use nnc_compiler::ir::print::print;
use nnc_compiler::program::SourceSpec;
use nnc_compiler::world::{Options, World};
use nnc_grammar::diagnostic::Severity;
use nnc_runtime::data::{ColumnSchema, DataError, Format, Schema};
use nnc_runtime::dtype::DType;
use std::fs;
use std::path::{Path, PathBuf};

/// Made-up data: `idx("images")` has 28 × 28 pixels and labels, `csv("table")` the columns a, b, c and the integers k.
struct Tables;

impl World for Tables {
    fn source(&self, _: &str, path: &str) -> Result<(String, String), String> {
        match path {
            "blocks.nn" => Ok((path.into(), "layer Twice()(x: [.., n]) -> [.., n] { x + x }\n".into())),
            _ => Err("there is no such file".into()),
        }
    }

    fn schema(&self, _: &str, spec: &SourceSpec) -> Result<Schema, DataError> {
        let column = |name: &str, dtype, shape: &[usize]| ColumnSchema {
            name: name.into(),
            dtype: Ok(dtype),
            row_shape: shape.to_vec(),
        };
        match (spec.format, spec.path.as_str()) {
            (Format::Idx, "images") => Ok(Schema {
                columns: vec![column("images", DType::U8, &[28, 28]), column("labels", DType::U8, &[])],
                train_rows: 1000,
                test_rows: Some(200),
            }),
            (Format::Csv, "table") => Ok(Schema {
                columns: vec![
                    column("a", DType::F64, &[]),
                    column("b", DType::F64, &[]),
                    column("c", DType::F64, &[]),
                    column("k", DType::I32, &[]),
                ],
                train_rows: 100,
                test_rows: None,
            }),
            _ => Err(DataError::new(&spec.path, "there is no such file")),
        }
    }
}

fn pages(stage: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests").join(stage);
    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder).expect("the folder").map(|e| e.expect("an entry").path()).collect();
    pages.sort();
    assert!(!pages.is_empty());
    pages
}

fn checked(name: &str, text: &str) -> Checked {
    check(&Tables, nnc_models::LIBRARY, (name, text), &Options::default())
}

/// `(line, column, "error[code]", part of the headline)` of each expectation.
fn expectations(text: &str) -> Vec<(usize, usize, String, String)> {
    let mut out = vec![];
    let mut line_before = 0;
    for (i, line) in text.lines().enumerate() {
        let comment = line.trim_start().starts_with("//");
        let mark =
            ["^ error[", "^ warning["].iter().find_map(|m| line.find(m)).or_else(|| line.find("//< ").map(|at| at + 2));
        match mark.filter(|_| comment) {
            Some(at) => {
                let column = if line.contains("//< ") { 1 } else { line[..at].chars().count() + 1 };
                let rest = line[at + 1..].trim_start();
                let (code, headline) = rest.split_once(' ').unwrap_or((rest, ""));
                out.push((line_before, column, code.to_owned(), headline.to_owned()));
            }
            None => line_before = i + 1,
        }
    }
    out
}

#[test]
fn mistakes_are_reported_where_they_are() {
    let mut faults = vec![];
    for page in pages("error") {
        let name = page.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&page).expect("readable");
        let mut wanted = expectations(&text);
        let result = checked(&name, &text);
        for d in &result.diagnostics {
            let at = result.sources.line_column(d.primary.span);
            let severity = if d.severity == Severity::Error { "error" } else { "warning" };
            let code = format!("{severity}[{}]", d.code.name);
            let place = wanted.iter().position(|(line, column, c, headline)| {
                (*line, *column) == (at.line, at.column) && *c == code && d.headline.contains(headline.as_str())
            });
            match place {
                Some(i) => drop(wanted.remove(i)),
                None => faults.push(format!("{name}:{}:{}: unexpected {code} {}", at.line, at.column, d.headline)),
            }
        }
        for (line, column, code, headline) in wanted {
            faults.push(format!("{name}:{line}:{column}: missing {code} {headline}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn gradients_print_as_their_pages_say() {
    for page in pages("grad") {
        let name = page.file_name().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&page).expect("readable");
        let (source, expected): (Vec<&str>, Vec<&str>) = text.lines().partition(|l| !l.starts_with("//>"));
        let result = checked(&name, &text);
        let program = result.program.unwrap_or_else(|| panic!("{name}: {:?}", result.diagnostics));
        let step = print(&program.train.as_ref().expect("a train block").step, &program);
        let actual: Vec<String> = step.lines().map(|l| format!("//> {l}")).collect();
        if std::env::var_os("NNC_BLESS").is_some() {
            fs::write(&page, format!("{}\n{}\n", source.join("\n"), actual.join("\n"))).expect("writable");
        } else {
            assert_eq!(actual, expected, "{name}");
        }
    }
}

/// Every definition of the library elaborates: layers in both modes, functions, losses, metrics, optimizers, schedules and
/// initializers, each through a small model.
#[test]
fn every_definition_of_the_library_is_usable() {
    let data = "data D { source: csv(\"table\")\n x: [batch, 1] = a |> rearrange [b] -> [b, 1]\n y: [batch, 1] = b |> rearrange [b] -> [b, 1]\n k: index(3)[batch] = k }\n";
    let page = |layer: &str, out: &str, loss: &str, optimizer: &str, extra: &str| {
        format!(
            "{data}model M(x: [batch, n]) -> [batch, 3] {{ x |> Dense(3{layer}) {out} }}\n\
             train on D {{ batch: 10\n epochs: 1\n z = M(x)\n loss = {loss}\n {extra}\n optimize M with {optimizer} }}\n"
        )
    };
    let mut uses: Vec<(&str, String)> = vec![];
    for (_, text) in nnc_models::LIBRARY {
        for line in text.lines() {
            let mut words = line.split([' ', '(']);
            let (Some(kind), Some(name)) = (words.next(), words.next()) else { continue };
            let call = match (kind, name) {
                ("layer", "Dense") => continue,
                ("layer", _) => page("", &format!("|> {name}"), "mse(z, 0)", "SGD", ""),
                ("fn", "direction") => continue,
                ("fn", "lerp") => page("", "", "mse(lerp(z, z, 0.5), 0)", "SGD", ""),
                ("fn", "one_hot") => page("", "", "mse(z, one_hot(k))", "SGD", ""),
                ("fn", "moments") => page("", "", "moments(z)[0] + 0", "SGD", ""),
                ("fn", "norm" | "logsumexp") => page("", "", &format!("mean({name}(z))"), "SGD", ""),
                ("fn", _) => page("", &format!("|> {name}"), "mse(z, 0)", "SGD", ""),
                ("loss", "cross_entropy") => page("", "", "cross_entropy(z, k)", "SGD", ""),
                ("loss", _) => page("", "", &format!("{name}(z, 0.5)"), "SGD", ""),
                ("metric", "accuracy" | "confusion") => {
                    page("", "", "mse(z, 0)", "SGD", &format!("metric {name}(z, k)"))
                }
                ("metric", _) => page(
                    "",
                    "",
                    "mse(z, 0)",
                    "SGD",
                    &format!("metric {name}(sum(z, over = last), sum(y, over = last))"),
                ),
                ("optimizer", _) => page("", "", "mse(z, 0)", name, ""),
                ("schedule", "constant") => page("", "", "mse(z, 0)", "SGD(constant(0.1))", ""),
                ("schedule", "warmup") => page("", "", "mse(z, 0)", "SGD(warmup(cosine(0.1, steps), 5))", ""),
                ("schedule", "exponential") => page("", "", "mse(z, 0)", "SGD(exponential(0.1, 0.9))", ""),
                ("schedule", _) => page("", "", "mse(z, 0)", &format!("SGD({name}(0.1, 5))"), ""),
                ("initializer", "filled") => page("", "|> Shift(filled(0.5))", "mse(z, 0)", "SGD", ""),
                ("initializer", _) => page("", &format!("|> Shift({name}())"), "mse(z, 0)", "SGD", ""),
                _ => continue,
            };
            uses.push((name, call));
        }
    }
    assert!(uses.len() > 40, "{} definitions", uses.len());
    let shift = "layer Shift(start: initializer)(x: [.., n]) -> [.., n] { param s: [n] = start\n x + s }\n";
    for (name, text) in uses {
        let text = if text.contains("Shift") { format!("{shift}{text}") } else { text };
        // `moments` gives two values: the first is the mean.
        let text = text.replace("moments(z)[0] + 0", "mean_of(z)");
        let text = if name == "moments" {
            format!("fn mean_of(x: [..]) {{ m, v = moments(x)\n m + v }}\n{text}")
        } else {
            text
        };
        let result = checked(name, &text);
        let errors: Vec<&str> =
            result.diagnostics.iter().filter(|d| d.is_error()).map(|d| d.headline.as_str()).collect();
        assert!(result.program.is_some() && errors.is_empty(), "{name}: {errors:?}\n{text}");
    }
}
