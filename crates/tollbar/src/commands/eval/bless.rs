//! `eval bless`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use tb_core::Clock;
use tb_engine::SystemClock;
use tb_eval::compare::Options;
use tb_eval::gate::Baseline;

use super::runs;
use crate::cli::EvalBless;
use crate::failure::Failed;
use crate::output;

pub(super) fn run(options: &EvalBless) -> anyhow::Result<ExitCode> {
    let folder = &options.folder.evaluations;
    let run = runs::read(&options.run, folder)?;
    let by =
        options.by.clone().unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
    let at = SystemClock.now().to_rfc3339();
    let baseline = Baseline::bless(&run, Options::default().tolerated_faults, (&at, &by))
        .map_err(|fault| Failed::usage(fault.to_string()))?;
    let file = runs::baseline_file(&baseline.suite, folder)?;
    write_whole(&file, &baseline.to_toml())
        .with_context(|| format!("cannot write {}", file.display()))?;
    output::message(&format!("run {} is now the baseline: {}", baseline.run, file.display()));
    Ok(ExitCode::SUCCESS)
}

/// Whole or not at all.
fn write_whole(file: &std::path::Path, text: &str) -> anyhow::Result<()> {
    let folder = file.parent().context("it has no folder")?;
    std::fs::create_dir_all(folder)?;
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(text.as_bytes())?;
    written.as_file().sync_all()?;
    written.persist(file)?;
    Ok(())
}
