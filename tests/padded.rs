//! Rows of different length from the shell: texts become class numbers, batches are filled up to buckets, and what is filled up
//! changes nothing.

mod shell;

use shell::{nnc, succeeds};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Sixty lines of one to nine words; which words may occur tells the kind.
fn table() -> String {
    let words = ["red", "green", "blue", "one", "two", "Three"];
    let mut random = 1u32;
    let mut draw = |n: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % n
    };
    let mut text = String::from("text,kind\n");
    for row in 0..60 {
        let kind = row % 2;
        let line: Vec<&str> = (0..=draw(9)).map(|_| words[(3 * kind + draw(3)) as usize]).collect();
        writeln!(text, "\"{}\",{kind}", line.join(" ")).expect("a string takes all");
    }
    text
}

const NET: &str = "
data Lines {
    source: csv(\"lines.csv\")
    padded: time(BUCKETS)
    split:  holdout(valid = 0.2, test = 0.2)
    text: index(vocab)[batch, time] = words(text, lower = true, begin = true, cut = 8)
    kind: index(2)[batch]           = kind
}

model Net(text: index(vocab)[batch, time]) -> [batch, 2] {
    both = one_hot(text) |> Bidirectional(LSTM(8))
    _all, last = both |> GRU(8, states = true)
    mean = sum(where(mask(time)[.., new], both, 0), over = time) / length(time)[.., new]
    concat([mean, last]) |> Dense(2)
}

train on Lines {
    batch:  4
    epochs: 2
    logits = Net(text)
    loss   = cross_entropy(logits, kind)
    metric accuracy(logits, kind)
    optimize Net with Adam(0.01)
}

predict on Lines { p = softmax(Net(text)) }
";

fn files(folder: &Path) {
    fs::write(folder.join("lines.csv"), table()).expect("the folder can be written");
    for (name, buckets) in [("net.nn", "3, 6, 9"), ("long.nn", "12")] {
        fs::write(folder.join(name), NET.replace("BUCKETS", buckets)).expect("the folder can be written");
    }
}

fn losses(events: &str) -> Vec<&str> {
    events.lines().filter(|line| line.contains("\"event\":\"step\"")).collect()
}

#[test]
fn what_is_filled_up_changes_nothing_and_all_engines_agree() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    files(folder.path());
    let run = |file: &str, more: &[&str]| succeeds(folder.path(), &[&["run", file, "--json"], more].concat());
    let buckets = run("net.nn", &["--out", "native"]);
    assert_eq!(losses(&buckets).len(), 18);
    assert_eq!(losses(&buckets), losses(&run("long.nn", &["--out", "long"])), "a longer bucket changes no bit");
    let saved = |name: &str| fs::read(folder.path().join(name).join("last.safetensors")).expect("the run has saved");
    for (name, arguments) in
        [("oracle", &["--engine", "oracle"][..]), ("plain", &["--engine", "plain"]), ("threads", &["--threads", "2"])]
    {
        run("net.nn", &[arguments, &["--out", name]].concat());
        assert_eq!(saved(name), saved("native"), "{name}");
    }
    let evaluated = succeeds(folder.path(), &["eval", "net.nn", "--weights", "native/last.safetensors"]);
    assert!(evaluated.contains("test   loss"), "{evaluated}");
    fs::write(folder.path().join("other.csv"), "text,kind\none two one nothing,1\n")
        .expect("the folder can be written");
    let arguments = ["predict", "net.nn", "--weights", "native/last.safetensors", "--input", "other.csv"];
    assert_eq!(succeeds(folder.path(), &arguments).lines().count(), 1);
}

