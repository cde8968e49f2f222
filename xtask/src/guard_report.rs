//! `cargo xtask guard-report`: what the guard finds, and how fast.
//!
//! The labelled files of a folder are unpacked and given to the example `figures` of `tb-guard`,
//! a release build with the guard as it is. What the tagger of names makes of sentences whose
//! templates it has not seen is measured here, with weights learned for the purpose. The result
//! goes into `docs/guard.md`; none of it is a text of the data.

mod figures;
mod page;
#[expect(unreachable_pub, reason = "compiled from the guard's own file")]
#[path = "../../crates/tb-guard/src/score/tally.rs"]
mod tally;
mod targets;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;
use serde::de::DeserializeOwned;

use crate::bench;
use crate::bench::figures::median;
use crate::bench::report::Machine;
use crate::workspace::Workspace;
use crate::{programs, train};
use figures::{Apart, Compiled, Figures};

/// What `guard-report` may be told.
#[derive(Args)]
pub(crate) struct GuardReportArguments {
    /// The folder of the labelled files, NAME.dev.jsonl.gz.
    #[arg(long, default_value = "../shared/data/pii")]
    data: PathBuf,
    /// Print only; docs/guard.md stays as it is.
    #[arg(long)]
    print_only: bool,
}

/// How often the start is measured, each time in a process of its own.
const STARTS: usize = 5;

/// Measures, prints, writes; false when a figure about quality falls short. Those about speed
/// are for people to judge: the machine may be busy.
pub(crate) fn run(arguments: &GuardReportArguments) -> anyhow::Result<bool> {
    let workspace = Workspace::load()?;
    if cfg!(debug_assertions) {
        return bench::optimised(&workspace, &["xtask"]);
    }
    let machine = Machine::observe()?;
    let data = workspace.root.join(&arguments.data);
    let measured = measure(&workspace, &data)?;
    let text = page::measured(&measured, &machine);
    print!("{text}");
    if !arguments.print_only {
        page::write(&workspace.root.join("docs/guard.md"), &text)?;
    }
    Ok(targets::all(&measured).iter().all(|target| target.is_kept || target.is_about_speed))
}

fn measure(workspace: &Workspace, data: &Path) -> anyhow::Result<Figures> {
    let unpacked = tempfile::tempdir().context("cannot make a temporary folder")?;
    unpack(data, unpacked.path())?;
    let program = Program::build(workspace)?;
    let folder = unpacked.path();
    eprintln!("what is found");
    let quality = program.ask("quality", Some(folder))?;
    eprintln!("names in sentences whose templates are kept apart");
    let (labels, bytes) = train::kept_apart(folder)?;
    eprintln!("speed");
    let speed = program.ask("speed", Some(folder))?;
    let starts = (0..STARTS).map(|_| program.ask::<Compiled>("compile", None));
    let starts = starts.collect::<anyhow::Result<Vec<_>>>()?;
    let middle = |value: fn(&Compiled) -> f64| {
        median(starts.iter().map(value).collect()).unwrap_or_default()
    };
    let compiled = Compiled {
        compile_ms: middle(|start| start.compile_ms),
        first_scan_ms: middle(|start| start.first_scan_ms),
    };
    Ok(Figures { quality, apart: Apart::new(labels, bytes), speed, compiled })
}

/// Unpacks `*.jsonl.gz`, and copies what is not packed.
fn unpack(from: &Path, to: &Path) -> anyhow::Result<()> {
    let entries =
        fs::read_dir(from).with_context(|| format!("there is no folder {}", from.display()))?;
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if let Some(plain) = name.strip_suffix(".gz") {
            let output = Command::new("gzip").arg("-dc").arg(&path).output();
            let output = output.context("cannot start gzip")?;
            ensure!(output.status.success(), "gzip cannot read {}", path.display());
            fs::write(to.join(plain), output.stdout)?;
        } else if name.ends_with(".jsonl") {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// The example of `tb-guard`.
struct Program(PathBuf);

impl Program {
    fn build(workspace: &Workspace) -> anyhow::Result<Self> {
        let arguments = ["build", "--quiet", "--release", "--locked", "--package", "tb-guard"];
        let mut cargo = Command::new("cargo");
        cargo.current_dir(&workspace.root).args(arguments).args(["--example", "figures"]);
        programs::run(&mut cargo)?;
        Ok(Self(workspace.target.join("release/examples/figures")))
    }

    fn ask<T: DeserializeOwned>(&self, what: &str, folder: Option<&Path>) -> anyhow::Result<T> {
        let answer = programs::output(Command::new(&self.0).arg(what).args(folder))?;
        serde_json::from_str(&answer).with_context(|| format!("`figures {what}` says odd things"))
    }
}
