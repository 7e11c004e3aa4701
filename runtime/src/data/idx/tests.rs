//! IDX files, good and bad.

use std::io::Write;
use std::path::PathBuf;

use super::*;
use crate::data::Place;

/// A file in a folder of its own, which lives as long as the value.
struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(name: &str, bytes: &[u8]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Fixture { _folder: folder, path }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx(code: u8, dims: &[u32], payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, code, dims.len() as u8];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(payload);
    bytes
}

fn refusal(name: &str, bytes: &[u8]) -> DataError {
    let fixture = file(name, bytes);
    let error = column(&fixture.path, "images").unwrap_err();
    assert_eq!(error.file, fixture.path);
    error
}

#[test]
fn plain_and_compressed_files_give_the_same_column() {
    let bytes = idx(8, &[3, 2, 2], &(0..12).collect::<Vec<u8>>());
    for (name, contents) in [("a-ubyte", bytes.clone()), ("a-ubyte.gz", gzip(&bytes))] {
        let fixture = file(name, &contents);
        let about = header(&fixture.path).unwrap();
        assert_eq!((about.rows(), about.row_shape(), about.dtype()), (3, &[2, 2][..], DType::U8));
        let column = column(&fixture.path, "images").unwrap();
        assert_eq!((column.rows(), column.row_shape()), (3, &[2, 2][..]));
        assert_eq!(column.data(), (0..12).collect::<Vec<u8>>());
    }
}

#[test]
fn a_file_of_several_gzip_members_is_one_stream() {
    let bytes = idx(8, &[4], &[1, 2, 3, 4]);
    let two = [gzip(&bytes[..6]), gzip(&bytes[6..])].concat();
    assert_eq!(column(&file("a.gz", &two).path, "x").unwrap().data(), [1, 2, 3, 4]);
}

#[test]
fn every_element_type_is_read() {
    let two = |bytes: Vec<u8>, code| {
        let column = column(&file("a", &idx(code, &[2], &bytes)).path, "x").unwrap();
        (column.dtype(), column.value(0).unwrap(), column.value(1).unwrap())
    };
    assert_eq!(two(vec![0xff, 1], 0x08), (DType::U8, 255.0, 1.0));
    assert_eq!(two(vec![0xff, 1], 0x09), (DType::I32, -1.0, 1.0));
    assert_eq!(two(vec![0xff, 0xfe, 1, 0], 0x0b), (DType::I32, -2.0, 256.0));
    assert_eq!(two(vec![0xff, 0xff, 0xff, 0xfd, 0, 1, 0, 0], 0x0c), (DType::I32, -3.0, 65536.0));
    assert_eq!(two([1.5f32, -2.0].iter().flat_map(|v| v.to_be_bytes()).collect(), 0x0d), (DType::F32, 1.5, -2.0));
    assert_eq!(two([0.1f64, 1e300].iter().flat_map(|v| v.to_be_bytes()).collect(), 0x0e), (DType::F64, 0.1, 1e300));
}

#[test]
fn a_number_that_is_not_finite_is_refused_with_its_row() {
    let values = [1.0f32, 2.0, f32::NAN, 4.0];
    let error = refusal("a", &idx(0x0d, &[2, 2], &values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<_>>()));
    assert_eq!(error.place, Some(Place::Row { row: 2, line: None, column: Some("images".into()) }));
    assert_eq!(error.what, "NaN is not a finite number");
}

#[test]
fn a_truncated_file_tells_both_lengths() {
    let error = refusal("a", &idx(8, &[3, 2], &[1, 2, 3, 4, 5]));
    assert_eq!(error.what, "is truncated: the header says 18 bytes, the file has 17");
    let whole = idx(8, &[3, 2], &[1, 2, 3, 4, 5]);
    assert_eq!(
        refusal("a.gz", &gzip(&whole)).what,
        "is truncated: it ends after 17 inflated bytes, the header says 18"
    );
    assert_eq!(refusal("a", &whole[..7]).what, "is truncated: it ends after 7 bytes, the header of rank 2 takes 12");
    assert_eq!(refusal("a", &[]).what, "is truncated: it ends after 0 bytes, an IDX header takes at least 8");
}

#[test]
fn trailing_bytes_are_refused() {
    let bytes = idx(8, &[2], &[1, 2, 3]);
    assert_eq!(refusal("a", &bytes).what, "1 bytes follow the 10 that the header declares");
    assert_eq!(refusal("a.gz", &gzip(&bytes)).what, "more bytes follow the 10 that the header declares");
}

#[test]
fn damage_of_a_compressed_file_is_noticed() {
    let payload: Vec<u8> = (0..4000u32).map(|value| ((value * value) >> 5) as u8).collect();
    let packed = gzip(&idx(8, &[4000], &payload));
    let mut checksum = packed.clone();
    *checksum.iter_mut().nth_back(7).unwrap() ^= 1;
    assert!(refusal("a.gz", &checksum).what.starts_with("its compressed data are damaged"));
    let cut = refusal("a.gz", &packed[..packed.len() / 2]);
    assert!(cut.what.starts_with("is truncated: it ends after "), "{cut}");
    let missing_checksum = refusal("a.gz", &packed[..packed.len() - 5]);
    assert!(missing_checksum.what.starts_with("is truncated"), "{missing_checksum}");
}

#[test]
fn a_wrong_beginning_is_shown_and_recognised() {
    let png = refusal("a", b"\x89PNG\r\n\x1a\n....");
    assert_eq!(png.what, "does not begin like an IDX file (00 00, type, rank): found 89 50 4e 47 (a PNG image)");
    let unnamed = refusal("a", &gzip(b"xx"));
    assert_eq!(unnamed.help.as_deref(), Some("give it a name that ends in .gz"));
    let page = refusal("a.gz", b"<!DOCTYPE html><title>404</title>");
    assert!(page.what.contains("found 3c 21 44 4f (an HTML page"), "{page}");
    assert_eq!(refusal("a.gz", &idx(8, &[1], &[1])).help.as_deref(), Some("remove .gz from its name"));
    assert!(refusal("a", b"ab").what.contains("found 61 62"));
}

#[test]
fn strange_types_ranks_and_sizes_are_refused() {
    assert_eq!(refusal("a", &idx(7, &[1], &[1])).what, "0x07 is not an IDX element type");
    assert_eq!(refusal("a", &[0, 0, 8, 0]).what, "the header declares 0 dimensions; 1 to 8 are read");
    assert_eq!(refusal("a", &[0, 0, 8, 200]).what, "the header declares 200 dimensions; 1 to 8 are read");
    assert!(refusal("a", &idx(8, &[0, 3], &[])).what.contains("which holds nothing"));
    let huge = refusal("a", &idx(0x0e, &[u32::MAX; 3], &[0; 8]));
    assert!(huge.what.contains("more than the 68719476736 bytes allowed"), "{huge}");
}

#[test]
fn a_bomb_is_refused_before_memory_is_asked_for() {
    let error = refusal("a.gz", &gzip(&idx(8, &[1 << 30, 50], &[0; 100])));
    assert!(error.what.contains("compressed bytes can hold"), "{error}");
    let error = refusal("a", &idx(8, &[1 << 30, 50], &[0; 100]));
    assert!(error.what.starts_with("is truncated"), "{error}");
}

#[test]
fn what_inflates_to_more_than_declared_is_not_inflated() {
    // 16 MiB of zeros behind a header that declares one byte.
    let mut bytes = idx(8, &[1], &[]);
    bytes.resize(16 << 20, 0);
    assert_eq!(refusal("a.gz", &gzip(&bytes)).what, "more bytes follow the 9 that the header declares");
}
