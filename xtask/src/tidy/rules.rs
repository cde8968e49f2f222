//! The tables of `xtask/tidy.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// Our crates, each with those of ours that it may use.
    pub(crate) crates: BTreeMap<String, Vec<String>>,
    /// Outside crates, each with those of ours that may name it.
    pub(crate) only: BTreeMap<String, Vec<String>>,
    /// Rules about source files.
    pub(crate) files: FileRules,
    /// Rules about everything that we depend on.
    pub(crate) locked: LockedRules,
    /// Rules about the names of vendors.
    pub(crate) vendors: VendorRules,
}

/// `[files]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRules {
    /// Production lines that a file should have at most.
    pub(crate) aim: usize,
    /// From here on tidy warns.
    pub(crate) warn: usize,
    /// Beyond this tidy fails.
    pub(crate) fail: usize,
    /// Names that say nothing.
    pub(crate) forbidden_modules: Vec<String>,
    /// Files that may hold `unsafe`.
    #[serde(rename = "unsafe")]
    pub(crate) may_be_unsafe: Vec<String>,
    /// Fewest `//!` lines at the top of a crate.
    pub(crate) shortest_crate_docs: usize,
}

/// `[locked]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LockedRules {
    /// Most packages in Cargo.lock.
    pub(crate) most_packages: usize,
    /// SPDX names of the licences that we accept.
    pub(crate) licences: Vec<String>,
}

/// `[vendors]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VendorRules {
    /// Names of vendors, in lower case.
    pub(crate) words: Vec<String>,
    /// Path prefixes where they belong.
    pub(crate) home: Vec<String>,
    /// Files outside with a reason.
    #[serde(default)]
    pub(crate) allowed: Vec<Allowed>,
}

/// `[[vendors.allowed]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    /// The file, or a folder with its `/`.
    pub(crate) file: String,
    /// The words that it may contain.
    pub(crate) words: Vec<String>,
    /// Why.
    pub(crate) reason: String,
}

impl Rules {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
    }
}
