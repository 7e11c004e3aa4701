//! NumPy files, good and bad.

use super::*;
use std::io::{self, Write};

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
    let entry = ("x".to_owned(), path.clone(), 0);
    let column = column(&mut None, &entry);
    // The header alone is refused whenever the file is for its sake, and tells what the column is.
    match (&column, header(&mut None, &entry)) {
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

fn archive(method: ::zip::CompressionMethod, members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ::zip::ZipWriter::new(io::Cursor::new(vec![]));
    for (place, (name, bytes)) in members.iter().enumerate() {
        // As numpy.savez writes them, members have sizes of 64 bits; other programs do without.
        let options = ::zip::write::SimpleFileOptions::default().compression_method(method).large_file(place % 2 == 0);
        archive.start_file(*name, options).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

const METHODS: [::zip::CompressionMethod; 2] = [::zip::CompressionMethod::Stored, ::zip::CompressionMethod::Deflated];

#[test]
fn an_archive_is_a_column_a_member() {
    let numbers = |rows: u8| npy("|u1", false, &format!("({rows}, 2)"), &Vec::from_iter(0..2 * rows));
    let label = |rows: u8| npy("<i8", false, &format!("({rows},)"), &vec![0; 8 * rows as usize]);
    for method in METHODS {
        let parts = [("test/y.npy", label(2)), ("train/y.npy", label(3)), ("train/x.npy", numbers(3))];
        let more = [("test/x.npy", numbers(2)), ("other.npy", numbers(9)), ("train/note.txt", vec![1, 2])];
        let plain = [("y.npy", label(3)), ("a/b.npy", label(1)), ("x.npy", numbers(3)), (".z.npy", label(1))];
        let folder = folder(&[
            ("parts.npz", archive(method, &[parts.as_slice(), more.as_slice()].concat())),
            ("plain.NPZ", archive(method, &plain)),
        ]);
        for (name, test_rows) in [("parts.npz", Some(2)), ("plain.NPZ", None)] {
            let path = folder.path().join(name);
            let schema = schema(&path).unwrap();
            let columns: Vec<_> = schema.columns.iter().map(|c| (c.name.as_str(), c.row_shape.as_slice())).collect();
            assert_eq!((columns, schema.train_rows), (vec![("x", [2].as_slice()), ("y", &[])], 3), "{name}");
            assert_eq!(schema.test_rows, test_rows);
            let source = load(&path, &["y", "x"]).unwrap();
            assert_eq!(values(&source.train.columns()[1]), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
            assert_eq!(source.test.map(|test| test.rows()), test_rows);
            assert_eq!(load(&path, &["other"]).unwrap_err().what, "there is no column `other`");
        }
    }
}

#[test]
fn a_bad_archive_is_named_with_its_member() {
    let read = |bytes: Vec<u8>| {
        let folder = folder(&[("d.npz", bytes)]);
        let path = folder.path().join("d.npz");
        let told = schema(&path).and_then(|_| load(&path, &["x"]));
        let error = told.unwrap_err();
        let member = error.file.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned();
        format!("{member}: {}", error.what)
    };
    let good = |method| archive(method, &[("x.npy", npy("|u1", false, "(64, 64)", &[7; 4096]))]);
    assert_eq!(read(vec![]), "d.npz: the file is empty");
    assert_eq!(read(b"\x93NUMPY\x01\x00".to_vec()), "d.npz: is no archive of arrays but a NumPy file");
    assert_eq!(read(archive(METHODS[0], &[])), "d.npz: the archive holds no array");
    assert_eq!(
        read(archive(METHODS[1], &[("x.npy", b"text".to_vec())])),
        "d.npz/x.npy: is truncated: it ends within the header"
    );
    assert_eq!(read(archive(METHODS[1], &[("x.npy", b"some text".to_vec())])), "d.npz/x.npy: is no NumPy file");
    let short = archive(METHODS[0], &[("x.npy", npy("<f4", false, "(3,)", &[0; 8]))]);
    assert!(read(short).starts_with("d.npz/x.npy: is truncated: the header says "));
    for method in METHODS {
        let whole = good(method);
        for length in [10, whole.len() / 2, whole.len() - 1] {
            assert!(read(whole[..length].to_vec()).starts_with("d.npz: "), "cut to {length} bytes");
        }
        // In the list of members: the place of the method, the flags and the size of what was stored.
        let list = whole.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        let changed = |place: usize, bytes: &[u8]| {
            let mut changed = whole.clone();
            changed[list + place..list + place + bytes.len()].copy_from_slice(bytes);
            read(changed)
        };
        assert!(changed(10, &[12, 0]).starts_with("d.npz/x.npy: "), "{}", changed(10, &[12, 0]));
        assert_eq!(changed(8, &[1, 0]), "d.npz/x.npy: is encrypted");
        assert!(
            changed(24, &[0xf0, 0xff, 0xff, 0x7f]).contains(" can hold"),
            "{}",
            changed(24, &[0xf0, 0xff, 0xff, 0x7f])
        );
        assert!(changed(16, &[0; 4]).starts_with("d.npz/x.npy: cannot read it: "), "{}", changed(16, &[0; 4]));
    }
}
