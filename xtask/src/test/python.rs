//! Virtual environments under `target/`, kept while what they must contain stays the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::programs;
use crate::workspace::Workspace;

/// One virtual environment: `target/venv/<name>`.
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// The environment of one step. Nothing is made yet.
    pub(crate) fn named(workspace: &Workspace, name: &str) -> Self {
        Self { folder: workspace.target.join("venv").join(name) }
    }

    /// Its interpreter.
    fn python(&self) -> PathBuf {
        self.folder.join("bin/python")
    }

    /// Makes the environment unless it is there.
    pub(crate) fn create(&self) -> anyhow::Result<()> {
        if programs::exists(&self.python().to_string_lossy(), "--version") {
            return Ok(());
        }
        if !python_has_venv() {
            programs::install("python3-venv")?;
        }
        let folder = self.folder.to_string_lossy();
        programs::run(Command::new("python3").args(["-m", "venv", "--clear", &folder]))
    }

    /// Makes an environment that holds exactly `requirements`, and `bare` without what those
    /// depend on. An environment made for the same lists is used again.
    pub(crate) fn require(&self, requirements: &Path, bare: &[&str]) -> anyhow::Result<()> {
        let wanted = fs::read_to_string(requirements)
            .with_context(|| format!("cannot read {}", requirements.display()))?;
        refuse_unpinned(&wanted)?;
        let content = format!("{wanted}\n# without dependencies\n{}\n", bare.join("\n"));
        let stamp = self.folder.join("installed.txt");
        let exists = programs::exists(&self.python().to_string_lossy(), "--version");
        if exists && fs::read_to_string(&stamp).is_ok_and(|installed| installed == content) {
            return Ok(());
        }
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder).context("cannot replace the old environment")?;
        }
        self.create()?;
        self.pip(&["-r", &requirements.to_string_lossy()])?;
        if !bare.is_empty() {
            self.pip(&[&["--no-deps"], bare].concat())?;
        }
        fs::write(stamp, content).context("cannot note what was installed")
    }

    fn pip(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        programs::run(Command::new(self.python()).args(install).args(arguments))
    }

    /// `SCRIPT --tollbar target/release/tollbar`, run from the root of the workspace.
    pub(crate) fn script(&self, script: &Path, workspace: &Workspace) -> anyhow::Result<Command> {
        let gateway = workspace.gateway()?;
        let mut command = Command::new(self.python());
        command
            .current_dir(&workspace.root)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(script)
            .arg("--tollbar")
            .arg(gateway);
        Ok(command)
    }
}

/// Debian cuts the means to make environments out of its Python package.
fn python_has_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Every line must name one version: a test run must not change by itself.
fn refuse_unpinned(requirements: &str) -> anyhow::Result<()> {
    for line in requirements.lines().map(str::trim) {
        let free = line.is_empty() || line.starts_with('#') || line.starts_with("--");
        ensure!(free || line.contains("=="), "requirements: `{line}` names no exact version");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_requirement_without_an_exact_version() {
        assert!(refuse_unpinned("# SDKs\nopenai==3.3.1\n\n--no-binary x\n").is_ok());
        assert!(refuse_unpinned("openai>=3\n").is_err());
    }
}
