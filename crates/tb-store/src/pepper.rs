//! The pepper file: the key under which secrets are hashed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use tb_core::Pepper;
use tb_core::ports::StoreError;

const LENGTH: usize = 32;

/// Reads the pepper; makes the file with 32 random bytes and mode 0600 on the first start.
///
/// # Errors
/// `Failed` when the file cannot be read or made, holds another number of bytes, or may be
/// read by others than its owner: the text says what to do.
pub fn open_pepper(path: &Path) -> Result<Pepper, StoreError> {
    let opened = match OpenOptions::new().read(true).open(path) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => match create(path) {
            Ok(pepper) => return Ok(pepper),
            // Another process was first, perhaps by an instant: its pepper is the one.
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => File::open(path),
            Err(fault) => Err(fault),
        },
        opened => opened,
    };
    opened
        .and_then(|file| read(file, path))
        .map_err(|fault| StoreError::Failed(format!("the pepper file {}: {fault}", path.display())))
}

fn read(mut file: File, path: &Path) -> io::Result<Pepper> {
    let metadata = file.metadata()?;
    if metadata.mode() & 0o077 != 0 {
        return Err(io::Error::other(format!(
            "others than its owner may use it (mode {:04o}): run `chmod 600 {}`",
            metadata.mode() & 0o7777,
            path.display()
        )));
    }
    let mut bytes = [0; LENGTH];
    let whole = metadata.len() == 32 && file.read_exact(&mut bytes).is_ok();
    if !whole {
        return Err(io::Error::other(format!(
            "it has {} bytes in place of {LENGTH}: restore it from a backup (keys made with \
             another pepper do not work), or delete it and make new keys",
            metadata.len()
        )));
    }
    Ok(Pepper::from_bytes(&bytes))
}

/// Writes a new pepper under a name of its own and links it into place whole, so that no
/// other process ever reads half of one.
fn create(path: &Path) -> io::Result<Pepper> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut bytes = [0; LENGTH];
    let mut tag = [0; 8];
    let random = SystemRandom::new();
    random
        .fill(&mut bytes)
        .and_then(|()| random.fill(&mut tag))
        .map_err(|_| io::Error::other("the system's random number generator failed"))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{:016x}", u64::from_be_bytes(tag)));
    let draft = Path::new(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let written = file
        .write_all(&bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(draft, path));
    std::fs::remove_file(draft)?;
    written?;
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    Ok(Pepper::from_bytes(&bytes))
}
