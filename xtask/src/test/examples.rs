//! Every example configuration must pass `tollbar check`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

use super::Passed;
use crate::programs;
use crate::workspace::Workspace;

/// Checks each `examples/**/*.toml`, with a dummy value in each variable that it refers to.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Passed> {
    let files = configurations(&workspace.root.join("examples"))?;
    ensure!(!files.is_empty(), "no example configuration in examples/");
    let gateway = workspace.gateway()?;
    for file in &files {
        let text = fs::read_to_string(file)?;
        let mut command = Command::new(&gateway);
        command.current_dir(&workspace.root).arg("check").arg(file);
        command.envs(variables(&text).into_iter().map(|name| (name, "example")));
        programs::run(&mut command)?;
    }
    println!("{} example configurations", files.len());
    Ok(Passed::Ran)
}

/// The configuration files in a folder and the folders in it. Lock files and the like, which
/// also are TOML but not ours to check, do not end in `.toml`.
fn configurations(folder: &PathBuf) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(configurations(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The names in `{ env = "NAME" }`, in comments too: a value too many does no harm.
fn variables(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for (before, after) in text.split('{').filter_map(|part| part.split_once('"')) {
        let key: String = before.chars().filter(|character| !character.is_whitespace()).collect();
        if key == "env="
            && let Some((name, _)) = after.split_once('"')
        {
            names.insert(name);
        }
    }
    names
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
}
