//! Where runs and baselines lie: `evaluations/<suite>/<run>/` with `run.json` and
//! `results.jsonl`, and `evaluations/<suite>/baseline.toml`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tb_eval::compare::Arm;
use tb_eval::gate::Baseline;
use tb_eval::results::RunHeader;

use crate::failure::Failed;

const HEADER: &str = "run.json";
const RESULTS: &str = "results.jsonl";

/// Reads a run, named by its id, its folder, or its results file.
pub(crate) fn read(named: &str, evaluations: &Path) -> anyhow::Result<Arm> {
    let results = results_of(named, evaluations)?;
    let header = results.with_file_name(HEADER);
    let header: Option<RunHeader> = match header.exists() {
        true => {
            let file = open(&header)?;
            let read = serde_json::from_reader(BufReader::new(file));
            Some(read.with_context(|| format!("{} is no header of a run", header.display()))?)
        }
        false => None,
    };
    let lines = BufReader::new(open(&results)?);
    Arm::read(header, lines).with_context(|| results.display().to_string())
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

fn results_of(named: &str, evaluations: &Path) -> anyhow::Result<PathBuf> {
    let path = Path::new(named);
    if path.is_file() {
        return Ok(path.to_owned());
    }
    if path.join(RESULTS).is_file() {
        return Ok(path.join(RESULTS));
    }
    if is_plain(named) {
        let mut folders = vec![evaluations.to_owned()];
        if let Ok(entries) = std::fs::read_dir(evaluations) {
            folders.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
        }
        for folder in folders {
            for place in [folder.join(named), folder.join("runs").join(named)] {
                if place.join(RESULTS).is_file() {
                    return Ok(place.join(RESULTS));
                }
            }
        }
    }
    let place = evaluations.display();
    let message = format!("there is no run `{named}`: no such folder or file, and none in {place}");
    Err(Failed::usage(message).into())
}

/// A name that stays in its folder.
fn is_plain(name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_word)
}

/// The place of a suite's baseline.
pub(crate) fn baseline_file(suite: &str, evaluations: &Path) -> anyhow::Result<PathBuf> {
    if !is_plain(suite) {
        let message = format!(
            "the suite's name `{suite}` cannot be that of a folder: letters, digits, `.`, `_`, `-`"
        );
        return Err(Failed::usage(message).into());
    }
    Ok(evaluations.join(suite).join("baseline.toml"))
}

/// The blessed baseline of a candidate's suite, with its run as it was blessed.
pub(crate) fn blessed(candidate: &Arm, evaluations: &Path) -> anyhow::Result<(Baseline, Arm)> {
    let Some(header) = &candidate.header else {
        let message = "the candidate has no run.json, so its suite and the blessed baseline are \
                       not known; name both runs";
        return Err(Failed::usage(message).into());
    };
    let file = baseline_file(&header.suite, evaluations)?;
    let Ok(text) = std::fs::read_to_string(&file) else {
        let message = format!(
            "suite {} has no blessed baseline ({}); see `tollbar eval bless`",
            header.suite,
            file.display()
        );
        return Err(Failed::usage(message).into());
    };
    let blessed = Baseline::from_toml(&text)
        .map_err(|fault| Failed::usage(format!("{}: {fault}", file.display())))?;
    let run = read(&blessed.run, evaluations)?;
    if run.results_hash != blessed.results_hash {
        let message = format!(
            "the results of run {} are no longer those that were blessed; bless a run again",
            blessed.run
        );
        return Err(Failed::usage(message).into());
    }
    Ok((blessed, run))
}
