//! A folder of PNG and JPEG files as a source: `images`, one row a file as bytes `[height, width, channel]`, and `labels`,
//! the number of the folder that the file lies in.
//!
//! All rows have one shape, that of the first file, unless the form says which to make of each. Files are decoded on all
//! cores, each into its place, so rows and errors do not depend on which is done first.

mod decode;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use self::decode::Picture;
use super::bytes::Bytes;
use super::class_folders::{self, LABELS, Part, Tree};
use super::column::{Column, MAX_COLUMN_BYTES, Table, no_such_column};
use super::error::DataError;
use super::file::system_error;
use super::{ColumnSchema, Schema, Source};
use crate::dtype::DType;

const IMAGES: &str = "images";

/// What is made of every image, whatever its file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageForm {
    /// Height and width in pixels; `None` leaves them as they are.
    pub size: Option<[u32; 2]>,
    /// 1 (grey), 3 (red, green, blue) or 4 (with opacity); `None` leaves them as they are.
    pub channels: Option<u8>,
}

impl ImageForm {
    /// Every image as its file has it.
    pub const AS_IT_IS: ImageForm = ImageForm { size: None, channels: None };
}

/// Decodes the first image and counts files.
pub(super) fn schema(folder: &Path, form: ImageForm) -> Result<Schema, DataError> {
    let tree = find(folder)?;
    let first = first(&tree, form)?;
    let images = ColumnSchema::new(IMAGES, Ok(DType::U8), first.shape.to_vec());
    Ok(Schema {
        columns: vec![images, tree.labels_schema()],
        train_rows: tree.train.files.len(),
        test_rows: tree.test.map(|part| part.files.len()),
        classes: tree.classes,
    })
}

/// Reads the wanted columns; without `images` no file is opened.
pub(super) fn load(folder: &Path, form: ImageForm, wanted: &[&str]) -> Result<Source, DataError> {
    let tree = find(folder)?;
    if let Some(name) = wanted.iter().find(|name| ![IMAGES, LABELS].contains(name)) {
        return Err(no_such_column(folder, name, [IMAGES, LABELS].into_iter()));
    }
    let first = if wanted.contains(&IMAGES) { Some(first(&tree, form)?) } else { None };
    let table = |part: &Part| {
        let column = |name: &&str| match (&first, *name) {
            (Some(first), IMAGES) => read_all(folder, part, form, (first, &tree.train.files[0])),
            _ => part.labels(),
        };
        Table::new(wanted.iter().map(column).collect::<Result<_, _>>()?)
    };
    Ok(Source { train: table(&tree.train)?, test: tree.test.as_ref().map(table).transpose()? })
}

fn find(folder: &Path) -> Result<Tree, DataError> {
    class_folders::find(folder, &["png", "jpg", "jpeg"], "image")
}

/// The image that says what shape the others have. A part has at least one file.
fn first(tree: &Tree, form: ImageForm) -> Result<Picture, DataError> {
    decode::picture(&tree.train.files[0], form)
}

/// Decodes the files of a part, in their order.
fn read_all(
    folder: &Path,
    part: &Part,
    form: ImageForm,
    (first, first_path): (&Picture, &Path),
) -> Result<Column, DataError> {
    let row = first.pixels.len();
    let total = row.checked_mul(part.files.len()).filter(|&total| total as u64 <= MAX_COLUMN_BYTES);
    let total = total.ok_or_else(|| {
        let what = format!("{} images of {row} bytes are more than the {MAX_COLUMN_BYTES} allowed", part.files.len());
        DataError::new(folder, what).help("make them smaller: `size = [32, 32]`")
    })?;
    let mut bytes = Bytes::zeroed(total).map_err(|error| system_error(folder, "hold", &error))?;
    let fill = |files: &[PathBuf], rows: &mut [u8]| {
        for (path, place) in files.iter().zip(rows.chunks_exact_mut(row)) {
            let picture = decode::picture(path, form)?;
            if picture.shape != first.shape {
                return Err(unlike(path, &picture, first_path, first));
            }
            place.copy_from_slice(&picture.pixels);
        }
        Ok(())
    };
    let share = part.files.len().div_ceil(thread::available_parallelism().map_or(1, usize::from));
    thread::scope(|scope| {
        let jobs: Vec<_> = part.files.chunks(share).zip(bytes.chunks_mut(share * row)).collect();
        let running: Vec<_> = jobs.into_iter().map(|(files, rows)| scope.spawn(move || fill(files, rows))).collect();
        // The first error in the order of files is the one reported.
        let done: Vec<Result<(), DataError>> = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        done.into_iter().collect::<Result<(), DataError>>()
    })?;
    let whole = DataError::new(folder, "images are not whole rows");
    Column::new(IMAGES, Arc::from(folder), DType::U8, first.shape.to_vec(), bytes).ok_or(whole)
}

fn unlike(path: &Path, picture: &Picture, first_path: &Path, first: &Picture) -> DataError {
    let kind = |[height, width, channels]: [usize; 3]| match channels {
        1 => format!("{width} × {height} pixels of grey"),
        n => format!("{width} × {height} pixels of {n} channels"),
    };
    let what = format!("it has {}, {} has {}", kind(picture.shape), first_path.display(), kind(first.shape));
    let [height, width, _] = first.shape;
    let help = match picture.shape[..2] == first.shape[..2] {
        true => "say how many channels all shall have: `images(\"folder\", channels = 3)`".to_owned(),
        false => format!("say what size all shall be made: `images(\"folder\", size = [{height}, {width}])`"),
    };
    DataError::new(path, what).help(help)
}

#[cfg(test)]
mod tests;
