//! The door of the crate `image`: the bytes of a PNG or JPEG file to rows of pixels.
//!
//! What a file is, its first bytes say, not its name. Samples of 16 bits are rounded to 8; a palette becomes colours;
//! notes on orientation and colour profiles are passed over, as most libraries for training do.

use std::io::{Cursor, Read};
use std::path::Path;

use ::image::codecs::jpeg::JpegDecoder;
use ::image::codecs::png::PngDecoder;
use ::image::imageops::FilterType;
use ::image::{DynamicImage, ImageDecoder, ImageResult};

use super::ImageForm;
use crate::data::error::{DataError, Place};
use crate::data::file::{open, recognise, system_error};
use crate::data::media::Row;

/// The most bytes that one image may take, as a file or decoded: 1 GiB.
const MAX_IMAGE_BYTES: u64 = 1 << 30;

/// Decodes a file and makes of it what `form` says: height, width and channels.
pub(super) fn picture(path: &Path, form: &ImageForm) -> Result<Row, DataError> {
    let contents = read(path)?;
    let image = match contents.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => decoded(path, PngDecoder::new(Cursor::new(&contents))),
        [0xff, 0xd8, 0xff, ..] => match jpeg_ends(&contents) {
            true => decoded(path, JpegDecoder::new(Cursor::new(&contents))),
            false => Err(DataError::new(path, "the JPEG image is truncated").at(Place::Offset(contents.len() as u64))),
        },
        [] => Err(DataError::new(path, "the file is empty")),
        start => {
            let known = recognise(start).map(|name| format!(" but {name}")).unwrap_or_default();
            Err(DataError::new(path, format!("is no PNG or JPEG image{known}")).at(Place::Offset(0)))
        }
    }?;
    let image = match form.size {
        Some([height, width]) if (image.height(), image.width()) != (height, width) => {
            // Bilinear over the area that a pixel covers, so that shrinking averages.
            image.resize_exact(width, height, FilterType::Triangle)
        }
        _ => image,
    };
    let (height, width) = (image.height() as usize, image.width() as usize);
    let channels = form.channels.unwrap_or(image.color().channel_count());
    let pixels = match channels {
        1 => image.into_luma8().into_raw(),
        2 => image.into_luma_alpha8().into_raw(),
        3 => image.into_rgb8().into_raw(),
        _ => image.into_rgba8().into_raw(),
    };
    let shape = [height, width, usize::from(channels)];
    if pixels.len() != shape.iter().product::<usize>() || pixels.is_empty() {
        return Err(DataError::new(path, "the image holds no pixels"));
    }
    Ok(Row { shape: shape.to_vec(), rate: 0, bytes: pixels })
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    let (file, length) = open(path)?;
    if length > MAX_IMAGE_BYTES {
        return Err(DataError::new(path, format!("{length} bytes are more than the {MAX_IMAGE_BYTES} of an image")));
    }
    let mut contents = Vec::new();
    let done = file.take(MAX_IMAGE_BYTES).read_to_end(&mut contents);
    done.map_err(|error| system_error(path, "read", &error))?;
    Ok(contents)
}

/// Decodes after a look at the size that the header claims.
fn decoded(path: &Path, decoder: ImageResult<impl ImageDecoder>) -> Result<DynamicImage, DataError> {
    let broken = |error| DataError::new(path, format!("cannot be decoded: {error}")).help("fetch the file again");
    let decoder = decoder.map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > MAX_IMAGE_BYTES {
        let what = format!("{width} × {height} pixels are more than the {MAX_IMAGE_BYTES} bytes of an image");
        return Err(DataError::new(path, what));
    }
    DynamicImage::from_decoder(decoder).map_err(broken)
}

/// Whether a JPEG file has its end marker. Decoders make up what is missing, so that the rest of a truncated image would
/// be grey without a word.
fn jpeg_ends(contents: &[u8]) -> bool {
    // After the first marker come segments, each with its length, and after the header of a scan its coded data, in which
    // 0xff is followed by 0 or the number of a restart.
    let mut rest = contents.get(2..).unwrap_or_default();
    loop {
        let Some(at) = rest.windows(2).position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff))
        else {
            return false;
        };
        let marker = rest.get(at + 1).copied();
        rest = rest.get(at + 2..).unwrap_or_default();
        match (marker, rest) {
            (Some(0xd9), _) => return true,
            // A marker without contents.
            (Some(0x01 | 0xd8), _) => {}
            (Some(_), &[high, low, ..]) => match rest.get(usize::from(u16::from_be_bytes([high, low]))..) {
                Some(after) => rest = after,
                None => return false,
            },
            _ => return false,
        }
    }
}
