//! Folders of recordings, good and bad.

use super::*;
use std::fs;

fn pcm(rate: u32, channels: u16, bits: u16, samples: &[i32]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(vec![]);
    let spec =
        ::hound::WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: SampleFormat::Int };
    let mut writer = ::hound::WavWriter::new(&mut bytes, spec).unwrap();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
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

fn values(source: &Source) -> Vec<f64> {
    let column = source.train.column("samples").unwrap();
    (0..column.rows() * column.row_elements()).map(|index| column.value(index).unwrap()).collect()
}

#[test]
fn whole_numbers_become_floats_of_one_range() {
    for (bits, most) in [(8, 127), (16, 32767), (24, 8388607), (32, i32::MAX)] {
        let folder = folder(&[("a/0.wav", pcm(8000, 2, bits, &[0, most / 2 + 1, -most - 1, 0]))]);
        let source = load(folder.path(), &WavForm::AS_IT_IS, &["samples"]).unwrap();
        assert_eq!(source.train.columns()[0].row_shape(), [2, 2]);
        assert_eq!(values(&source), [0.0, 0.5, -1.0, 0.0], "{bits}");
    }
    let floats = {
        let mut bytes = std::io::Cursor::new(vec![]);
        let (sample_format, bits_per_sample) = (SampleFormat::Float, 32);
        let spec = ::hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample, sample_format };
        let mut writer = ::hound::WavWriter::new(&mut bytes, spec).unwrap();
        [0.25f32, -3.0].into_iter().for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    };
    let folder = folder(&[("a/0.wav", floats)]);
    assert_eq!(values(&load(folder.path(), &WavForm::AS_IT_IS, &["samples"]).unwrap()), [0.25, -3.0]);
}

#[test]
fn recordings_are_filled_up_or_cut_where_a_length_is_said() {
    let files = [("a/0.wav", pcm(8000, 1, 16, &[16384, -16384, 8192])), ("b/0.wav", pcm(8000, 1, 16, &[4096]))];
    let folder = folder(&files);
    let error = load(folder.path(), &WavForm::AS_IT_IS, &["samples"]).unwrap_err();
    assert!(
        error.file.ends_with("b/0.wav") && error.what.starts_with("it has 1 samples of 1 channels at 8000 Hz, "),
        "{error}"
    );
    assert!(error.help.unwrap().contains("samples = 3"));
    let form = WavForm { samples: Some(2), names: None };
    let source = load(folder.path(), &form, &["samples", "labels"]).unwrap();
    assert_eq!(values(&source), [0.5, -0.5, 0.125, 0.0]);
    assert_eq!(source.train.column("labels").unwrap().value(1), Some(1.0));
    fs::write(folder.path().join("b/0.wav"), pcm(16000, 1, 16, &[1, 2])).unwrap();
    assert!(load(folder.path(), &form, &["samples"]).unwrap_err().help.unwrap().contains("one rate"));
}

#[test]
fn names_of_files_give_columns() {
    let sound = pcm(8000, 1, 16, &[1, 2]);
    let files = ["train/9_lucas_1", "train/0_george_1", "train/9_theo_0", "test/7_theo_3"];
    let files: Vec<(String, Vec<u8>)> = files.iter().map(|name| (format!("{name}.wav"), sound.clone())).collect();
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
    let folder = folder(&files);
    let pattern = |text: &str| Some(Pattern::parse(text).unwrap());
    let form = WavForm { samples: None, names: pattern("{digit}_{speaker}_{_}") };
    let about = schema(folder.path(), &form).unwrap();
    let names: Vec<&str> = about.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["samples", "labels", "digit", "speaker"]);
    assert_eq!((about.columns[0].row_shape.as_slice(), about.columns[1].dtype.is_err()), (&[2, 1][..], true));
    assert_eq!(about.classes_of("speaker").unwrap(), ["george", "lucas", "theo"]);
    assert_eq!(about.classes_of("digit"), None);
    let source = load(folder.path(), &form, &["speaker", "digit"]).unwrap();
    let value = |row: usize, name: &str| source.train.column(name).unwrap().value(row).unwrap();
    assert_eq!([0, 1, 2].map(|row| (value(row, "digit"), value(row, "speaker"))), [(0.0, 0.0), (9.0, 1.0), (9.0, 2.0)]);
    let test = source.test.as_ref().unwrap();
    assert_eq!(
        (test.column("digit").unwrap().value(0), test.column("speaker").unwrap().value(0)),
        (Some(7.0), Some(2.0))
    );

    let error = load(folder.path(), &WavForm { names: pattern("{a}-{b}"), ..form.clone() }, &["a"]).unwrap_err();
    assert_eq!(error.what, "its name does not match `{a}-{b}`");
    assert!(load(folder.path(), &WavForm { names: pattern("{a}-{b}"), ..form.clone() }, &["samples"]).is_ok());
    let error =
        load(folder.path(), &WavForm { names: pattern("{samples}_{speaker}_{_}"), ..form.clone() }, &["speaker"])
            .unwrap_err();
    assert!(error.what.starts_with("`samples` is the column of the recordings"), "{error}");
    fs::write(folder.path().join("test/1_anna_3.wav"), &sound).unwrap();
    let error = load(folder.path(), &form, &["speaker"]).unwrap_err();
    assert_eq!(error.what, "`anna` is no speaker of the training part");
}

#[test]
fn bad_files_are_named_with_their_reason() {
    let refusal = |bytes: Vec<u8>| {
        let folder = folder(&[("a/0.wav", bytes)]);
        let error = schema(folder.path(), &WavForm::AS_IT_IS).unwrap_err();
        assert!(error.file.ends_with("a/0.wav"));
        error.what
    };
    let good = pcm(8000, 1, 16, &[1, 2, 3, 4]);
    assert!(refusal(good[..good.len() - 1].to_vec()).starts_with("is truncated: its header says 8 bytes of samples"));
    assert!(refusal(b"\xff\xd8\xff and more of it".to_vec()).starts_with("is no WAV file but a JPEG image"));
    assert!(refusal(vec![]).starts_with("cannot be read as WAV"));
    assert_eq!(refusal(pcm(8000, 1, 16, &[])), "the recording holds no samples");
    for length in 0..good.len() {
        refusal(good[..length].to_vec());
    }
}
