//! Which configuration a command works with.

use std::path::{Path, PathBuf};

use tb_config::{Loaded, Overrides, Report, Source, SystemEnvironment, load};

use crate::output;

/// Where to read the configuration, again at each reload.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    source: Source,
    overrides: Overrides,
}

impl Configuration {
    /// The file of the command line, else of the environment, else the usual one, else none;
    /// with the values of `--set KEY=VALUE` on top.
    pub(crate) fn find(file: Option<&Path>, set: &[(String, String)]) -> Self {
        let source = Source::find(file, &SystemEnvironment);
        Self { source, overrides: Overrides::default() }.with(set)
    }

    /// The same with these values on top.
    pub(crate) fn with(mut self, set: &[(String, String)]) -> Self {
        for (key, value) in set {
            self.overrides = self.overrides.with(key, value.as_str());
        }
        self
    }

    /// This text in place of a file.
    pub(crate) fn of_text(name: &str, folder: PathBuf, text: String) -> Self {
        let source = Source::Text { name: name.to_owned(), folder, text };
        Self { source, overrides: Overrides::default() }
    }

    /// Reads and checks it.
    pub(crate) fn load(&self) -> Result<Loaded, Report> {
        load(&self.source, &self.overrides, &SystemEnvironment)
    }

    /// The same, with warnings as messages.
    pub(crate) fn load_loudly(&self, quiet: bool) -> Result<Loaded, Report> {
        let loaded = self.load()?;
        if !quiet {
            for warning in &loaded.warnings {
                output::message(warning.to_string().trim_end());
            }
        }
        Ok(loaded)
    }
}
