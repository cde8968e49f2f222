//! The outside world as far as configuration needs it: variables and files.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::watched::FileStamp;

/// Where variables and files come from. Tests pass a [`FixedEnvironment`].
pub trait Environment: Send + Sync {
    /// The variable's value, if it is set and is valid Unicode.
    fn var(&self, name: &str) -> Option<String>;

    /// The whole file as text.
    ///
    /// # Errors
    /// As of the file system; `InvalidData` when it is not UTF-8.
    fn read_file(&self, path: &Path) -> io::Result<String>;

    /// The names of the files in a folder, in order.
    ///
    /// # Errors
    /// As of the file system.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// What changes when the file does, without reading it; `None` when there is none.
    fn stamp(&self, path: &Path) -> Option<FileStamp>;
}

/// The process's own variables and the file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            // Through links: mounted files are links to files.
            if let (true, Some(name)) = (path.is_file(), path.file_name()) {
                names.extend(name.to_str().map(str::to_owned));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn stamp(&self, path: &Path) -> Option<FileStamp> {
        FileStamp::of(&std::fs::metadata(path).ok()?)
    }
}

/// Variables and files out of maps, for tests and for `check` on another machine's file.
#[derive(Clone, Default)]
pub struct FixedEnvironment {
    variables: HashMap<String, String>,
    files: HashMap<PathBuf, String>,
}

impl FixedEnvironment {
    /// Adds a variable.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }
}

impl Environment for FixedEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn read_file(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inside = self.files.keys().filter(|path| path.parent() == Some(folder));
        let names = inside.filter_map(|path| path.file_name()?.to_str());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        let is_there = !names.is_empty() || self.files.keys().any(|path| path.starts_with(folder));
        names.sort_unstable();
        if is_there { Ok(names) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn stamp(&self, path: &Path) -> Option<FileStamp> {
        self.files.get(path).map(|text| FileStamp::of_text(text))
    }
}
