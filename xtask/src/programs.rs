//! Running other programs, and installing the ones that a check needs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};

/// Whether the package lists were refreshed in this run: once is enough.
static LISTS_ARE_FRESH: AtomicBool = AtomicBool::new(false);

/// Runs a command with our own output; an exit code other than 0 is an error that shows it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}`: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it wrote to its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}`: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` did not print UTF-8"))
}

/// A command line as a person would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether a program can be started at all.
pub(crate) fn exists(program: &str, version_flag: &str) -> bool {
    Command::new(program)
        .arg(version_flag)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes sure that `program` can be started, from Debian's `package` where we may install.
///
/// Services that come with a package are not started: the run level says that the machine is
/// in single-user mode, which Debian's start scripts respect.
pub(crate) fn ensure(program: &str, version_flag: &str, package: &str) -> anyhow::Result<()> {
    if exists(program, version_flag) {
        return Ok(());
    }
    install(package)?;
    if !exists(program, version_flag) {
        bail!("missing: `{program}`, although the Debian package `{package}` is installed");
    }
    Ok(())
}

/// Installs a Debian package, or says in one line why it cannot.
pub(crate) fn install(package: &str) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        bail!("missing: install the Debian package `{package}` (not root here, or no apt-get)");
    }
    if !LISTS_ARE_FRESH.swap(true, Ordering::Relaxed) {
        run(Command::new("apt-get").args(["update", "-qq"]))
            .context("cannot refresh the package lists")?;
    }
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .stdout(Stdio::null()))
    .with_context(|| format!("cannot install the Debian package `{package}`"))
}
