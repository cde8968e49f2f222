//! The one place that maps a file into memory.

use std::fs::File;
use std::io;

use memmap2::{MmapMut, MmapOptions};

/// Maps the first `length` bytes of `file`, shared with the kernel: what is written here
/// belongs to the page cache at once and survives the death of the process.
///
/// # Errors
/// When the system refuses.
#[expect(unsafe_code, reason = "mapping a file is unsafe by nature; docs/decisions/0003")]
pub(super) fn map_shared(file: &File, length: usize) -> io::Result<MmapMut> {
    // SAFETY: a mapping is sound while nobody else changes or shortens the file under it.
    // The file was made by this process with mode 0600 inside a directory of mode 0700 on
    // which this process holds an exclusive lock (see `lock.rs`), and all its blocks are
    // allocated. Within the process only the appender touches the mapping, under its mutex;
    // the storer reads through the file descriptor, never through a second mapping.
    unsafe { MmapOptions::new().len(length).map_mut(file) }
}
