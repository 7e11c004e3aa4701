//! Folders of IDX files, good and bad.

use super::*;
use crate::data::{Format, Request, Wanted};
use crate::dtype::DType;

fn idx(dims: &[u32], fill: u8) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.resize(bytes.len() + dims.iter().product::<u32>() as usize, fill);
    bytes
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn complete() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("train-images-idx3-ubyte", idx(&[5, 2, 3], 9)),
        ("train-labels.idx1-ubyte", idx(&[5], 1)),
        ("t10k-images-idx3-ubyte", idx(&[2, 2, 3], 8)),
        ("t10k-labels-idx1-ubyte", idx(&[2], 0)),
    ]
}

#[test]
fn both_parts_are_found_and_read() {
    let folder = folder(&complete());
    let about = schema(folder.path()).unwrap();
    assert_eq!((about.train_rows, about.test_rows), (5, Some(2)));
    let images = ColumnSchema::new("images", Ok(DType::U8), vec![2, 3]);
    let labels = ColumnSchema::new("labels", Ok(DType::U8), vec![]);
    assert_eq!(about.columns, [images, labels]);
    let source = load(folder.path(), &["labels", "images"]).unwrap();
    assert_eq!(source.train.column("images").unwrap().data(), [9; 30]);
    assert_eq!(source.train.columns()[0].name(), "labels");
    assert_eq!(source.test.unwrap().column("labels").unwrap().data(), [0; 2]);
}

#[test]
fn a_column_that_is_not_wanted_is_not_read() {
    let mut files = complete();
    files[1].1.truncate(10);
    let folder = folder(&files);
    assert!(load(folder.path(), &["images"]).is_ok());
    assert!(load(folder.path(), &["images", "labels"]).unwrap_err().what.contains("truncated"));
    let error = load(folder.path(), &["image"]).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("did you mean `images`?"));
}

#[test]
fn the_test_part_may_be_absent_but_not_half_there() {
    let whole = complete();
    assert_eq!(schema(folder(&whole[..2]).path()).unwrap().test_rows, None);
    assert!(load(folder(&whole[..2]).path(), &["images"]).unwrap().test.is_none());
    let error = schema(folder(&whole[..3]).path()).unwrap_err();
    assert_eq!(error.what, "the folder holds t10k-images, but no t10k-labels");
}

#[test]
fn counts_and_shapes_must_agree() {
    let mut files = complete();
    files[1].1 = idx(&[4], 1);
    let uneven = folder(&files);
    assert!(schema(uneven.path()).unwrap_err().what.starts_with("4 labels, but 5 images in "));
    assert!(load(uneven.path(), &["images", "labels"]).unwrap_err().what.starts_with("4 rows of `labels`, but 5"));
    let mut files = complete();
    files[2].1 = idx(&[2, 3, 2], 1);
    let turned = folder(&files);
    let what = "its rows are u8 [3, 2], those of the training part u8 [2, 3]";
    assert_eq!(schema(turned.path()).unwrap_err().what, what);
    assert_eq!(load(turned.path(), &["images"]).unwrap_err().what, what);
}

#[test]
fn a_plain_file_is_preferred_and_two_candidates_are_refused() {
    let mut files = complete();
    files.push(("train-labels.idx1-ubyte.gz", b"not read".to_vec()));
    assert!(schema(folder(&files).path()).is_ok());
    files.push(("train-labels-idx1-ubyte", idx(&[5], 1)));
    let error = schema(folder(&files).path()).unwrap_err();
    assert_eq!(error.what, "both train-labels-idx1-ubyte and train-labels.idx1-ubyte could be the file meant");
}

#[test]
fn absent_data_say_where_they_were_looked_for_and_how_to_get_them() {
    let hint = Some("install the package of the data set".to_owned());
    let request = |path: &str, hint| Request { format: Format::Idx, path: path.into(), hint };
    let error = request("no/such/folder", hint.clone())
        .load(&[Wanted { column: "images".into(), encoding: None }])
        .unwrap_err();
    assert!(error.file.is_absolute() && error.file.ends_with("no/such/folder"));
    assert_eq!((error.what.as_str(), error.help), ("there is no such folder", hint.clone()));
    let empty = tempfile::tempdir().unwrap();
    let error = request(empty.path().to_str().unwrap(), hint.clone()).schema().unwrap_err();
    assert_eq!(error.help, hint);
    let error = request(empty.path().to_str().unwrap(), None).schema().unwrap_err();
    assert_eq!(error.what, "the folder holds no train-images-idx3-ubyte, plain or .gz");
    let file = folder(&complete());
    let error = schema(&file.path().join("t10k-images-idx3-ubyte")).unwrap_err();
    assert_eq!(error.what, "is a file");
}
