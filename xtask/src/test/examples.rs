//! Every example configuration must pass `tollbar check`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::Passed;
use crate::programs;
use crate::workspace::Workspace;

/// Checks each `examples/*.toml`, with a dummy value for each secret that it refers to:
/// variables are set, and files are replaced in a copy, since an example names places of a
/// server that this machine need not have.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Passed> {
    let files = configurations(&workspace.root.join("examples"))?;
    ensure!(!files.is_empty(), "no example configuration in examples/");
    let gateway = workspace.gateway()?;
    let folder = tempfile::tempdir()?;
    let secret = folder.path().join("secret");
    fs::write(&secret, "example")?;
    for below in ["rules", "prompts", "prompts/partials"] {
        copy_files(&workspace.root.join("examples").join(below), &folder.path().join(below))?;
    }
    for file in &files {
        let text = fs::read_to_string(file)?;
        let copy = folder.path().join(file.file_name().context("a file without a name")?);
        fs::write(&copy, with_secret(&text, &secret.to_string_lossy()))?;
        let mut command = Command::new(&gateway);
        command.current_dir(folder.path()).arg("check").arg(&copy);
        command.envs(variables(&text).into_iter().map(|name| (name, "example")));
        programs::run(&mut command).with_context(|| format!("{}", file.display()))?;
    }
    println!("{} example configurations", files.len());
    Ok(Passed::Ran)
}

/// Puts rules files and prompts where the copies of the configurations look for them.
fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        if !path.is_file() {
            continue;
        }
        fs::copy(&path, to.join(path.file_name().context("a file without a name")?))?;
    }
    Ok(())
}

/// The configuration files in a folder; the folders in it hold files that these refer to.
fn configurations(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The names in `{ env = "NAME" }`, in comments too: a value too many does no harm.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split('{').filter_map(|part| reference(part, "env=")).map(|(name, _)| name).collect()
}

/// The same text with `{ file = "PATH" }` leading to `secret`.
fn with_secret(text: &str, secret: &str) -> String {
    let parts = text.split('{').map(|part| match reference(part, "file=") {
        Some((_, rest)) => format!(" file = \"{secret}\"{rest}"),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("{")
}

/// What `part`, the text behind a brace, refers to as `KEY = "…"`, and what follows.
fn reference<'text>(part: &'text str, key: &str) -> Option<(&'text str, &'text str)> {
    let (before, after) = part.split_once('"')?;
    let found: String = before.chars().filter(|character| !character.is_whitespace()).collect();
    if found == key { after.split_once('"') } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_variable_that_a_configuration_refers_to() {
        let text = r#"api_keys = [{ env = "ONE" }, {env="TWO"}]
            key = { file = "THREE" }"#;
        assert_eq!(variables(text), BTreeSet::from(["ONE", "TWO"]));
    }

    #[test]
    fn leads_every_secret_file_to_the_dummy() {
        let text = "keys = [{ file = \"/run/a\" }, { env = \"B\" }]\nfile = \"c\"\n";
        let expected = "keys = [{ file = \"/d\" }, { env = \"B\" }]\nfile = \"c\"\n";
        assert_eq!(with_secret(text, "/d"), expected);
    }
}
