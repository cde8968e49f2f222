//! `cargo xtask tidy`: the house rules that neither the compiler nor clippy knows.
//!
//! Each module holds one family of rules as pure functions over text or cargo's metadata; this
//! file gathers what they read. The tables (which crate may use which, which file may hold
//! `unsafe`) stand in `xtask/tidy.toml`.

mod dependencies;
mod licences;
mod links;
mod manifests;
mod rules;
mod source;
mod sources;
mod vendors;

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::workspace::Workspace;
use rules::Rules;

/// What tidy has to say.
#[derive(Default)]
pub(crate) struct Findings {
    /// Broken rules; one is enough to fail.
    pub(crate) faults: Vec<String>,
    /// Things to keep an eye on.
    pub(crate) warnings: Vec<String>,
}

impl Findings {
    /// Notes a broken rule.
    pub(crate) fn fault(&mut self, place: &str, what: impl AsRef<str>) {
        self.faults.push(format!("{place}: {}", what.as_ref()));
    }

    /// Notes something that is still allowed.
    pub(crate) fn warning(&mut self, place: &str, what: impl AsRef<str>) {
        self.warnings.push(format!("{place}: {}", what.as_ref()));
    }
}

/// One file of the repository.
pub(crate) struct File {
    /// Its path from the root, with `/`.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: String,
}

/// Runs all rules; false when one is broken.
pub(crate) fn run() -> anyhow::Result<bool> {
    check(&Workspace::load()?)
}

/// The same on a workspace that is already known.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<bool> {
    let rules = Rules::read(&workspace.root.join("xtask/tidy.toml"))?;
    let mut files = Vec::new();
    gather(&workspace.root, &workspace.root, &mut files)?;
    files.sort_by(|left, right| left.path.cmp(&right.path));

    let mut findings = Findings::default();
    dependencies::check(&workspace.metadata, &rules, &mut findings);
    licences::check(&workspace.metadata, &rules.locked, &mut findings);
    manifests::check(&files, &mut findings);
    sources::check(&files, &rules.files, &mut findings);
    vendors::check(&files, &rules.vendors, &mut findings);
    links::check(&workspace.root, &files, &mut findings);

    for warning in &findings.warnings {
        println!("note: {warning}");
    }
    for fault in &findings.faults {
        eprintln!("fault: {fault}");
    }
    println!(
        "tidy: {} files, {} faults, {} notes",
        files.len(),
        findings.faults.len(),
        findings.warnings.len()
    );
    Ok(findings.faults.is_empty())
}

/// Reads the text files below `folder`, without hidden, built and installed ones.
fn gather(root: &Path, folder: &Path, files: &mut Vec<File>) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || entry.file_type()?.is_symlink() {
            continue;
        }
        if path.is_dir() {
            let built = ["target", "node_modules", "__pycache__", "tollbar-data"];
            // Cargo and others mark a folder that may be deleted with this file.
            if !built.contains(&&*name) && !path.join("CACHEDIR.TAG").exists() {
                gather(root, &path, files)?;
            }
        } else if let Some(extension) = path.extension()
            && ["rs", "md", "toml", "py", "mjs", "js", "ts", "sh"].iter().any(|e| extension == *e)
        {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let path = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            files.push(File { path, text });
        }
    }
    Ok(())
}
