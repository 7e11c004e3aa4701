//! Folders of images, good and bad; files are made by the crate that decodes them.

use super::*;
use crate::data::{Format, Request};
use ::image::{ExtendedColorType, ImageEncoder, codecs};
use std::fs;

fn png(width: u32, height: u32, kind: ExtendedColorType, pixels: &[u8]) -> Vec<u8> {
    let mut bytes = vec![];
    codecs::png::PngEncoder::new(&mut bytes).write_image(pixels, width, height, kind).unwrap();
    bytes
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let pixels: Vec<u8> = (0..width * height * 3).map(|i| (i * 7 % 251) as u8).collect();
    let mut bytes = vec![];
    codecs::jpeg::JpegEncoder::new(&mut bytes).write_image(&pixels, width, height, ExtendedColorType::Rgb8).unwrap();
    bytes
}

fn grey(width: u32, height: u32, value: u8) -> Vec<u8> {
    png(width, height, ExtendedColorType::L8, &vec![value; (width * height) as usize])
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

fn form(size: Option<[u32; 2]>, channels: Option<u8>) -> ImageForm {
    ImageForm { size, channels, names: None }
}

#[test]
fn rows_are_pixels_as_they_are_by_class_and_name() {
    let colours: Vec<u8> = (0..2 * 3 * 3).collect();
    let colour = |shift: u8| {
        let pixels: Vec<u8> = colours.iter().map(|value| value + shift).collect();
        png(3, 2, ExtendedColorType::Rgb8, &pixels)
    };
    let files = [
        ("train/b/0.png", colour(100)),
        ("train/a/1.png", colour(50)),
        ("train/a/0.png", colour(0)),
        ("test/b/9.PNG", colour(7)),
    ];
    let folder = folder(&files);
    let about = schema(folder.path(), &ImageForm::AS_IT_IS).unwrap();
    assert_eq!((about.train_rows, about.test_rows), (3, Some(1)));
    assert_eq!((about.columns[0].row_shape.as_slice(), &about.columns[0].dtype), (&[2, 3, 3][..], &Ok(DType::U8)));
    assert_eq!(about.classes_of("labels").unwrap(), ["a", "b"]);
    let source = load(folder.path(), &ImageForm::AS_IT_IS, &["labels", "images"]).unwrap();
    let expected: Vec<u8> =
        [0, 50, 100].iter().flat_map(|shift| colours.iter().map(move |value| value + shift)).collect();
    assert_eq!(source.train.column("images").unwrap().data(), expected);
    let labels = source.train.column("labels").unwrap();
    assert_eq!([0, 1, 2].map(|row| labels.value(row)), [Some(0.0), Some(0.0), Some(1.0)]);
    assert_eq!(source.test.unwrap().column("labels").unwrap().value(0), Some(1.0));
}

#[test]
fn images_of_other_sizes_or_channels_are_refused_or_made_alike() {
    let folder = folder(&[("a/0.png", grey(4, 4, 9)), ("a/1.png", grey(5, 4, 200))]);
    let error = load(folder.path(), &ImageForm::AS_IT_IS, &["images"]).unwrap_err();
    assert!(error.file.ends_with("a/1.png"), "{error}");
    assert!(
        error.what.starts_with("it has 5 × 4 pixels of grey, ") && error.what.contains("0.png has 4 × 4"),
        "{error}"
    );
    assert!(error.help.unwrap().contains("size = [4, 4]"));
    let made = load(folder.path(), &form(Some([2, 3]), Some(3)), &["images"]).unwrap();
    let column = &made.train.columns()[0];
    assert_eq!(column.row_shape(), [2, 3, 3]);
    assert_eq!(column.data(), [vec![9; 18], vec![200; 18]].concat());
    fs::write(folder.path().join("a/1.png"), png(4, 4, ExtendedColorType::Rgb8, &[1; 48])).unwrap();
    let error = load(folder.path(), &ImageForm::AS_IT_IS, &["images"]).unwrap_err();
    assert!(error.help.unwrap().contains("channels = 3"));
    assert!(load(folder.path(), &form(None, Some(1)), &["images"]).is_ok());
}

#[test]
fn sixteen_bits_become_eight() {
    let deep: Vec<u8> = [0u16, 257, 65535, 32768].iter().flat_map(|value| value.to_ne_bytes()).collect();
    let folder = folder(&[("a/0.png", png(2, 2, ExtendedColorType::L16, &deep))]);
    let source = load(folder.path(), &ImageForm::AS_IT_IS, &["images"]).unwrap();
    assert_eq!(source.train.columns()[0].data(), [0, 1, 255, 128]);
}

#[test]
fn labels_alone_open_no_image() {
    let folder = folder(&[("a/0.png", vec![]), ("b/0.png", vec![])]);
    assert_eq!(load(folder.path(), &ImageForm::AS_IT_IS, &["labels"]).unwrap().train.rows(), 2);
    let error = load(folder.path(), &ImageForm::AS_IT_IS, &["image"]).unwrap_err();
    assert_eq!(error.help.as_deref(), Some("did you mean `images`?"));
    assert_eq!(schema(folder.path(), &ImageForm::AS_IT_IS).unwrap_err().what, "the file is empty");
}

#[test]
fn a_bad_file_is_named_with_its_reason_the_first_in_order() {
    let mut files: Vec<(String, Vec<u8>)> = (0..20).map(|i| (format!("a/{i:02}.jpg"), jpeg(8, 8))).collect();
    files[7].1 = b"<!DOCTYPE html><p>404".to_vec();
    files[12].1.truncate(200);
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let folder = folder(&files);
    for _ in 0..5 {
        let error = load(folder.path(), &ImageForm::AS_IT_IS, &["images"]).unwrap_err();
        assert!(error.file.ends_with("a/07.jpg"), "{error}");
        assert!(error.what.starts_with("is no PNG or JPEG image but an HTML page"), "{error}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for good in [jpeg(17, 9), png(9, 5, ExtendedColorType::Rgb8, &[77; 135])] {
        let folder = folder(&[("a/0.png", good.clone())]);
        let path = folder.path().join("a/0.png");
        assert!(decode::picture(&path, &ImageForm::AS_IT_IS).is_ok());
        // The last twelve bytes of a PNG file say only that it ends.
        for length in 0..good.len() - if good[0] == 0x89 { 12 } else { 0 } {
            fs::write(&path, &good[..length]).unwrap();
            let error = decode::picture(&path, &ImageForm::AS_IT_IS).expect_err("cut");
            assert_eq!(error.file, path, "{length}");
        }
    }
}

#[test]
fn a_header_that_claims_too_much_costs_nothing() {
    let mut bytes = grey(4, 4, 1);
    // Width and height stand after the signature, a length and a name; then their checksum.
    bytes[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let sum = crc32fast::hash(&bytes[12..29]).to_be_bytes();
    bytes[29..33].copy_from_slice(&sum);
    let mut wide = jpeg(8, 8);
    let frame = wide.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    wide[frame + 5..frame + 9].fill(0xff);
    for bytes in [bytes, wide] {
        let folder = folder(&[("a/0.png", bytes)]);
        let error = schema(folder.path(), &ImageForm::AS_IT_IS).unwrap_err();
        assert!(error.file.ends_with("a/0.png"), "{error}");
    }
}

#[test]
fn a_missing_folder_says_how_to_get_the_data() {
    let request = |hint| Request { format: Format::Images(ImageForm::AS_IT_IS), path: "/no/such".into(), hint };
    let error = request(Some("fetch it".to_owned())).schema().unwrap_err();
    assert_eq!((error.what.as_str(), error.help.as_deref()), ("there is no such folder", Some("fetch it")));
}
