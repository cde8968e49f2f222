//! The files of sealed entries: `u32 length | u32 CRC32C | u64 key number | u128 request id |
//! sealed`, numbers little-endian; the sum is over everything that follows it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tb_core::ports::StoreError;
use tb_core::retention::Span;
use tb_core::{DataClass, RequestId, Timestamp};

use super::failed;

const SUFFIX: &str = ".content";

/// What stands before the sealed bytes.
const HEAD_BYTES: usize = 32;
/// What the sum covers of it begins here.
const SUMMED_FROM: usize = 8;

/// A sealed entry is no shorter: nonce and tag of AES-256-GCM.
const MIN_SEALED: u32 = 28;
/// And no longer: two texts at their most, and the rest.
const MAX_SEALED: u32 = 1024 * 1024;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) span: Span,
    pub(super) class: DataClass,
}

impl Place {
    /// Where the entry of a request lies.
    pub(super) fn of(request: RequestId, class: DataClass) -> Self {
        Self { span: Span::of(Timestamp(request.unix_ms())), class }
    }

    pub(super) fn file_name(self) -> String {
        format!("{}.{}{SUFFIX}", self.span, self.class.as_str())
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        let (span, class) = name.strip_suffix(SUFFIX)?.split_once('.')?;
        let (span, class) = (Span::parse(span)?, DataClass::from_str(class).ok()?);
        Some(Self { span, class })
    }

    pub(super) fn path(self, folder: &Path) -> PathBuf {
        folder.join(self.file_name())
    }

    /// The UTC day, counted from 1970-01-01.
    pub(super) fn day(self) -> i64 {
        self.span.start().unix_ms().div_euclid(DAY_MS)
    }
}

/// The moments between which a day lies.
pub(super) fn day_bounds(day: i64) -> (Timestamp, Timestamp) {
    let start = Timestamp(day.saturating_mul(DAY_MS));
    (start, start.plus_ms(DAY_MS))
}

/// The files that are there, in no order.
pub(super) fn places(folder: &Path) -> Result<Vec<Place>, StoreError> {
    let fault = |error| failed("read", folder, &error);
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        places.extend(name.to_str().and_then(Place::parse));
    }
    Ok(places)
}

/// The days of which there are files.
pub(super) fn days(folder: &Path) -> Result<BTreeSet<i64>, StoreError> {
    Ok(places(folder)?.into_iter().map(Place::day).collect())
}

/// An entry in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) request: RequestId,
    pub(super) key: u64,
    sum: u32,
    /// Where its sealed bytes begin and how many they are.
    at: u64,
    length: u32,
}

impl Frame {
    /// The entry as it is to be appended; `None` when it is too long.
    pub(super) fn bytes(key: u64, request: RequestId, sealed: &[u8]) -> Option<Vec<u8>> {
        let length = u32::try_from(sealed.len()).ok().filter(|length| *length <= MAX_SEALED)?;
        let summed = [&key.to_le_bytes()[..], &request.0.to_le_bytes(), sealed].concat();
        let sum = crc32c::crc32c(&summed);
        Some([&length.to_le_bytes()[..], &sum.to_le_bytes(), &summed].concat())
    }

    /// The sealed bytes; `None` when they are damaged.
    pub(super) fn sealed(&self, file: &File) -> io::Result<Option<Vec<u8>>> {
        let mut sealed = vec![0; usize::try_from(self.length).unwrap_or_default()];
        file.read_exact_at(&mut sealed, self.at)?;
        let summed = [&self.key.to_le_bytes()[..], &self.request.0.to_le_bytes(), &sealed].concat();
        Ok((crc32c::crc32c(&summed) == self.sum).then_some(sealed))
    }

    fn read(file: &File, at: u64) -> io::Result<Option<Self>> {
        let mut head = [0; HEAD_BYTES];
        match file.read_exact_at(&mut head, at) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let parsed = || {
            let (length, rest) = head.split_first_chunk()?;
            let (sum, rest) = rest.split_first_chunk()?;
            let (key, rest) = rest.split_first_chunk()?;
            let (request, _) = rest.split_first_chunk()?;
            Some(Self {
                request: RequestId(u128::from_le_bytes(*request)),
                key: u64::from_le_bytes(*key),
                sum: u32::from_le_bytes(*sum),
                at: at.saturating_add(HEAD_BYTES as u64),
                length: u32::from_le_bytes(*length),
            })
        };
        Ok(parsed().filter(|frame| (MIN_SEALED..=MAX_SEALED).contains(&frame.length)))
    }

    fn end(&self) -> u64 {
        self.at.saturating_add(u64::from(self.length))
    }
}

const _: () = assert!(HEAD_BYTES == SUMMED_FROM + 8 + 16);

/// The whole entries of a file, and where they end.
pub(super) fn frames(file: &File) -> io::Result<(Vec<Frame>, u64)> {
    let (size, mut end) = (file.metadata()?.len(), 0);
    let mut frames = Vec::new();
    while let Some(frame) = Frame::read(file, end)?.filter(|frame| frame.end() <= size) {
        end = frame.end();
        frames.push(frame);
    }
    Ok((frames, end))
}

/// The file of a place, `None` when it is not there.
pub(super) fn open(folder: &Path, place: Place) -> Result<Option<File>, StoreError> {
    let path = place.path(folder);
    match File::open(&path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path, &error)),
    }
}

/// Appends whole entries; what cannot be written whole leaves nothing. With `is_first`, the first
/// time that this process writes the file, a torn tail is cut that another one left.
pub(super) fn append(path: &Path, entries: &[u8], is_first: bool) -> Result<(), StoreError> {
    let fault = |error| failed("write", path, &error);
    let mut options = OpenOptions::new();
    let options = options.read(true).append(true).create(true).mode(0o600);
    let mut file = options.open(path).map_err(fault)?;
    let mut size = file.metadata().map_err(fault)?.len();
    if is_first && size > 0 {
        let (_, end) = frames(&file).map_err(fault)?;
        if end < size {
            tracing::warn!(path = %path.display(), bytes = size - end, "a torn entry is cut");
            file.set_len(end).map_err(fault)?;
            size = end;
        }
    }
    file.write_all(entries).map_err(|error| {
        // Whatever is wrong with the disk, the next start cuts what this leaves.
        let _ = file.set_len(size);
        fault(error)
    })
}