/// Windows of all kinds along a padded axis, in and out of steps.
const WINDOWS: &str = "
data Lines {
    source: csv(\"lines.csv\")
    PADDED
    split:  holdout(valid = 0.2)
    text: index(vocab)[batch, time] = words(text)
    kind: index(2)[batch]           = kind
}

fn total(x: [batch, t, n]) -> [batch, n] { sum(x, over = t) }

layer Curved(x: [batch, t, n]) -> [batch] {
    param w: [3, n, 2] = glorot_uniform()
    slope = grad(sum(tanh(conv(x, w, stride = 2, padding = 1))), x)
    sum(slope^2, over = all but batch)
}

model Net(text: index(vocab)[batch, time]) -> [batch, 2] {
    words = text |> Embedding(6)
    same  = words |> Conv(8, [3], padding = same) |> relu
    there = where(mask(time)[.., new], same, 0)
    whole = where(mask(time)[time = 2..][.., new], there |> Conv(5, [3]) |> tanh, 0)
    half  = there |> Conv(7, [3], stride = 2, padding = 1) |> tanh
    pairs = max_pool(half, [2])
    means = avg_pool(half, [3], stride = 1, padding = 1)
    twice = half |> ConvTranspose(4, [3], stride = 2) |> relu
    large = upsample(pairs, 3) |> Conv(3, [2], stride = 3)
    cut   = words |> Conv(4, [3], stride = 2, padding = 1)
    all   = concat([max(there, over = time), total(whole), total(pairs), total(means), total(twice), total(large), total(cut)])
    concat([all, Curved()(words)[.., new]]) |> Dense(2)
}

train on Lines {
    batch:  4
    epochs: 2
    loss = cross_entropy(Net(text), kind)
    optimize Net with Adam(0.01)
}
";

#[test]
fn windows_slide_along_a_padded_axis_as_along_any_other() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write =
        |name: &str, text: String| fs::write(folder.path().join(name), text).expect("the folder can be written");
    write("lines.csv", table());
    write("net.nn", WINDOWS.replace("PADDED", "padded: time(4, 7, 10)"));
    let run = |file: &str, more: &[&str]| succeeds(folder.path(), &[&["run", file, "--json"], more].concat());
    let saved = |name: &str| fs::read(folder.path().join(name).join("last.safetensors")).expect("the run has saved");
    run("net.nn", &["--out", "native"]);
    for (name, arguments) in [
        ("oracle", &["--engine", "oracle"][..]),
        ("plain", &["--engine", "plain"]),
        ("threads", &["--threads", "2", "--threads-always"]),
    ] {
        run("net.nn", &[arguments, &["--out", name]].concat());
        assert_eq!(saved(name), saved("native"), "{name}");
    }
    // Rows of one length need no padded axis; one that all rows fill gives the same bits.
    let equal = |row: &str| row.split('"').nth(1).map(|words| format!("{words} {words}"));
    let rows: Vec<String> =
        table().lines().skip(1).filter_map(equal).filter(|row| row.split(' ').count() == 10).collect();
    assert!(rows.len() > 3, "{rows:?}");
    let rows: Vec<String> =
        rows.iter().cycle().take(30).enumerate().map(|(i, row)| format!("{row},{}", i % 2)).collect();
    write("lines.csv", format!("text,kind\n{}\n", rows.join("\n")));
    write("fixed.nn", WINDOWS.replace("PADDED", ""));
    assert_eq!(losses(&run("net.nn", &["--out", "filled"])), losses(&run("fixed.nn", &["--out", "fixed"])));
    assert_eq!(saved("filled"), saved("fixed"));
}

#[test]
fn sizes_that_are_not_written_hold_every_window() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("the folder can be written");
    write("lines.csv", "text,kind\none two,1\ntwo,0\none one two,1\n");
    let net = "
data Lines {
    source: csv(\"lines.csv\")
    padded: time
    text: index(vocab)[batch, time] = words(text)
    kind: index(2)[batch]           = kind
}
model Net(text: index(vocab)[batch, time]) -> [batch, 2] {
    text |> Embedding(3) |> Conv(4, [5], dilation = 2) |> global_max_pool |> Dense(2)
}
train on Lines {
    batch:  1
    epochs: 1
    loss = cross_entropy(Net(text), kind)
    optimize Net with Adam(0.01)
}
predict on Lines { logits = Net(text) }
";
    write("net.nn", net);
    succeeds(folder.path(), &["run", "net.nn", "--out", "run"]);
    let predict = ["predict", "net.nn", "--weights", "run/last.safetensors", "--input", "lines.csv"];
    assert_eq!(succeeds(folder.path(), &predict).lines().count(), 3);
}

