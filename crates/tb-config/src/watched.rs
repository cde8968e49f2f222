//! Files and folders that others renew while the process runs: secrets, certificates, key sets,
//! prompts.

use std::fs::Metadata;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::environment::Environment;
use crate::hash::fnv1a;

/// What changes when a file does. Files that are put in another's place (as Kubernetes renews
/// what it mounts) have another inode, also when they are as long and as old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    modified: Option<SystemTime>,
    size: u64,
    inode: u64,
}

impl FileStamp {
    /// `None` for what is neither a file nor a folder. A folder changes with the names in it.
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        let (modified, size) = (metadata.modified().ok(), metadata.len());
        (metadata.is_file() || metadata.is_dir()).then_some(Self { modified, size, inode })
    }

    /// Of a file of tests.
    pub(crate) fn of_text(text: &str) -> Self {
        let size = u64::try_from(text.len()).unwrap_or(u64::MAX);
        Self { modified: None, size, inode: fnv1a([text]) }
    }
}

/// The files to look at, as they were last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watched(Vec<(PathBuf, Option<FileStamp>)>);

impl Watched {
    pub(crate) fn add(&mut self, path: PathBuf, stamp: Option<FileStamp>) {
        self.0.push((path, stamp));
    }

    /// Whether some file is another one than when it was last looked at. From now on they are
    /// compared with what they are now, so that one change is told once.
    pub fn have_changed(&mut self, environment: &dyn Environment) -> bool {
        let mut changed = false;
        for (path, last) in &mut self.0 {
            let now = environment.stamp(path);
            changed |= now != *last;
            *last = now;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FixedEnvironment, Overrides, Source, SystemEnvironment, load};

    #[test]
    fn a_change_is_told_once_also_of_a_file_put_in_the_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("provider.key");
        std::fs::write(&path, "one").unwrap();
        let text =
            format!("[providers.p]\ndialect = \"simulated\"\napi_keys = [{{ file = {path:?} }}]");
        let source = Source::Text { name: "t".to_owned(), folder: "/f".into(), text };
        let loaded = load(&source, &Overrides::default(), &SystemEnvironment).unwrap();
        let mut watched = loaded.watched;
        assert!(!watched.have_changed(&SystemEnvironment));
        let other = folder.path().join("other");
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(watched.have_changed(&SystemEnvironment));
        assert!(!watched.have_changed(&SystemEnvironment));
        std::fs::remove_file(&path).unwrap();
        assert!(watched.have_changed(&SystemEnvironment));
    }

    #[test]
    fn files_that_nobody_renews_are_not_watched() {
        let text = "[providers.p]\ndialect = \"simulated\"\napi_keys = [{ env = \"K\" }]";
        let source = Source::Text { name: "t".to_owned(), folder: "/f".into(), text: text.into() };
        let environment = FixedEnvironment::default().with_var("K", "key");
        let loaded = load(&source, &Overrides::default(), &environment).unwrap();
        assert_eq!(loaded.watched, Watched::default());
    }
}
