//! Pictures: brightness or colour from 0 to 1 as a PNG file. The only file that knows the format.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use std::io::Write;

/// The most bytes that pictures take together.
const MOST_BYTES: usize = 1 << 28;

/// Pictures of one size side by side, line by line, dark where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    /// 1 for brightness, 3 for red, green and blue.
    channels: usize,
    /// The height and the width of one, neither of which is 0.
    one: [usize; 2],
    /// Row by row from the top, left to right, a byte a channel.
    bytes: Vec<u8>,
}

impl Picture {
    /// Room for `count` pictures of `height` by `width` points with 1 or 3 channels, in so many columns; all dark.
    ///
    /// `None` where there is no point, or the whole is too large for the format or takes more than 256 MiB.
    pub fn dark([count, height, width, channels]: [usize; 4], columns: usize) -> Option<Picture> {
        let columns = columns.max(1).min(count.max(1));
        let (across, down) = (columns.checked_mul(width)?, count.div_ceil(columns).checked_mul(height)?);
        let fits = |n: usize| u32::try_from(n).is_ok_and(|n| n > 0 && n < 1 << 31);
        let bytes = across.checked_mul(down)?.checked_mul(channels)?;
        if !fits(across) || !fits(down) || !matches!(channels, 1 | 3) || bytes > MOST_BYTES {
            return None;
        }
        Some(Picture { width: across, height: down, channels, one: [height, width], bytes: vec![0; bytes] })
    }

    /// Puts a picture in its place, counted along lines: its values row-major, channels last; what lies outside 0 to 1, a NaN too,
    /// becomes the nearest of them. A place that there is not is passed over.
    pub fn put(&mut self, place: usize, values: &[f64]) {
        let [height, width] = self.one;
        let columns = self.width / width;
        let line = width * self.channels;
        for (y, points) in values.chunks_exact(line).take(height).enumerate() {
            let row = place / columns * height + y;
            let start = (row * self.width + place % columns * width) * self.channels;
            let bytes = self.bytes.get_mut(start..start + line).unwrap_or_default();
            for (byte, value) in bytes.iter_mut().zip(points) {
                // A cast of a float saturates, and takes a NaN for 0.
                *byte = (value * 255.0).round() as u8;
            }
        }
    }

    /// The picture as a file.
    pub fn png(&self) -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        // `dark` has checked that both sizes have 31 bits.
        let mut head = [(self.width as u32).to_be_bytes(), (self.height as u32).to_be_bytes()].concat();
        let colour = if self.channels == 1 { 0 } else { 2 };
        head.extend([8, colour, 0, 0, 0]);
        chunk(&mut file, *b"IHDR", &head);
        chunk(&mut file, *b"IDAT", &self.packed());
        chunk(&mut file, *b"IEND", &[]);
        file
    }

    /// The rows, each behind the number of its filter, which is none.
    fn packed(&self) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        for row in self.bytes.chunks(self.width * self.channels) {
            // Writing to memory cannot fail.
            let _ = encoder.write_all(&[0]).and_then(|()| encoder.write_all(row));
        }
        encoder.finish().unwrap_or_default()
    }
}

/// Length, kind, content, and the checksum of kind and content.
fn chunk(file: &mut Vec<u8>, kind: [u8; 4], content: &[u8]) {
    // The content of a picture whose sizes have 31 bits each and that lies in memory.
    file.extend((content.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(content);
    let sum = crc32fast::hash(&file[start..]);
    file.extend(sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::ZlibDecoder;
    use std::io::Read;

    #[test]
    fn pictures_lie_side_by_side() {
        let mut picture = Picture::dark([3, 1, 2, 1], 2).unwrap();
        for (place, values) in [[0.0, 1.0], [0.5, 2.0], [-1.0, f64::NAN], [1.0, 1.0]].iter().enumerate() {
            picture.put(place, values);
        }
        assert_eq!((picture.width, picture.height), (4, 2));
        // The last has the place that is left over; a further one has none.
        assert_eq!(picture.bytes, [0, 255, 128, 255, 0, 0, 255, 255]);
        let before = picture.bytes.clone();
        picture.put(4, &[1.0, 1.0]);
        picture.put(0, &[0.5]);
        assert_eq!(picture.bytes, before);
        assert_eq!(Picture::dark([1, 1, 3, 2], 2), None);
        assert_eq!(Picture::dark([0, 1, 2, 1], 2), None);
        assert_eq!(Picture::dark([1 << 20, 1 << 10, 1 << 10, 1], 1 << 10), None);
    }

    #[test]
    fn a_file_has_the_chunks_of_the_format() {
        let mut picture = Picture::dark([1, 1, 2, 3], 8).unwrap();
        picture.put(0, &[1.0, 0.0, 0.5, 0.2, 0.4, 0.6]);
        let file = picture.png();
        assert_eq!(file[..8], *b"\x89PNG\r\n\x1a\n");
        assert_eq!(file[8..33], *b"\0\0\0\x0dIHDR\0\0\0\x02\0\0\0\x01\x08\x02\0\0\0\x7b\x40\xe8\xdd");
        let length = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        assert_eq!(file[37..41], *b"IDAT");
        let mut rows = vec![];
        ZlibDecoder::new(&file[41..41 + length]).read_to_end(&mut rows).unwrap();
        assert_eq!(rows, [0, 255, 0, 128, 51, 102, 153]);
        assert_eq!(file[file.len() - 12..], *b"\0\0\0\0IEND\xae\x42\x60\x82");
    }
}