#[test]
fn weights_of_another_vocabulary_are_refused() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    files(folder.path());
    succeeds(folder.path(), &["run", "net.nn", "--epochs", "1", "--out", "run"]);
    // As many words, one of them another.
    fs::write(folder.path().join("lines.csv"), table().replace("green", "grain")).expect("the folder can be written");
    let output = nnc(folder.path(), &["eval", "net.nn", "--weights", "run/last.safetensors"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("another vocabulary of `words(text, cut = 8"), "{error}");
}

#[test]
fn a_row_that_has_no_bucket_is_named() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    files(folder.path());
    let uncut = NET.replace("BUCKETS", "10").replace(", cut = 8", "");
    fs::write(folder.path().join("uncut.nn"), uncut).expect("the folder can be written");
    succeeds(folder.path(), &["run", "uncut.nn", "--epochs", "1", "--out", "run"]);
    let long = format!("text,kind\none,1\n{},0\n", "two ".repeat(30));
    fs::write(folder.path().join("other.csv"), long).expect("the folder can be written");
    let arguments = ["predict", "uncut.nn", "--weights", "run/last.safetensors", "--input", "other.csv"];
    let output = nnc(folder.path(), &arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("row 2") && error.contains("31 values are more than the longest `time`, which is 10"),
        "{error}"
    );
}

#[test]
fn a_text_is_cut_into_windows_of_equal_length() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let program = "
data Book {
    source: text(\"book.txt\", window = 9)
    split:  holdout(valid = 0.2)
    text: index(vocab)[batch, time] = chars(text)
}
model Next(x: index(vocab)[batch, time]) -> [batch, time, vocab] { one_hot(x) |> LSTM(8) |> Dense(vocab) }
train on Book {
    batch:  4
    epochs: 1
    logits = Next(text[time = 0..-1])
    loss   = cross_entropy(logits, text[time = 1..])
    optimize Next with Adam(0.01)
}
";
    fs::write(folder.path().join("book.nn"), program).expect("the folder can be written");
    fs::write(folder.path().join("book.txt"), "to be, or not to be \u{2013} that is it\n".repeat(12)).expect("written");
    let shown = succeeds(folder.path(), &["compile", "book.nn", "--emit", "graph"]);
    assert!(shown.contains("i32[batch, 9] = read chars(text)"), "{shown}");
    assert!(losses(&succeeds(folder.path(), &["run", "book.nn", "--json"])).len() > 8);
}

#[test]
fn class_numbers_are_told_as_texts() {
    let folder = tempfile::tempdir().unwrap();
    let file = "
data Words {
    source: csv(\"words.csv\")
    padded: time
    split:  holdout(test = 0.5)
    text: index(vocab)[batch, time] = words(text, end = true)
    name: index(letters)[batch, length] = chars(name)
    kind: [batch] = kind
}
model Net(text: index(vocab)[batch, time]) -> [batch] { mean(text |> Embedding(2), over = all but batch) }
train on Words {
    batch: 2
    epochs: 1
    loss = mse(Net(text), kind)
    optimize Net with SGD(0.1)
}
predict same on Words {
    back = text as text(vocab)
    half = Net(text)
}
predict prompt(given: text = \"red sky, green\") {
    one   = words(given, vocab) as text(vocab)
    two   = words(given, vocab) |> rearrange [n] -> [1, n] as text(vocab)
    sizes = expand(vocab + letters, [1])
}
";
    fs::write(folder.path().join("words.nn"), file).unwrap();
    fs::write(
        folder.path().join("words.csv"),
        "text,name,kind\n\"red, red\",ab,1\nblue sky,ba,2\ngreen,bb,3\n\"blue, green\",aa,4\n",
    )
    .unwrap();
    succeeds(folder.path(), &["run", "words.nn", "--out", "o"]);
    let predict = |more: &[&str]| {
        succeeds(folder.path(), &[&["predict", "words.nn", "--weights", "o/best.safetensors", "--name"], more].concat())
    };
    let rows = predict(&["same", "--input", "words.csv", "--json"]);
    let texts: Vec<String> = rows
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["back"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(texts, ["red , red", "blue sky", "green", "blue , green"]);
    // What the training text lacks is told as such; the mark of an end is not told.
    let alone = predict(&["prompt"]);
    assert!(alone.starts_with("red sky , green\nred sky , green\nsizes "), "{alone}");
    assert!(predict(&["prompt", "--give", "given=red moon"]).starts_with("red \u{fffd}\n"), "{alone}");
}
