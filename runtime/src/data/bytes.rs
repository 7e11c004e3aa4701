//! The memory of one column: filled once by a reader, then only read.
//!
//! Large buffers come from huge pages where the system offers them: first-touch page faults would otherwise cost about
//! as much as reading the file. Columns are copies of their files, never views of them, so a file that another program
//! changes during training can neither change a result nor end the process.

use std::io;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// From this size on a buffer is made of pages of its own.
const PAGES_FROM: usize = 1 << 20;

/// A fixed number of bytes, zero at first.
#[derive(Debug)]
pub struct Bytes(Storage);

#[derive(Debug)]
enum Storage {
    Heap(Vec<u8>),
    Pages(MmapMut),
}

impl Bytes {
    /// `len` zero bytes, or the system's refusal to give them.
    pub fn zeroed(len: usize) -> io::Result<Bytes> {
        if len < PAGES_FROM {
            let mut bytes = Vec::new();
            bytes.try_reserve_exact(len)?;
            bytes.resize(len, 0);
            return Ok(Bytes(Storage::Heap(bytes)));
        }
        let pages = MmapMut::map_anon(len)?;
        // Advice only: a system without huge pages gives ordinary ones.
        #[cfg(target_os = "linux")]
        let _ = pages.advise(memmap2::Advice::HugePage);
        Ok(Bytes(Storage::Pages(pages)))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes(Storage::Heap(bytes))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Storage::Heap(bytes) => bytes,
            Storage::Pages(pages) => pages,
        }
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Storage::Heap(bytes) => bytes,
            Storage::Pages(pages) => pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_storage_are_zero_and_writable() {
        for len in [0, 1, PAGES_FROM - 1, PAGES_FROM, PAGES_FROM + 5] {
            let mut bytes = Bytes::zeroed(len).unwrap();
            assert_eq!(bytes.len(), len);
            assert!(bytes.iter().all(|&byte| byte == 0));
            bytes.fill(9);
            assert!(bytes.iter().all(|&byte| byte == 9));
        }
    }

    #[test]
    fn an_impossible_size_is_refused() {
        assert!(Bytes::zeroed(usize::MAX / 2).is_err());
    }
}
