//! `cargo xtask chaos`: requests into a scripted outage.
//!
//! The release build of the gateway runs before three simulated providers: two with the
//! requested model, one with its fallback model. All three fail for 0, 10, 30, 50 and 100 % of
//! the requests; an oracle decides of each answer which rung of the ladder had to give it. See
//! `docs/reliability.md`.

mod answer;
mod data_class;
mod drive;
mod gateway;
mod ledger;
mod oracle;
mod page;
mod questions;

use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;

use crate::bench;
use crate::bench::report::Machine;
use crate::workspace::Workspace;
use drive::{Door, drive};
use gateway::{Gateway, TTL};
use oracle::Rung;
use page::Level;

/// What `chaos` may be told.
#[derive(Args)]
pub(crate) struct ChaosArguments {
    /// Requests at each level.
    #[arg(long, default_value_t = 10_000)]
    requests: u32,
    /// The order of the requests. What the providers draw is not repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write the figures into docs/reliability.md.
    #[arg(long)]
    write_docs: bool,
    /// Run this part alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
}

/// A part of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Which rung of the ladder answers.
    Ladder,
    /// Health data never reaches a provider without an agreement.
    DataClass,
}

/// Failures at the providers, in percent.
const LEVELS: [u32; 5] = [0, 10, 30, 50, 100];

/// A busy machine may let a target seem silent, and what another model answers is not kept: so
/// often the questions are asked before the outage.
const PRIMINGS: u32 = 5;

/// Of the faults that were found, so many are printed.
const SHOWN: usize = 10;

/// Runs all levels, prints, writes; false when a promise is broken.
pub(crate) fn run(arguments: &ChaosArguments) -> anyhow::Result<bool> {
    ensure!(arguments.requests > 0, "nothing to send");
    let workspace = Workspace::load()?;
    if cfg!(debug_assertions) {
        return bench::run_optimised(&workspace);
    }
    let machine = Machine::observe()?;
    let page = workspace.root.join("docs/reliability.md");
    let mut is_kept = true;
    if arguments.only != Some(Part::DataClass) {
        let levels = outage(&workspace, arguments.requests, arguments.seed)?;
        if arguments.write_docs {
            page::write_docs(&page, &levels, &machine)?;
        }
        is_kept &= report(&levels);
    }
    if arguments.only != Some(Part::Ladder) {
        let outcome = data_classes(&workspace, arguments.requests)?;
        if arguments.write_docs {
            page::write_data_class(&page, &outcome, &machine)?;
        }
        is_kept &= report_data_class(&outcome);
    }
    Ok(is_kept)
}

fn data_classes(workspace: &Workspace, requests: u32) -> anyhow::Result<data_class::Outcome> {
    let program = workspace.gateway()?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(data_class::run(program, folder.path(), requests.into()))
}

fn report_data_class(outcome: &data_class::Outcome) -> bool {
    println!("{}", page::data_class(outcome));
    let broken = outcome.broken();
    if let Some(promise) = &broken {
        println!("broken: {promise}");
    }
    broken.is_none()
}

/// The same with fewer requests, for `cargo xtask test`.
pub(crate) fn check(workspace: &Workspace, requests: u32) -> anyhow::Result<()> {
    ensure!(report(&outage(workspace, requests, 1)?), "a promise is broken");
    ensure!(report_data_class(&data_classes(workspace, requests)?), "a promise is broken");
    Ok(())
}

/// Prints the table and what is broken; true when nothing is.
fn report(levels: &[Level]) -> bool {
    print!("{}", page::table(levels));
    let broken: Vec<String> = levels.iter().filter_map(Level::broken).collect();
    for promise in &broken {
        println!("broken: {promise}");
    }
    broken.is_empty()
}

fn outage(workspace: &Workspace, requests: u32, seed: u64) -> anyhow::Result<Vec<Level>> {
    let program = workspace.gateway()?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut gateway = Gateway::new(program, folder.path()).await?;
        let door = Door { port: gateway.port, key: gateway.key.clone() };
        let jobs = LEVELS.map(|percent| questions::jobs(percent, requests, seed));
        prime(&door, &jobs).await?;
        let mut levels = Vec::new();
        for (percent, jobs) in LEVELS.into_iter().zip(jobs) {
            // A new process: the health of targets begins anew, what was kept is still there.
            gateway.start(percent).await?;
            levels.push(level(&gateway, &door, percent, jobs).await?);
        }
        Ok(levels)
    })
}

/// Has the answers made that are past their time to live when they are needed.
async fn prime(door: &Door, jobs: &[Vec<questions::Job>]) -> anyhow::Result<()> {
    let primers = questions::primers(&jobs.concat());
    let mut unkept = None;
    for _ in 0..PRIMINGS {
        let primed = drive(door, primers.clone()).await?;
        let is_kept = |seen: &oracle::Judged| matches!(seen.rung, Rung::Target | Rung::Cache);
        unkept = primed.into_iter().find(|seen| !is_kept(seen));
        if unkept.is_none() {
            break;
        }
    }
    ensure!(unkept.is_none(), "an answer cannot be kept: {unkept:?}");
    // A tenth of jitter, and what the store needs.
    tokio::time::sleep(TTL + TTL / 2).await;
    Ok(())
}

async fn level(
    gateway: &Gateway,
    door: &Door,
    percent: u32,
    jobs: Vec<questions::Job>,
) -> anyhow::Result<Level> {
    let began = Instant::now();
    let judged = drive(door, jobs).await?;
    let (sent, took) = (judged.len(), began.elapsed().as_secs_f64());
    eprintln!("{percent} % failures: {sent} requests in {took:.1} s");
    let counted = ledger::count(gateway, &judged).await?;
    let mut level = Level::new(percent, &judged, counted.attempts);
    level.wrong += counted.faults.len();
    let wrong = judged.iter().filter_map(|seen| seen.wrong.as_ref());
    for fault in wrong.chain(&counted.faults).take(SHOWN) {
        println!("{percent} %: {fault}");
    }
    Ok(level)
}
