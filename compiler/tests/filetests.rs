//! Filetests: a page is a `.nn` file under `filetests/STAGE/` that begins with the stage it stops at and a sentence why.
//!
//! ```text
//! // test: error
//! // A name that is nearly one of the library's is an error with an edit.
//! …
//!     x |> relo
//!     //^ error[unknown-name] nothing here is called `relo`
//! //> everything that the stage shows, exactly
//! ```
//!
//! Lines `//^` stand below the line they speak of, the caret under the first character of a report's primary place (`//<` for
//! the first column); each report needs one and each needs its report. Lines `// set: name=value` set options. The `//>` block
//! at the end is the stage's whole text. `NNC_BLESS=1` rewrites both.

#[path = "filetests/evaluate.rs"]
mod evaluate;
#[path = "filetests/mutate.rs"]
mod mutate;
#[path = "filetests/page.rs"]
mod page;
#[path = "filetests/show.rs"]
mod show;
#[path = "filetests/standard.rs"]
mod standard;
mod support;
#[path = "filetests/tables.rs"]
mod tables;

use nnc_compiler::elaborate::{self, Checked};
use nnc_compiler::passes::dce::dce;
use nnc_compiler::program::Program;
use nnc_compiler::world::Options;
use page::Page;
use std::path::Path;
use tables::Tables;

/// Checks a text as a file that is run.
fn check(text: &str, set: &[(String, String)]) -> Checked {
    let options = Options { set: set.to_vec(), ..Options::default() };
    elaborate::check(&Tables, nnc_models::LIBRARY, ("page.nn", text), &options)
}

/// The program of a page that must be right.
fn program(page: &Page) -> Result<Program, String> {
    let checked = check(&page.text(), &page.set);
    if checked.diagnostics.is_empty()
        && let Some(program) = checked.program
    {
        return Ok(program);
    }
    Err(format!("the page does not check:\n{}", show::reports(&checked).join("\n")))
}

/// Runs all pages of a stage: `text` gives what the page must end with.
fn stage(name: &str, text: impl Fn(&mut Page, bool) -> Result<Vec<String>, String>) {
    let bless = std::env::var_os("NNC_BLESS").is_some();
    let mut failed = vec![];
    let pages = page::all(name);
    assert!(!pages.is_empty(), "there are no pages of `{name}`");
    for mut page in pages {
        let result = text(&mut page, bless).and_then(|lines| page.compare(&lines, bless));
        if let Err(why) = result {
            failed.push(format!("{}: {why}", page.path.display()));
        }
    }
    assert!(failed.is_empty(), "{} pages fail (NNC_BLESS=1 rewrites them)\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn error() {
    stage("error", |page, bless| {
        if bless {
            page.mark(&show::marks(&check(&page.text(), &page.set)));
        }
        let checked = check(&page.text(), &page.set);
        page.compare_marks(&show::marks(&checked))?;
        Ok(show::reports(&checked))
    });
}

#[test]
fn graph() {
    stage("graph", |page, _| {
        let program = program(page)?;
        Ok(program.predict.iter().flat_map(|p| show::graph(&dce(&p.graph), &program)).collect())
    });
}

#[test]
fn grad() {
    stage("grad", |page, _| {
        let program = program(page)?;
        let train = program.train.as_ref().ok_or("the page does not train")?;
        Ok(show::graph(&dce(&train.step), &program))
    });
}

#[test]
fn states() {
    stage("states", |page, _| Ok(program(page)?.states.iter().map(show::state).collect()));
}

#[test]
fn run() {
    stage("run", |page, _| Ok(evaluate::run(&program(page)?)));
}

/// Each code that elaboration can raise is shown by some page.
#[test]
fn every_code_has_a_page() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/elaborate");
    let files = std::fs::read_dir(folder).expect("the elaborator's folder").map(|e| e.expect("an entry").path());
    let texts = files.map(|path| std::fs::read_to_string(path).expect("a text"));
    let shown: Vec<String> = page::all("error").iter().map(Page::text).collect();
    let mut missing = vec![];
    for text in texts {
        for raised in text.split("codes::").skip(1) {
            let constant: String = raised.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            let name = constant.to_lowercase().replace('_', "-");
            let known = nnc_grammar::codes::ALL.iter().any(|c| c.name == name);
            if known && !shown.iter().any(|t| t.contains(&format!("[{name}]"))) && !missing.contains(&name) {
                missing.push(name);
            }
        }
    }
    // No operation of this version lacks a derivative.
    missing.retain(|name| name != "not-differentiable");
    assert!(missing.is_empty(), "no page shows {}", missing.join(", "));
}
