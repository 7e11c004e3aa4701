//! The outputs of predict blocks from outside: pictures of rows, page by page.

mod shell;

use shell::{nnc, succeeds};
use std::fs;
use std::path::Path;

/// Row k of eleven has the shade k / 15 above its complement.
const SHADES: &str = "
data Rows {
    source: csv(\"rows.csv\")
    x: [batch, 1] = x |> rearrange [b] -> [b, 1]
}
model Line(x: [batch, 1]) -> [batch, 1] { x |> Dense(1) }
train on Rows {
    batch:  4
    epochs: 1
    loss = mse(Line(x), x)
    optimize Line with SGD(0.01)
}
";

const PICTURES: &str = "
predict grey on Rows {
    shade = concat([x, 1 - x]) |> rearrange [b, h] -> [b, h, 1] as png(grid = GRID)
    twice = 2 * x |> rearrange [b, 1] -> [b]
}
predict coloured on Rows { colour = (concat([x, 1 - x, x / 2]) |> rearrange [b, c] -> [b, 1, 1, c]) as png }
";

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// The width and the height of a PNG file.
fn size(file: &Path) -> [u32; 2] {
    let bytes = fs::read(file).expect("a file");
    assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
    [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

#[test]
fn rows_are_drawn_page_by_page_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write =
        |name: &str, text: String| fs::write(folder.path().join(name), text).expect("the folder can be written");
    let rows: Vec<String> = (0..11).map(|k| format!("{}", f64::from(k) / 15.0)).collect();
    write("rows.csv", format!("x\n{}\n", rows.join("\n")));
    for grid in [2, 4] {
        write(&format!("grid{grid}.nn"), format!("{SHADES}{}", PICTURES.replace("GRID", &grid.to_string())));
    }
    succeeds(folder.path(), &["run", "grid2.nn", "--out", "run"]);
    let predict = |file: &str, name: &str, out: &str| {
        let arguments = ["predict", file, "--weights", "run/last.safetensors", "--name", name, "--out", out];
        succeeds(folder.path(), &arguments)
    };
    // Eleven rows in pages of two by two, and all on one page; the other output has a line a row.
    let told = predict("grid2.nn", "grey", "pages/all");
    assert_eq!((told.lines().count(), told.contains("shade")), (11, false), "{told}");
    let out = folder.path().join("pages/all");
    assert_eq!(names(&out), ["shade-0001.png", "shade-0002.png", "shade-0003.png"]);
    assert_eq!([1, 2, 3].map(|page| size(&out.join(format!("shade-000{page}.png")))), [[2, 4]; 3]);
    predict("grid4.nn", "grey", "whole");
    assert_eq!(names(&folder.path().join("whole")), ["shade.png"]);
    assert_eq!(size(&folder.path().join("whole/shade.png")), [4, 6]);
    // A square that holds all, in colours; nothing is told.
    assert_eq!(predict("grid4.nn", "coloured", "colours"), "");
    assert_eq!(size(&folder.path().join("colours/colour.png")), [4, 3]);
    // What was drawn, read again.
    let read = "
data Pages {
    source: images(\"pages\")
    image: [batch, height, width, 1] = images
}
predict on Pages { shade = float(image) |> rearrange [b, h, w, 1] -> [b, h, w] }
";
    write("read.nn", format!("{SHADES}{read}"));
    let lines = succeeds(folder.path(), &["predict", "read.nn", "--weights", "run/last.safetensors", "--json"]);
    let pages: Vec<Vec<Vec<f64>>> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["shade"].clone())
        .map(|shade| serde_json::from_value(shade).expect("numbers"))
        .collect();
    let mut wanted = vec![vec![vec![0.0; 2]; 4]; 3];
    for k in 0..11 {
        let (page, row, column) = (k / 4, k % 4 / 2, k % 2);
        wanted[page][2 * row][column] = 17.0 * k as f64;
        wanted[page][2 * row + 1][column] = 255.0 - 17.0 * k as f64;
    }
    assert_eq!(pages, wanted);
}

#[test]
fn a_page_that_is_too_large_is_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder can be written");
    write("rows.csv", &format!("x\n{}", "1\n".repeat(400)));
    let large = "predict on Rows { large = expand(0.5, [batch, 1000, 1000]) * mean(x) as png(grid = 20) }";
    write("large.nn", &format!("{SHADES}{large}"));
    succeeds(folder.path(), &["run", "large.nn", "--out", "run"]);
    let output = nnc(folder.path(), &["predict", "large.nn", "--weights", "run/last.safetensors"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("error[too-large]") && error.contains("smaller `grid`"), "{error}");
}

#[test]
fn a_program_without_weights_needs_none_and_draws_by_the_seed_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder can be written");
    write("dice.nn", "predict roll(n: int = 4) {\n    drawn = random_normal([n])\n    sides = [1, n]\n}\n");
    let roll = |more: &[&str]| succeeds(folder.path(), &[&["predict", "dice.nn"][..], more].concat());
    let plain = roll(&[]);
    assert!(plain.contains("sides 1 4"), "{plain}");
    assert_eq!(plain, roll(&["--seed", "0"]));
    assert_ne!(plain, roll(&["--seed", "1"]));

    write("rows.csv", "x\n1\n2\n3\n4\n");
    write("line.nn", &format!("{SHADES}predict on Rows {{ y = Line(x) }}\n"));
    for (arguments, told) in [
        (&["predict", "line.nn"][..], "has weights, and none are given"),
        (&["eval", "line.nn"], "has weights, and none are given"),
        (&["predict", "line.nn", "--weights", "w", "--input", "none.csv"], "error[weights]"),
    ] {
        let output = nnc(folder.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && error.contains(told), "{arguments:?}: {error}");
    }
    succeeds(folder.path(), &["run", "line.nn", "--out", "run"]);
    let weights = "run/last.safetensors";
    let output = nnc(folder.path(), &["predict", "line.nn", "--weights", weights, "--input", "none.csv"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("none.csv is not there"));
    let output = nnc(
        folder.path(),
        &["export", "line.nn", "--weights", weights, "--as", "torch", "--out", "none/w.safetensors"],
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no folder none"));
}
