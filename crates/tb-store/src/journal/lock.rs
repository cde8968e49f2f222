//! One process per journal.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use tb_core::ports::StoreError;

/// Held for the life of a journal; the kernel lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory when it is missing (mode 0700) and takes its lock.
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|fault| {
            StoreError::Failed(format!("cannot make the journal {}: {fault}", directory.display()))
        })?;
        let path = directory.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|fault| {
                StoreError::Failed(format!("cannot open {}: {fault}", path.display()))
            })?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(in_use(directory, &mut file));
        }
        // The number is for people who meet the refusal above; the lock itself is the proof.
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        written.map_err(|fault| {
            StoreError::Failed(format!("cannot write {}: {fault}", path.display()))
        })?;
        Ok(Self { _file: file })
    }
}

fn in_use(directory: &Path, file: &mut File) -> StoreError {
    let mut holder = String::new();
    // Who holds it is an extra: without it the refusal still says what matters.
    let _ = file.read_to_string(&mut holder);
    let holder = match holder.trim() {
        "" => "another process".to_owned(),
        number => format!("process {number}"),
    };
    StoreError::Unavailable(format!(
        "the journal {} is in use by {holder}: stop it, or give this one another journal.path",
        directory.display()
    ))
}
