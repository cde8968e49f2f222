//! Segments: files of a fixed size whose blocks are all allocated before the first write, so
//! that a full disk is an error here and never a fault in the middle of a memory copy. They
//! are made as spares, which have no position yet, and become active by getting a header and
//! a name: neither needs room on the disk, so a spare is room that nobody can take away.
//!
//! Positions count bytes through all segments: a segment that starts at position P holds the
//! positions P to P + its file length, and its file is named after P.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use memmap2::MmapMut;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use tb_core::ports::StoreError;

use super::Allocate;
use super::map::map_shared;

/// `magic 8 | u32 version | u32 zero | u64 start position | u32 CRC32C of those | u32 zero`.
pub(super) const HEADER_BYTES: u64 = 32;
const MAGIC: &[u8; 8] = b"TBJOURNL";
const VERSION: u32 = 1;
const EXTENSION: &str = "tbj";
const SPARE_EXTENSION: &str = "new";

/// A segment on disk, as the storer sees it.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The position of its first byte.
    pub(super) base: u64,
    /// Its length on disk in bytes.
    pub(super) file_bytes: u64,
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    /// Where its records end (position), once nothing more will be written to it.
    pub(super) sealed_at: Option<u64>,
}

impl Segment {
    /// The position after its last byte: where the next segment may start.
    pub(super) const fn end(&self) -> u64 {
        self.base.saturating_add(self.file_bytes)
    }

    /// The position of its first record.
    pub(super) const fn first(&self) -> u64 {
        self.base.saturating_add(HEADER_BYTES)
    }

    /// Opens a segment that is there. `None` when its maker died before it was ready: then
    /// nothing can have been written to it.
    pub(super) fn open(path: &Path, base: u64) -> Result<Option<Self>, StoreError> {
        let fault = |fault: io::Error| {
            StoreError::Failed(format!(
                "cannot read the journal segment {}: {fault}",
                path.display()
            ))
        };
        let file = File::open(path).map_err(fault)?;
        let file_bytes = file.metadata().map_err(fault)?.len();
        let mut found = [0; 32];
        let length = file.read_at(&mut found, 0).map_err(fault)?;
        if length < found.len() || found == [0; 32] {
            return Ok(None);
        }
        if found != header(base) {
            return Err(StoreError::Failed(format!(
                "{} is not a journal segment of this version: move it away, or use the version \
                 that wrote it",
                path.display()
            )));
        }
        let (path, file) = (path.to_owned(), Arc::new(file));
        Ok(Some(Self { base, file_bytes, path, file, sealed_at: None }))
    }
}

/// The path of the segment that starts at `base`.
pub(super) fn path_of(directory: &Path, base: u64) -> PathBuf {
    directory.join(format!("{base:016x}.{EXTENSION}"))
}

/// The start position in the name of a segment file.
pub(super) fn base_of(path: &Path) -> Option<u64> {
    if path.extension()? != EXTENSION {
        return None;
    }
    u64::from_str_radix(path.file_stem()?.to_str()?, 16).ok()
}

/// Whether this is a spare that a process left behind.
pub(super) fn is_spare(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == SPARE_EXTENSION)
}

fn header(base: u64) -> [u8; 32] {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&base.to_le_bytes());
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.try_into().unwrap_or([0; 32])
}

/// The segment being written.
pub(super) struct ActiveSegment {
    pub(super) segment: Segment,
    map: MmapMut,
    /// Bytes used, header included.
    used: usize,
}

/// A segment without a position: file, blocks and mapping are there, records are not.
pub(super) struct Spare {
    path: PathBuf,
    file: Arc<File>,
    map: MmapMut,
    file_bytes: u64,
}

impl Spare {
    /// Makes the `number`-th spare of a process, of `bytes`.
    pub(super) fn create(
        directory: &Path,
        number: u64,
        bytes: u64,
        allocate: Allocate,
    ) -> Result<Self, StoreError> {
        // As long as the name that it gets later: on a full disk the directory cannot grow.
        let path = directory.join(format!("spare{number:011x}.{SPARE_EXTENSION}"));
        Self::create_file(&path, bytes, allocate).map_err(|fault| {
            // A half-made file takes room; its loss loses nothing.
            let _ = std::fs::remove_file(&path);
            cannot_make(&path, &fault)
        })
    }

    fn create_file(path: &Path, bytes: u64, allocate: Allocate) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        allocate(&file, bytes)?;
        let map = map_shared(&file, usize::try_from(bytes).map_err(io::Error::other)?)?;
        Ok(Self { path: path.to_owned(), file: Arc::new(file), map, file_bytes: bytes })
    }

    /// Gives it its position.
    pub(super) fn activate(
        mut self,
        directory: &Path,
        base: u64,
    ) -> Result<ActiveSegment, StoreError> {
        let path = path_of(directory, base);
        let header = header(base);
        let used = header.len();
        if let Some(place) = self.map.get_mut(..used) {
            place.copy_from_slice(&header);
        }
        std::fs::rename(&self.path, &path).map_err(|fault| cannot_make(&path, &fault))?;
        let Self { file, map, file_bytes, .. } = self;
        let segment = Segment { base, file_bytes, path, file, sealed_at: None };
        Ok(ActiveSegment { segment, map, used })
    }

    /// Gives its room back.
    pub(super) fn discard(self) {
        if let Err(fault) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %fault, "a spare segment stays behind");
        }
    }
}

fn cannot_make(path: &Path, fault: &io::Error) -> StoreError {
    let what = format!("cannot make the journal segment {}: {fault}", path.display());
    match fault.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(what),
        _ => StoreError::Failed(what),
    }
}

impl ActiveSegment {
    /// The position at which the next record goes.
    pub(super) fn position(&self) -> u64 {
        self.segment.base + u64::try_from(self.used).unwrap_or(u64::MAX)
    }

    /// Whether a frame of `length` bytes fits.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.free() >= length
    }

    /// The bytes that are left.
    pub(super) fn free(&self) -> usize {
        self.map.len().saturating_sub(self.used)
    }

    /// Copies a frame that fits: everything but its length first, so that a reader after a
    /// crash sees either no record or, if the pages were torn, one whose CRC does not fit.
    pub(super) fn write(&mut self, frame: &[u8]) -> Result<(), StoreError> {
        let place = self.map.get_mut(self.used..self.used + frame.len());
        let (Some(place), Some((length, rest))) = (place, frame.split_at_checked(4)) else {
            return Err(StoreError::Failed("a journal record does not fit".to_owned()));
        };
        let (length_place, rest_place) = place.split_at_mut(4);
        rest_place.copy_from_slice(rest);
        fence(Ordering::Release);
        length_place.copy_from_slice(length);
        self.used += frame.len();
        Ok(())
    }
}

/// Reserves the blocks. File systems that cannot are given zeros to hold instead.
pub(super) fn allocate_blocks(file: &File, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
            let zeros = vec![0; 64 * 1024];
            let mut at = 0;
            while at < bytes {
                let length =
                    usize::try_from(bytes - at).map_or(zeros.len(), |n| n.min(zeros.len()));
                file.write_all_at(zeros.get(..length).unwrap_or_default(), at)?;
                at += u64::try_from(length).map_err(io::Error::other)?;
            }
            Ok(())
        }
        Err(fault) => Err(fault.into()),
    }
}
