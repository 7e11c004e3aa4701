//! A page: its lines, the marks under them, and the text expected at its end.

use std::fs;
use std::path::{Path, PathBuf};

/// Something that a page expects of a place in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column of the first character, from 1.
    pub(crate) column: usize,
    /// `error[unknown-name]`
    pub(crate) code: String,
    /// The headline, or part of it.
    pub(crate) text: String,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// `// set: name=value`
    pub(crate) set: Vec<(String, String)>,
    /// The lines before the expected block, marks included.
    lines: Vec<String>,
    /// The expected block without its `//> `.
    expected: Vec<String>,
}

/// The folder of all pages.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/filetests")
}

/// The pages of a stage, by name.
pub(crate) fn all(stage: &str) -> Vec<Page> {
    let folder = root().join(stage);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("the folder can be read").path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "nn"));
    paths.sort();
    paths.into_iter().map(|path| Page::read(path, stage)).collect()
}

impl Page {
    fn read(path: PathBuf, stage: &str) -> Page {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let head = format!("// test: {stage}");
        assert_eq!(lines.first(), Some(&head), "{}: the first line names the stage", path.display());
        let why = lines.get(1).and_then(|l| l.strip_prefix("// "));
        assert!(why.is_some(), "{}: the second line says why the page exists", path.display());
        let cut = lines.iter().position(|l| l.starts_with("//>")).unwrap_or(lines.len());
        let expected = lines.split_off(cut);
        let rest = expected.iter().find(|l| !l.starts_with("//>"));
        assert_eq!(rest, None, "{}: the expected block ends the page", path.display());
        let expected = expected.iter().map(|l| l[3..].strip_prefix(' ').unwrap_or(&l[3..]).to_owned()).collect();
        let option = |l: &String| Some(l.strip_prefix("// set: ")?.split_once('=')?).map(|(n, v)| (n.into(), v.into()));
        let set = lines.iter().filter_map(option).collect();
        Page { path, set, lines, expected }
    }

    /// The text that is checked: marks are comments in it.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().flat_map(|l| [l, "\n"]).collect()
    }

    /// Puts the marks of these reports in the place of those that the page has.
    pub(crate) fn mark(&mut self, marks: &[Mark]) {
        let old: Vec<bool> = self.lines.iter().map(|l| caret(l).is_some()).collect();
        let mut lines = vec![];
        for (i, line) in self.lines.iter().enumerate().filter(|(i, _)| !old[*i]) {
            lines.push(line.clone());
            for mark in marks.iter().filter(|m| m.line == i + 1) {
                let sign =
                    if mark.column < 3 { "//<".to_owned() } else { format!("{}//^", " ".repeat(mark.column - 3)) };
                lines.push(format!("{sign} {} {}", mark.code, mark.text));
            }
        }
        self.lines = lines;
    }

    fn marks(&self) -> Vec<Mark> {
        let mut above = 0;
        let mut marks = vec![];
        for (i, line) in self.lines.iter().enumerate() {
            let Some((column, rest)) = caret(line) else {
                above = i + 1;
                continue;
            };
            let (code, text) = rest.split_once("] ").map_or((rest, ""), |(code, text)| (code, text));
            let code = format!("{}]", code.trim_end_matches(']'));
            marks.push(Mark { line: above, column, code, text: text.to_owned() });
        }
        marks
    }

    /// Every report has its mark, and every mark its report.
    pub(crate) fn compare_marks(&self, reports: &[Mark]) -> Result<(), String> {
        let mut unseen = self.marks();
        let mut unexpected = vec![];
        for report in reports {
            let fits = |m: &Mark| {
                (m.line, m.column.max(1), &m.code) == (report.line, report.column, &report.code)
                    && report.text.contains(&m.text)
            };
            match unseen.iter().position(fits) {
                Some(i) => drop(unseen.remove(i)),
                None => unexpected.push(report),
            }
        }
        if unseen.is_empty() && unexpected.is_empty() {
            return Ok(());
        }
        Err(format!("missing: {unseen:#?}\nunexpected: {unexpected:#?}"))
    }

    /// Compares the end of the page, or rewrites the file.
    pub(crate) fn compare(&self, lines: &[String], bless: bool) -> Result<(), String> {
        if bless {
            let block = lines.iter().map(|l| format!("//> {l}").trim_end().to_owned() + "\n");
            let text: String = [self.text()].into_iter().chain(block).collect();
            return fs::write(&self.path, text).map_err(|e| e.to_string());
        }
        if lines == self.expected {
            return Ok(());
        }
        let at = lines.iter().zip(&self.expected).take_while(|(a, b)| a == b).count();
        let line = |l: &[String]| l.get(at).cloned().unwrap_or_else(|| "the end".into());
        Err(format!(
            "line {} of the block is\n    {}\nand should be\n    {}",
            at + 1,
            line(lines),
            line(&self.expected)
        ))
    }
}

/// The column that a mark points at, and what follows it.
fn caret(line: &str) -> Option<(usize, &str)> {
    let mark = line.trim_start();
    if let Some(rest) = mark.strip_prefix("//<") {
        return Some((1, rest.trim_start()));
    }
    let rest = mark.strip_prefix("//^")?;
    Some((line.len() - mark.len() + 3, rest.trim_start()))
}
