//! Seeded mutations and truncations of good files: every reader must answer with a value or an error, never with a
//! panic, and may not believe sizes that the file cannot hold.

use std::fs;
use std::io::Write;
use std::path::Path;

use std::sync::Arc;

use super::tokens::{Tokens, Unit};
use super::{Format, ImageForm, Request, Schema, Wanted, WavForm, idx};

/// A small generator (Marsaglia's xorshift) so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// One to four edits: a byte changed, removed, doubled, or a run of extremes.
fn mutate(random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
        match (random.below(6), bytes.is_empty()) {
            (_, true) => bytes.push(random.next() as u8),
            (0, _) => bytes[at] ^= 1 << random.below(8),
            (1, _) => bytes[at] = random.next() as u8,
            (2, _) => drop(bytes.remove(at)),
            (3, _) => bytes.insert(at, bytes[at]),
            (4, _) => bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0xff),
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Writes a new file in place of the old one. Cutting an existing file to nothing makes some systems wait for the disk.
fn renew(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn good_idx() -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 3];
    bytes.extend((0..60u8).map(|value| value.wrapping_mul(37)));
    bytes
}

/// Reads `bytes` as an IDX file; what is accepted must be exactly what its header says.
fn read_idx(path: &Path, bytes: &[u8]) -> bool {
    renew(path, bytes);
    let header = idx::header(path);
    match idx::column(path, "x") {
        Ok(column) => {
            let header = header.expect("a file that can be read has a header");
            assert_eq!((column.rows(), column.row_shape()), (header.rows(), header.row_shape()));
            assert!(column.data().len() <= 1 << 20, "no mutant of a small file is large");
            true
        }
        Err(error) => {
            assert!(!error.what.is_empty() && error.file == path);
            false
        }
    }
}

#[test]
fn every_truncation_of_an_idx_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, good) in [("a", good_idx()), ("a.gz", gzip(&good_idx()))] {
        let path = folder.path().join(name);
        assert!(read_idx(&path, &good));
        for length in 0..good.len() {
            assert!(!read_idx(&path, &good[..length]), "{name} cut to {length} bytes");
        }
    }
}

#[test]
fn mutated_idx_files_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (name, good) in [("a", good_idx()), ("a.gz", gzip(&good_idx()))] {
        let path = folder.path().join(name);
        for _ in 0..1500 {
            read_idx(&path, &mutate(&mut random, &good));
        }
    }
    // Damaged contents inside a sound compressed stream.
    let path = folder.path().join("b.gz");
    for _ in 0..500 {
        read_idx(&path, &gzip(&mutate(&mut random, &good_idx())));
    }
}

#[test]
fn one_wrong_bit_in_a_compressed_payload_is_always_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gz");
    let good = gzip(&good_idx());
    // The ten bytes before the stream hold flags, a time and a system, which decoders may ignore.
    for bit in 8 * 10..8 * good.len() {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        renew(&path, &bytes);
        if let Ok(column) = idx::column(&path, "x") {
            assert_eq!(column.data(), &good_idx()[16..], "bit {bit}");
        }
    }
}

#[test]
fn mutated_csv_files_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let request = Request { format: Format::Csv, path: path.clone(), hint: None };
    let good = b"length,width,\"a \"\"b\"\"\"\n1,2.5,-3\n4,5e1,6\r\n7,.5,\"9\"\n";
    let mut random = Random(42);
    for round in 0..3000 {
        renew(&path, &if round == 0 { good.to_vec() } else { mutate(&mut random, good) });
        let Ok(Schema { columns, train_rows, .. }) = request.schema() else { continue };
        for column in &columns {
            let loaded = request.load(&[Wanted { column: column.name.clone(), encoding: None }]);
            match &column.dtype {
                Ok(dtype) => {
                    let source = loaded.expect("a column with a type can be loaded");
                    let loaded = &source.train.columns()[0];
                    assert_eq!((loaded.dtype(), loaded.rows()), (*dtype, train_rows));
                }
                Err(error) => assert_eq!(loaded.as_ref().err(), Some(error)),
            }
            // Any column can be read as text, unless its bytes are none.
            let Ok(encoding) = request.encoding(&column.name, &Tokens::of(Unit::Words)) else { continue };
            let wanted = Wanted { column: column.name.clone(), encoding: Some(Arc::new(encoding)) };
            assert_eq!(request.load(&[wanted]).expect("text that was read is read again").train.rows(), train_rows);
        }
    }
}

