//! `cargo xtask bench`: the gateway beside a plain proxy, on one machine, in one run.
//!
//! The gateway under test is pinned to one core; the fake provider and the load share another.
//! Both gateways run all the time and are driven in turns, so that whatever else the machine
//! does hits both; what counts are the ratios. See `docs/benchmarks.md`.

pub(crate) mod figures;
mod load;
mod page;
mod peers;
pub(crate) mod process;
mod provider;
pub(crate) mod report;
mod scenarios;
pub(crate) mod wire;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Args;

use crate::programs;
use crate::workspace::Workspace;
use peers::{Guarding, Kind, Peer};
use report::{Machine, Report};

/// What `bench` may be told.
#[derive(Args)]
pub(crate) struct BenchArguments {
    /// Write all rows, medians and ratios here.
    #[arg(long)]
    json: Option<PathBuf>,
    /// How often each scenario is measured.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Write docs/benchmarks.md.
    #[arg(long)]
    write_docs: bool,
    /// Which gateways; `nginx` alone proves the rig.
    #[arg(long, value_delimiter = ',', default_values = ["nginx", "tollbar"])]
    peers: Vec<Kind>,
}

/// Measures, prints, writes; false when the gateway answered with errors.
pub(crate) fn run(arguments: &BenchArguments) -> anyhow::Result<bool> {
    ensure!(arguments.rounds > 0 && arguments.seconds > 0.0, "nothing to measure");
    let workspace = Workspace::load()?;
    if cfg!(debug_assertions) {
        return run_optimised(&workspace);
    }
    if arguments.peers.contains(&Kind::Nginx) {
        programs::ensure("nginx", "-v", "nginx-light")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = measure(arguments, &workspace) => report,
            // Leaving this block drops the guards, which stop what was started.
            stopped = stop_signal() => { stopped?; bail!("interrupted") }
        }
    })?;
    print!("{}", report.table());
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&report)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.write_docs {
        let path = workspace.root.join("docs/benchmarks.md");
        std::fs::write(&path, page::page(&report))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(report.rows.iter().all(|row| row.errors == 0))
}

/// Builds the gateway and this program for speed, and hands over to the latter: a load
/// generator without optimisation would measure itself.
pub(crate) fn run_optimised(workspace: &Workspace) -> anyhow::Result<bool> {
    optimised(workspace, &["tollbar", "xtask"])
}

/// The same with the packages that a chore needs; this program is the last of them.
pub(crate) fn optimised(workspace: &Workspace, packages: &[&str]) -> anyhow::Result<bool> {
    for package in packages {
        let arguments = ["build", "--quiet", "--release", "--locked", "--package", package];
        programs::run(Command::new("cargo").current_dir(&workspace.root).args(arguments))?;
    }
    let status = Command::new(workspace.target.join("release/xtask"))
        .args(std::env::args_os().skip(1))
        .status()
        .context("cannot start the optimised build")?;
    match status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => bail!("the optimised build: {status}"),
    }
}

async fn stop_signal() -> anyhow::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    Ok(())
}

async fn measure(arguments: &BenchArguments, workspace: &Workspace) -> anyhow::Result<Report> {
    let machine = Machine::observe()?;
    process::pin_self(process::LOAD_CORE)?;
    let provider = provider::Provider::start().await?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let place = peers::Place { folder: folder.path(), workspace, provider: provider.port };

    let mut peers = Vec::new();
    for kind in &arguments.peers {
        let guardings = match kind {
            Kind::Nginx => &[Guarding::Off][..],
            Kind::Tollbar => &Guarding::ALL,
        };
        for guarding in guardings {
            peers.push(Peer::start(*kind, *guarding, &place).await?.0);
        }
    }
    let mut rows = Vec::new();
    let duration = Duration::from_secs_f64(arguments.seconds);
    for round in 1..=arguments.rounds {
        peers.rotate_left(1);
        for (name, guarding) in scenarios::STARTS {
            for kind in &arguments.peers {
                eprintln!("round {round}: {kind}: {name}");
                let (peer, took) = Peer::start(*kind, *guarding, &place).await?;
                rows.push(scenarios::start(name, &peer, took, round).await);
            }
        }
        for scenario in scenarios::ALL {
            for peer in peers.iter().filter(|peer| scenario.is_for(peer)) {
                eprintln!("round {round}: {}: {}", peer.kind, scenario.name);
                rows.push(scenarios::run(scenario, peer, duration, round).await?);
            }
        }
    }
    Ok(Report::new(machine, rows))
}
