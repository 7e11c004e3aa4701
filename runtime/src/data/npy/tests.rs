//! NumPy files, good and bad.

use super::*;
use crate::data::{DType, Place};

fn npy(descr: &str, fortran: bool, shape: &str, payload: &[u8]) -> Vec<u8> {
    let fortran = if fortran { "True" } else { "False" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
    while (10 + text.len() + 1) % 64 != 0 {
        text.push(' ');
    }
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(payload);
    bytes
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn one(bytes: Vec<u8>) -> Result<Column, DataError> {
    let folder = folder(&[("x.npy", bytes)]);
    let path = folder.path().join("x.npy");
    let column = array::column(&path, "x");
    // The header alone is refused whenever the file is for its sake, and tells what the column is.
    match (&column, array::header(&path)) {
        (Ok(column), header) => {
            let header = header.unwrap();
            assert_eq!((column.rows(), column.dtype()), (header.rows, header.kind.dtype()));
            assert_eq!(column.row_shape(), header.row_shape);
        }
        (Err(error), _) => assert_eq!(error.file, path),
    }
    column
}

fn values(column: &Column) -> Vec<f64> {
    (0..column.rows() * column.row_elements()).map(|index| column.value(index).unwrap()).collect()
}

#[test]
fn every_type_is_read_by_value() {
    let pairs: [(&str, &[u8], DType, [f64; 2]); 12] = [
        ("|b1", &[1, 0], DType::Bool, [1.0, 0.0]),
        ("|i1", &[0xff, 2], DType::I32, [-1.0, 2.0]),
        ("|u1", &[0xff, 2], DType::U8, [255.0, 2.0]),
        ("<i2", &[0, 0x80, 1, 0], DType::I32, [-32768.0, 1.0]),
        ("<u2", &[0, 0x80, 1, 0], DType::I32, [32768.0, 1.0]),
        ("<i4", &[0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0], DType::I32, [-2.0, 1.0]),
        ("<u4", &[0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0], DType::I64, [4294967294.0, 1.0]),
        ("<f2", &[0x00, 0x3e, 0x01, 0x80], DType::F32, [1.5, -5.960464477539063e-8]),
        ("<f4", &[0, 0, 0xc0, 0x3f, 0, 0, 0, 0x80], DType::F32, [1.5, -0.0]),
        ("<i8", &[[0xff; 8], [1, 0, 0, 0, 0, 0, 0, 0]].concat(), DType::I64, [-1.0, 1.0]),
        ("<u8", &[[7, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]].concat(), DType::I64, [7.0, 1.0]),
        ("<f8", &[1.5f64.to_le_bytes(), (-3f64).to_le_bytes()].concat(), DType::F64, [1.5, -3.0]),
    ];
    for (descr, payload, dtype, expected) in pairs {
        let column = one(npy(descr, false, "(2,)", payload)).unwrap();
        assert_eq!((column.dtype(), values(&column)), (dtype, expected.to_vec()), "{descr}");
    }
}

#[test]
fn rows_are_the_first_axis_in_either_order() {
    let bytes: Vec<u8> = (0..24).collect();
    let column = one(npy("|u1", false, "(2, 3, 4)", &bytes)).unwrap();
    assert_eq!((column.rows(), column.row_shape(), column.data()), (2, &[3, 4][..], &bytes[..]));
    // a[i, j, k] = 12 i + 4 j + k, the first index running fastest.
    let mut fortran = vec![];
    for (k, j, i) in (0..4).flat_map(|k| (0..3).flat_map(move |j| (0..2).map(move |i| (k, j, i)))) {
        fortran.extend((12 * i + 4 * j + k as u16).to_le_bytes());
    }
    let column = one(npy("<u2", true, "(2, 3, 4)", &fortran)).unwrap();
    assert_eq!(values(&column), (0..24).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn files_are_columns_and_folders_parts() {
    let image = |rows: u8| npy("|u1", false, &format!("({rows}, 2, 2)"), &vec![rows; 4 * usize::from(rows)]);
    let label = |rows: u8| npy("<i8", false, &format!("({rows},)"), &vec![0; 8 * usize::from(rows)]);
    let whole = folder(&[
        ("train/y.npy", label(3)),
        ("train/x.npy", image(3)),
        ("test/x.npy", image(2)),
        ("test/y.npy", label(2)),
        ("train/notes.txt", vec![]),
    ]);
    let about = schema(whole.path()).unwrap();
    assert_eq!((about.train_rows, about.test_rows), (3, Some(2)));
    assert_eq!(about.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["x", "y"]);
    let source = load(whole.path(), &["y", "x"]).unwrap();
    assert_eq!(source.train.columns()[1].row_shape(), [2, 2]);
    assert_eq!(source.test.unwrap().column("x").unwrap().data(), [2; 8]);
    let alone = schema(&whole.path().join("train/x.npy")).unwrap();
    assert_eq!((alone.columns.len(), alone.columns[0].name.as_str()), (1, "x"));
    assert_eq!(load(whole.path(), &["z"]).unwrap_err().what, "there is no column `z`");

    let uneven = folder(&[("x.npy", image(3)), ("y.npy", label(2))]);
    assert!(schema(uneven.path()).unwrap_err().what.starts_with("2 rows, but 3 in "));
    assert!(load(uneven.path(), &["x", "y"]).is_err());
    let unlike = folder(&[("train/x.npy", image(3)), ("test/x.npy", label(2))]);
    for error in [schema(unlike.path()).err(), load(unlike.path(), &["x"]).err()] {
        assert_eq!(error.unwrap().what, "its rows are [], those of the training part [2, 2]");
    }
    let extra = folder(&[("train/x.npy", image(3)), ("test/z.npy", image(2))]);
    assert_eq!(schema(extra.path()).unwrap_err().what, "the training part has no z.npy");
    assert!(schema(folder(&[]).path()).unwrap_err().help.unwrap().contains("numpy.save"));
}

#[test]
fn bad_files_are_named_with_reason_and_place() {
    let what = |bytes: Vec<u8>| one(bytes).unwrap_err().what;
    assert_eq!(what(vec![]), "the file is empty");
    assert_eq!(what(b"PK\x03\x04 and more".to_vec()), "is no NumPy file but a zip archive");
    assert_eq!(
        what(npy("<f4", false, "()", &[0; 4])),
        "the array is a single number without axes; rows are the first axis"
    );
    assert_eq!(what(npy("<f4", false, "(0, 3)", &[])), "the array has the shape [0, 3], which holds nothing");
    assert!(what(npy("<f4", false, "(3,)", &[0; 8])).starts_with("is truncated: the header says "));
    assert!(what(npy("<f4", false, "(1,)", &[0; 8])).starts_with("4 bytes follow the "));
    assert!(what(npy("<f8", false, "(4294967296, 4294967296)", &[])).contains("more than the"));
    assert!(what(npy("<f8", false, "(99999999999999999999,)", &[])).contains("not what NumPy writes"));
    assert!(what(npy("|u1", false, "(1, 1, 1, 1, 1, 1, 1, 1, 1)", &[0])).contains("more than 8 axes"));
    let error = one(npy("<f4", false, "(2, 1)", &[0, 0, 0, 0, 0, 0, 0xc0, 0x7f])).unwrap_err();
    assert_eq!(error.what, "NaN is not a finite number");
    assert_eq!(error.place, Some(Place::Row { row: 2, line: None, column: Some("x".into()) }));
    let error = one(npy("<u8", false, "(1,)", &[0xff; 8])).unwrap_err();
    assert_eq!(error.what, "the number has more than 63 bits");
    let mut long = npy("<f4", false, "(1,)", &[0; 4]);
    long[6] = 2;
    assert!(what(long).contains("is no header of an array"));
}
