//! What holds of the code base as a whole: which layer knows which, one door for each engine, files of readable length, and
//! documents whose examples and tables are true.

use nnc_grammar::print::format;
use nnc_grammar::span::Sources;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files with this extension in these folders, with their paths from the root.
fn files(folders: &[&str], extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, extension: &str, out: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.filter_map(|e| Some(e.ok()?.path())) {
            if path.is_dir() {
                walk(&path, extension, out);
            } else if path.extension().is_some_and(|e| e == extension) {
                out.push(path);
            }
        }
    }
    let mut paths = vec![];
    for folder in folders {
        walk(&root().join(folder), extension, &mut paths);
    }
    paths.sort();
    let name = |p: &Path| p.strip_prefix(root()).expect("under the root").to_string_lossy().replace('\\', "/");
    paths.iter().map(|p| (name(p), fs::read_to_string(p).expect("readable"))).collect()
}

/// All Rust files of the packages.
fn rust_files() -> Vec<(String, String)> {
    files(&["src", "tests", "grammar", "compiler", "runtime", "models"], "rs")
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    for (name, text) in rust_files() {
        assert!(text.starts_with("//!"), "{name} does not begin with `//!`");
        let lines = text.lines().count();
        assert!(lines <= 500, "{name} has {lines} lines");
    }
}

#[test]
fn each_engine_has_one_door() {
    let doors: [(&str, &[&str]); 8] = [
        ("::zip", &["runtime/src/data/npy/", "runtime/src/data/hostile.rs"]),
        ("::hound", &["runtime/src/data/wav", "runtime/src/data/hostile.rs"]),
        ("::image", &["runtime/src/data/images/", "runtime/src/data/hostile.rs"]),
        ("pest", &["grammar/src/parse/", "grammar/tests/"]),
        ("petgraph", &["compiler/src/ir/graph.rs"]),
        ("cranelift_", &["compiler/src/codegen/"]),
        ("iced_x86", &["compiler/src/codegen/wide/"]),
        ("clap", &["src/cli.rs", "src/commands/", "src/compile.rs", "src/main.rs", "src/session.rs"]),
    ];
    for (name, text) in rust_files() {
        for (engine, door) in doors {
            let uses = text.lines().any(|l| {
                let l = l.trim_start();
                !l.starts_with("//")
                    && (l.contains(&format!("use {engine}"))
                        || (l.contains(&format!("{engine}::")) && !l.contains('"')))
            });
            assert!(!uses || door.iter().any(|d| name.starts_with(d)), "{name} names {engine}");
        }
    }
}

#[test]
fn layers_know_only_what_lies_below() {
    let allowed: [(&str, &[&str]); 4] =
        [("grammar", &[]), ("runtime", &[]), ("models", &[]), ("compiler", &["nnc_grammar", "nnc_runtime"])];
    for (name, text) in rust_files() {
        let Some((_, may)) = allowed.iter().find(|(p, _)| name.starts_with(&format!("{p}/src/"))) else { continue };
        for package in ["nnc_grammar", "nnc_runtime", "nnc_compiler", "nnc_models"] {
            let own = name.starts_with(&package.replace("nnc_", ""));
            let uses = text.lines().any(|l| !l.trim_start().starts_with("//") && l.contains(&format!("{package}::")));
            assert!(!uses || own || may.contains(&package), "{name} names {package}");
        }
    }
    // Inside the compiler: graph, then operations, then what works on them, then code, then the pipeline.
    let order: [(&str, &[&str]); 4] = [
        ("compiler/src/prog/", &["crate::ir", "crate::ops", "crate::elaborate", "crate::codegen", "crate::passes"]),
        ("compiler/src/ir/", &["crate::ops", "crate::elaborate", "crate::codegen", "crate::passes", "crate::interp"]),
        ("compiler/src/ops/", &["crate::elaborate", "crate::codegen", "crate::passes", "crate::interp"]),
        ("compiler/src/passes/", &["crate::elaborate", "crate::codegen", "crate::pipeline"]),
    ];
    for (name, text) in rust_files() {
        for (layer, above) in order.iter().filter(|(l, _)| name.starts_with(l)) {
            for path in above.iter() {
                assert!(
                    !text.lines().any(|l| l.trim_start().starts_with(&format!("use {path}"))),
                    "{name} of {layer} uses {path}"
                );
            }
        }
    }
}

#[test]
fn the_models_and_the_library_are_in_the_formatters_form() {
    let shipped = files(&["models"], "nn");
    assert!(shipped.len() > nnc_models::LIBRARY.len(), "{} files", shipped.len());
    for (name, text) in shipped {
        let mut sources = Sources::new();
        let id = sources.add(&name, &text);
        let formatted = format(&sources, id).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        if std::env::var_os("NNC_BLESS").is_some() {
            fs::write(root().join(&name), &formatted).expect("writable");
        } else {
            assert_eq!(formatted, text, "{name} is not in the form that `NNC_BLESS=1` gives it");
        }
    }
}

/// The ```` ```nn ```` blocks at the start of a line.
fn examples(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).expect("a document");
    text.split("\n```nn\n").skip(1).filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned())).collect()
}

#[test]
fn every_example_of_the_documents_is_accepted() {
    for (document, least) in [("README.md", 1), ("grammar/LANGUAGE.md", 5)] {
        // Paths in an example are relative to its document.
        let folder = tempfile::tempdir().expect("a folder");
        #[cfg(unix)]
        std::os::unix::fs::symlink(root().join("models"), folder.path().join("models")).expect("a link");
        let place = folder.path().join(Path::new(document).parent().expect("a folder"));
        fs::create_dir_all(&place).expect("writable");
        let examples = examples(document);
        assert!(examples.len() >= least, "{document} has {} examples", examples.len());
        for (i, example) in examples.iter().enumerate() {
            let file = place.join(format!("example{i}.nn"));
            fs::write(&file, example).expect("writable");
            let output =
                Command::new(env!("CARGO_BIN_EXE_nnc")).arg("check").arg(&file).output().expect("the program starts");
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{document}, example {i}:\n{example}\n{error}");
        }
    }
}

#[test]
fn the_reference_lists_the_library_and_the_codes() {
    let reference = fs::read_to_string(root().join("grammar/LANGUAGE.md")).expect("the reference");
    let kinds = ["layer", "fn", "loss", "metric", "optimizer", "schedule", "initializer"];
    let mut defined = 0;
    for (file, text) in nnc_models::LIBRARY {
        for line in text.lines() {
            let mut words = line.split([' ', '(']);
            if let (Some(kind), Some(name)) = (words.next(), words.next())
                && kinds.contains(&kind)
            {
                defined += 1;
                assert!(
                    reference.contains(&format!("| {kind} | `{name}` |")),
                    "the reference lacks {kind} {name} of {file}"
                );
            }
        }
    }
    let listed = reference.lines().filter(|l| kinds.iter().any(|k| l.starts_with(&format!("| {k} | `")))).count();
    assert_eq!(listed, defined, "the reference lists what the library lacks");
    for code in nnc_grammar::codes::ALL {
        assert!(reference.contains(&format!("`{}`", code.name)), "the reference lacks the code {}", code.name);
    }
}