/// Reads mutants of a file of a folder, which are read or refused by both ways into the source alike.
fn read_mutants(format: Format, name: &str, good: &[u8], rounds: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    // An archive is a source by itself, all other files are part of a folder.
    let source = if name.ends_with(".npz") { path.clone() } else { folder.path().into() };
    let request = Request { format, path: source, hint: None };
    let mut random = Random(7);
    for round in 0..rounds {
        renew(&path, &if round == 0 { good.to_vec() } else { mutate(&mut random, good) });
        let Ok(Schema { columns, train_rows, .. }) = request.schema() else {
            assert!(round > 0, "the good file is read");
            continue;
        };
        match request.load(&[Wanted { column: columns[0].name.clone(), encoding: None }]) {
            Ok(source) => {
                let loaded = &source.train.columns()[0];
                assert_eq!((Ok(loaded.dtype()), loaded.rows()), (columns[0].dtype.clone(), train_rows));
                assert!(loaded.data().len() <= 1 << 20, "no mutant of a small file is large");
            }
            Err(error) => assert!(round > 0 && !error.what.is_empty()),
        }
    }
}

fn good_array() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }\n";
    let mut good = b"\x93NUMPY\x01\x00".to_vec();
    good.extend((header.len() as u16).to_le_bytes());
    good.extend(header.as_bytes());
    good.extend((0..6).flat_map(|value| (value as f32).to_le_bytes()));
    good
}

#[test]
fn mutated_arrays_are_read_or_refused() {
    read_mutants(Format::Npy, "x.npy", &good_array(), 4000);
}

#[test]
fn mutated_archives_are_read_or_refused() {
    for method in [::zip::CompressionMethod::Stored, ::zip::CompressionMethod::Deflated] {
        for large in [false, true] {
            let mut archive = ::zip::ZipWriter::new(std::io::Cursor::new(vec![]));
            let options = ::zip::write::SimpleFileOptions::default().compression_method(method).large_file(large);
            for name in ["train/x.npy", "train/y.npy", "test/x.npy", "test/y.npy"] {
                archive.start_file(name, options).unwrap();
                archive.write_all(&good_array()).unwrap();
            }
            read_mutants(Format::Npy, "x.npz", archive.finish().unwrap().get_ref(), 3000);
        }
    }
}

#[test]
fn mutated_images_are_read_or_refused() {
    use ::image::{ExtendedColorType, ImageEncoder, codecs};
    let pixels: Vec<u8> = (0..20 * 12 * 3).map(|i| (i * 7 % 251) as u8).collect();
    let (mut png, mut jpeg) = (vec![], vec![]);
    codecs::png::PngEncoder::new(&mut png).write_image(&pixels, 20, 12, ExtendedColorType::Rgb8).unwrap();
    codecs::jpeg::JpegEncoder::new(&mut jpeg).write_image(&pixels, 20, 12, ExtendedColorType::Rgb8).unwrap();
    for good in [png, jpeg] {
        read_mutants(Format::Images(ImageForm { size: Some([8, 8]), ..ImageForm::AS_IT_IS }), "x.png", &good, 1500);
    }
}

#[test]
fn mutated_recordings_are_read_or_refused() {
    for (bits_per_sample, sample_format) in [(16, ::hound::SampleFormat::Int), (32, ::hound::SampleFormat::Float)] {
        let mut good = std::io::Cursor::new(vec![]);
        let spec = ::hound::WavSpec { channels: 2, sample_rate: 8000, bits_per_sample, sample_format };
        let mut writer = ::hound::WavWriter::new(&mut good, spec).unwrap();
        (0..20i16).for_each(|sample| match sample_format {
            ::hound::SampleFormat::Int => writer.write_sample(sample).unwrap(),
            ::hound::SampleFormat::Float => writer.write_sample(f32::from(sample)).unwrap(),
        });
        writer.finalize().unwrap();
        for samples in [None, Some(8)] {
            read_mutants(Format::Wav(WavForm { samples, names: None }), "x.wav", good.get_ref(), 2000);
        }
    }
}
