//! CSV files, good and bad.

use super::*;

fn with_file<T>(bytes: &[u8], use_it: impl FnOnce(&Path) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, bytes).unwrap();
    use_it(&path)
}

fn refusal(text: &str) -> DataError {
    with_file(text.as_bytes(), |path| load(path, &["a"]).unwrap_err())
}

fn values(text: &str, name: &str) -> (DType, Vec<f64>) {
    with_file(text.as_bytes(), |path| {
        let source = load(path, &[name]).unwrap();
        let column = source.train.column(name).unwrap();
        (column.dtype(), (0..column.rows()).map(|row| column.value(row).unwrap()).collect())
    })
}

#[test]
fn columns_of_numbers_and_integers_are_told_apart() {
    let text = "a,b , c\n1, 2.5,-3\n\n\"4\",5e-1 ,+6\n";
    assert_eq!(values(text, "a"), (DType::I32, vec![1.0, 4.0]));
    assert_eq!(values(text, "b"), (DType::F64, vec![2.5, 0.5]));
    assert_eq!(values(text, "c"), (DType::I32, vec![-3.0, 6.0]));
    assert_eq!(values("a\n3000000000\n1", "a"), (DType::F64, vec![3e9, 1.0]));
    let (dtype, zero) = values("a\n-0\n", "a");
    assert_eq!((dtype, zero[0].is_sign_negative()), (DType::F64, true));
}

#[test]
fn line_ends_and_byte_order_marks_do_not_matter() {
    for text in ["a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\n1,2", "\u{feff}a,b\n1,2\n"] {
        assert_eq!(values(text, "a"), (DType::I32, vec![1.0]), "{text:?}");
    }
}

#[test]
fn the_schema_lists_all_columns_and_why_one_cannot_be_used() {
    let about = with_file(b"a,name\n1.5,iris\n2,rose\n", |path| schema(path).unwrap());
    assert_eq!((about.train_rows, about.test_rows), (2, None));
    assert_eq!(about.columns[0].dtype, Ok(DType::F64));
    let error = about.columns[1].dtype.clone().unwrap_err();
    assert_eq!(error.what, "\"iris\" is not a number");
    assert_eq!(error.place, Some(Place::Row { row: 1, line: Some(2), column: Some("name".into()) }));
}

#[test]
fn text_in_a_column_that_is_not_wanted_is_no_error() {
    assert_eq!(values("a,name\n1,iris\n", "a"), (DType::I32, vec![1.0]));
}

#[test]
fn a_missing_column_is_suggested() {
    let error = with_file(b"length,width\n1,2\n", |path| load(path, &["lenght"]).unwrap_err());
    assert_eq!(error.what, "there is no column `lenght`");
    assert_eq!(error.help.as_deref(), Some("did you mean `length`?"));
}

#[test]
fn cells_that_are_no_numbers_are_named_by_row_line_and_column() {
    let error = refusal("b,a\n1,2\n\n\"x\ny\",oops\n");
    assert_eq!(error.place, Some(Place::Row { row: 2, line: Some(4), column: Some("a".into()) }));
    let what = |cell: &str| refusal(&format!("a,b\n{cell},1\n")).what;
    assert_eq!(what(""), "the cell is empty");
    assert_eq!(what("nan"), "\"nan\" is not a finite number");
    assert_eq!(what("-Infinity"), "\"-Infinity\" is not a finite number");
    assert_eq!(what("1e400"), "\"1e400\" is too large for a number");
    assert_eq!(what("1\0"), "\"1\\0\" is not a number");
    assert_eq!(what("0x10"), "\"0x10\" is not a number");
    let comma = refusal("a,b\n\"3,14\",1\n");
    assert!(comma.help.unwrap().contains("decimal point"));
    let long = refusal(&format!("a,b\n{},1\n", "z".repeat(10_000)));
    assert!(long.what.len() < 100, "{}", long.what);
}

#[test]
fn lines_are_counted_with_every_line_end() {
    for text in ["a,b\r\n1,2\r\n\r\nx,4\r\n", "a,b\n1,2\n\nx,4\n", "\u{feff}a,b\n\"1\",\"2\n2\"\nx,4"] {
        assert_eq!(
            refusal(text).place,
            Some(Place::Row { row: 2, line: Some(4), column: Some("a".into()) }),
            "{text:?}"
        );
    }
}

#[test]
fn ragged_rows_are_refused() {
    let error = refusal("a,b\n1,2\n3\n");
    assert_eq!(
        error.to_string().split(": ").skip(1).collect::<Vec<_>>().join(": "),
        "row 2 (line 3): 1 cells, but the header names 2 columns"
    );
    assert!(refusal("a,b\n1,2,3\n").what.starts_with("3 cells"));
    let open_quote = refusal("a,b\n\"1,2\n3,4\n5,6\n");
    assert!(open_quote.help.unwrap().contains("quote"), "an unclosed quote swallows lines");
}

#[test]
fn headers_are_checked() {
    assert_eq!(refusal("a,b,a\n1,2,3\n").what, "columns 1 and 3 are both called \"a\"");
    assert_eq!(refusal("a,,b\n1,2,3\n").what, "column 2 has no name");
    assert_eq!(refusal("1.5,2\n3,4\n").what, "the first line holds numbers, not the names of columns");
    assert_eq!(refusal("a;b\n1;2\n").help.as_deref(), Some("separate columns by commas"));
    assert_eq!(refusal("a,b\n").what, "the file holds a header but no rows");
    assert_eq!(refusal("").what, "the file is empty");
}

#[test]
fn other_kinds_of_file_are_recognised() {
    let error = with_file(b"\xff\xfea\0,\0", |path| load(path, &["a"]).unwrap_err());
    assert_eq!(error.what, "is not a CSV file but UTF-16 text");
    assert!(with_file(b"\x1f\x8b\x08", |path| schema(path).unwrap_err()).what.ends_with("a gzip file"));
    let error = with_file(b"a,b\n\xff,1\n", |path| load(path, &["a"]).unwrap_err());
    assert_eq!(error.what, "the cell is not UTF-8 text");
}
