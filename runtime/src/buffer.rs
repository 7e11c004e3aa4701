//! Memory of one tensor: bytes at an address that suits every vector instruction.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// Alignment of every buffer, in bytes: a cache line and the widest vector.
pub const ALIGNMENT: usize = 64;

/// A fixed number of bytes, zero at first, aligned to [`ALIGNMENT`].
pub struct Buffer {
    data: NonNull<u8>,
    len: usize,
}

// SAFETY: a buffer owns its memory alone, and hands it out only through borrows.
unsafe impl Send for Buffer {}
// SAFETY: as above; shared borrows only read.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> Buffer {
        let layout = Buffer::layout(len);
        // SAFETY: the layout has a size of at least one alignment.
        let data = unsafe { alloc_zeroed(layout) };
        match NonNull::new(data) {
            Some(data) => Buffer { data, len },
            None => handle_alloc_error(layout),
        }
    }

    fn layout(len: usize) -> Layout {
        // Sizes were checked against the machine's memory before anything is allocated.
        Layout::from_size_align(len.max(1).next_multiple_of(ALIGNMENT), ALIGNMENT).expect("a size below isize::MAX")
    }

    /// A copy of `bytes`.
    pub fn from_bytes(bytes: &[u8]) -> Buffer {
        let mut buffer = Buffer::zeroed(bytes.len());
        buffer.as_mut_slice().copy_from_slice(bytes);
        buffer
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `data` holds at least `len` initialised bytes for as long as the buffer lives.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }

    /// The bytes, to be changed.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the exclusive borrow keeps others away.
        unsafe { std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len) }
    }

    /// Where the bytes lie.
    pub fn as_ptr(&self) -> *const u8 {
        self.data.as_ptr()
    }

    /// Where the bytes lie, to be changed.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.data.as_ptr()
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Buffer {
        Buffer::from_bytes(self.as_slice())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: allocated by `zeroed` with this layout, freed once.
        unsafe { dealloc(self.data.as_ptr(), Buffer::layout(self.len)) }
    }
}
