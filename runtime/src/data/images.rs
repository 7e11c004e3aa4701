//! A folder of PNG and JPEG files as a source: `images`, one row a file as bytes `[height, width, channel]`, and `labels`, the
//! number of the folder that the file lies in.

mod decode;

use std::path::Path;

use super::error::DataError;
use super::media::{Medium, Row};
use super::names::Pattern;
use super::{Schema, Source};
use crate::dtype::DType;

/// What is made of every image, whatever its file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageForm {
    /// Height and width in pixels; `None` leaves them as they are.
    pub size: Option<[u32; 2]>,
    /// 1 (grey), 3 (red, green, blue) or 4 (with opacity); `None` leaves them as they are.
    pub channels: Option<u8>,
    /// Columns from the names of files.
    pub names: Option<Pattern>,
}

impl ImageForm {
    /// Every image as its file has it.
    pub const AS_IT_IS: ImageForm = ImageForm { size: None, channels: None, names: None };
}

/// Decodes the first image and counts files.
pub(super) fn schema(folder: &Path, form: &ImageForm) -> Result<Schema, DataError> {
    medium(form, &|path| decode::picture(path, form)).schema(folder)
}

/// Reads the wanted columns.
pub(super) fn load(folder: &Path, form: &ImageForm, wanted: &[&str]) -> Result<Source, DataError> {
    medium(form, &|path| decode::picture(path, form)).load(folder, wanted)
}

fn medium<'a>(form: &'a ImageForm, decode: &'a (dyn Fn(&Path) -> Result<Row, DataError> + Sync)) -> Medium<'a> {
    Medium {
        column: "images",
        what: "image",
        extensions: &["png", "jpg", "jpeg"],
        dtype: DType::U8,
        names: form.names.as_ref(),
        decode,
        unlike,
    }
}

fn unlike(row: &Row, first: &Row) -> (String, String, String) {
    let kind = |row: &Row| match row.shape[..] {
        [height, width, 1] => format!("{width} × {height} pixels of grey"),
        [height, width, n] => format!("{width} × {height} pixels of {n} channels"),
        _ => String::new(),
    };
    let help = match (&row.shape[..], &first.shape[..]) {
        ([height, width, _], [h, w, _]) if (height, width) != (h, w) => {
            format!("say what size all shall be made: `images(\"folder\", size = [{h}, {w}])`")
        }
        _ => "say how many channels all shall have: `images(\"folder\", channels = 3)`".to_owned(),
    };
    (kind(row), kind(first), help)
}

#[cfg(test)]
mod tests;
