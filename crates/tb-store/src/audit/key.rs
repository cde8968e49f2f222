//! The files with the key that checkpoints are signed with.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tb_core::audit::{NoteSigner, NoteVerifier};
use tb_core::ports::StoreError;

use super::files::{PUBLIC_KEY, text};

/// Reads the private key (PKCS#8, DER); makes it, with mode 0600, on the first start.
///
/// # Errors
/// `Failed` when the file cannot be read or made, is no such key, or may be read by others than
/// its owner.
pub fn open_audit_key(path: &Path) -> Result<NoteSigner, StoreError> {
    let fault =
        |why: String| StoreError::Failed(format!("the audit key {}: {why}", path.display()));
    let der = match read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => match create(path) {
            // Another process was first, perhaps by an instant: its key is the one.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => read(path),
            made => made,
        },
        found => found,
    };
    let der = der.map_err(|error| fault(error.to_string()))?;
    NoteSigner::from_pkcs8(&der)
        .map_err(|_| fault("it is not an Ed25519 key in PKCS#8: restore it from a backup".into()))
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mode = file.metadata()?.mode();
    if mode & 0o077 != 0 {
        return Err(std::io::Error::other(format!(
            "others than its owner may use it (mode {:04o}): run `chmod 600 {}`",
            mode & 0o7777,
            path.display()
        )));
    }
    let mut der = Vec::new();
    file.read_to_end(&mut der)?;
    Ok(der)
}

/// Writes a new key under a name of its own and links it into place whole.
fn create(path: &Path) -> std::io::Result<Vec<u8>> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(directory) = directory {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| std::io::Error::other("the system's random number generator failed"))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    let written = file
        .write_all(made.as_ref())
        .and_then(|()| file.sync_all())
        .and_then(|()| std::fs::hard_link(draft, path));
    std::fs::remove_file(draft)?;
    written?;
    File::open(directory.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    Ok(made.as_ref().to_vec())
}

/// The public key that a log names itself: good against accidents, but not against somebody who
/// can write to the folder.
///
/// # Errors
/// When the folder cannot be read, or has no key.
pub fn read_public_key(folder: &Path) -> Result<NoteVerifier, StoreError> {
    let path = folder.join(PUBLIC_KEY);
    NoteVerifier::parse(&text(&path)?)
        .map_err(|fault| StoreError::Failed(format!("{}: {fault}", path.display())))
}
