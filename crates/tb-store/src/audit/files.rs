//! What lies in the folder of the log.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tb_core::audit::{Checkpoint, Hash};
use tb_core::ports::StoreError;
use tb_core::retention::Span;

/// The names of the files.
pub(super) const HASHES: &str = "hashes";
pub(super) const FRONTIER: &str = "frontier";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const END: &str = "end";
pub(super) const RETIRED: &str = "retired";
pub(super) const PUBLIC_KEY: &str = "public-key";
pub(super) const LOCK: &str = "lock";
const SEGMENT_SUFFIX: &str = ".jsonl";

/// The bytes of a hash.
pub(super) const HASH_BYTES: u64 = 32;

/// The spans of the segments that are there, oldest first.
pub(super) fn spans(folder: &Path) -> Result<Vec<Span>, StoreError> {
    let fault = |error| failed("read", folder, &error);
    let mut spans = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let name = entry.map_err(fault)?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(SEGMENT_SUFFIX));
        spans.extend(name.and_then(Span::parse));
    }
    spans.sort_unstable();
    Ok(spans)
}

/// The segment of a span.
pub(super) fn segment(folder: &Path, span: Span) -> PathBuf {
    folder.join(format!("{span}{SEGMENT_SUFFIX}"))
}

/// Opens a segment for reading; `None` when it is gone: retention may have come first.
pub(super) fn open_segment(path: &Path) -> Result<Option<File>, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Puts a text in the place of a file, whole or not at all; on disk when it returns if `durable`.
pub(super) fn replace(path: &Path, text: &str, durable: bool) -> Result<(), StoreError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    let put = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        io::Write::write_all(&mut file, text.as_bytes())?;
        if durable {
            file.sync_data()?;
        }
        std::fs::rename(&draft, path)
    };
    put().map_err(|error| failed("write", path, &error))?;
    let folder = path.parent().filter(|_| durable);
    folder.map_or(Ok(()), sync_folder)
}

/// Opens a file to append to, for its owner alone.
pub(super) fn append_to(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed("open", path, &error))
}

/// The text of a file; nothing when there is none.
pub(super) fn text(path: &Path) -> Result<String, StoreError> {
    match std::fs::read(path) {
        // What is damaged must be found by signatures, not stop the reading.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// The bytes at the end of the checkpoints in which the newest one lies.
const CHECKPOINT_TAIL: u64 = 4_096;

/// The newest checkpoint as a note.
pub(super) fn newest_note(folder: &Path) -> Result<Option<String>, StoreError> {
    let path = folder.join(CHECKPOINTS);
    let fault = |error| failed("read", &path, &error);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fault(error)),
    };
    let length = file.metadata().map_err(fault)?.len();
    let from = length.saturating_sub(CHECKPOINT_TAIL);
    io::Seek::seek(&mut file, io::SeekFrom::Start(from)).map_err(fault)?;
    let mut bytes = Vec::new();
    file.take(CHECKPOINT_TAIL).read_to_end(&mut bytes).map_err(fault)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(Checkpoint::notes(&text).last().map(str::to_owned))
}

/// The leaf hashes from number `first` on, at most `count`.
pub(super) fn hashes(
    folder: &Path,
    first: u64,
    count: u64,
) -> Result<impl Iterator<Item = Result<Hash, StoreError>> + use<>, StoreError> {
    let path = folder.join(HASHES);
    let fault = |error| failed("read", &path, &error);
    let mut reader: Box<dyn Read> = match File::open(&path) {
        Ok(mut file) => {
            let from = first.saturating_mul(HASH_BYTES);
            io::Seek::seek(&mut file, io::SeekFrom::Start(from)).map_err(fault)?;
            Box::new(io::BufReader::with_capacity(256 * 1024, file))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Box::new(io::empty()),
        Err(error) => return Err(fault(error)),
    };
    let mut left = count;
    Ok(std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let mut hash = Hash::default();
        match reader.read_exact(&mut hash) {
            Ok(()) => Some(Ok(hash)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            Err(error) => Some(Err(failed("read", &path, &error))),
        }
    }))
}

/// How many whole leaf hashes there are.
pub(super) fn hash_count(folder: &Path) -> Result<u64, StoreError> {
    let path = folder.join(HASHES);
    match std::fs::metadata(&path) {
        Ok(metadata) => Ok(metadata.len() / HASH_BYTES),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failed("read", &path, &error)),
    }
}

/// Flushes the entries of a folder.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failed("flush", folder, &error))
}

/// What failed and where.
pub(super) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    let text = format!("the audit log: cannot {what} {}: {error}", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full(text),
        ErrorKind::Interrupted | ErrorKind::WouldBlock => StoreError::Unavailable(text),
        _ => StoreError::Failed(text),
    }
}
