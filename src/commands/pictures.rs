//! Pictures among the outputs of a predict block, as files: all that a block without data draws in one, and those of rows page by
//! page, so that never more than a page of them is held.

use std::path::Path;

use nnc_compiler::program::Picture;
use nnc_grammar::codes;
use nnc_runtime::checkpoint::atomic;
use nnc_runtime::picture;

use crate::console::Console;
use crate::report::Plain;

/// How many pictures of rows lie side by side, at most, where the program does not say it.
const COLUMNS: usize = 16;

/// An output that is pictures, and the pages that have been drawn of it.
pub(super) struct Pages<'a> {
    picture: &'a Picture,
    /// The folder of the files.
    folder: &'a Path,
    columns: usize,
    /// Pictures of a page, pictures in all, and how many of these there have been.
    page: usize,
    count: usize,
    done: usize,
    open: Option<picture::Picture>,
}

impl<'a> Pages<'a> {
    /// Of an output that has `rows` rows, where it is pictures of rows.
    pub(super) fn new(picture: &'a Picture, rows: usize, folder: &'a Path) -> Pages<'a> {
        let count = picture.count.unwrap_or(rows);
        let columns = picture.columns_of(count);
        let (columns, page) = match (picture.count, picture.columns) {
            (Some(count), _) => (columns, count),
            (None, Some(columns)) => (columns, columns.saturating_mul(columns)),
            (None, None) => (columns.min(COLUMNS), COLUMNS * COLUMNS),
        };
        Pages { picture, folder, columns, page, count, done: 0, open: None }
    }

    /// The output that it is.
    pub(super) fn output(&self) -> &'a str {
        &self.picture.output
    }

    /// Draws the next pictures, one after the other, and writes each page that is full.
    pub(super) fn draw(&mut self, values: &[f64], console: &Console) -> Result<(), Plain> {
        let [height, width, channels] = self.picture.size;
        for values in values.chunks(height * width * channels) {
            let count = self.page.min(self.count - self.done / self.page * self.page);
            let mut open = match self.open.take() {
                Some(open) => open,
                None => picture::Picture::dark([count, height, width, channels], self.columns).ok_or_else(|| {
                    let plain = Plain::new(codes::TOO_LARGE, format!("`{}` is too large", self.picture.output));
                    plain.help("choose a smaller `grid`: a page has as many pictures below each other as side by side")
                })?,
            };
            open.put(self.done % self.page, values);
            self.done += 1;
            if self.done.is_multiple_of(self.page) || self.done == self.count {
                self.write(&open, console)?;
            } else {
                self.open = Some(open);
            }
        }
        Ok(())
    }

    fn write(&self, page: &picture::Picture, console: &Console) -> Result<(), Plain> {
        let name = &self.picture.output;
        let name = match self.count > self.page {
            true => format!("{name}-{:04}.png", self.done.div_ceil(self.page)),
            false => format!("{name}.png"),
        };
        let path = self.folder.join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = made.and_then(|()| atomic::replace(&path, |file| file.write_all(&page.png())));
        written.map_err(|error| Plain::new(codes::FILE, format!("{}: {error}", path.display())))?;
        console.remark(&path.display().to_string());
        Ok(())
    }
}
