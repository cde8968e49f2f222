//! The folder of a run: `run.json`, written whole, and `results.jsonl`, appended to. A line is one
//! write, so a killed process leaves at most half of one, which is cut when the run goes on.

use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::{Ended, Pace, Plan, Progress, RunFault, Stopped, header};
use crate::case::Measure;
use crate::results::{CaseResult, RunHeader};
use crate::suite::short_hash;

/// After so many lines the file is flushed to the disk.
const BATCH: u32 = 64;

pub(super) struct Store {
    results: File,
    path: PathBuf,
    folder: PathBuf,
    header: RunHeader,
    unsynced: u32,
    /// What was done before this process began.
    pub(super) done: HashSet<[u8; 16]>,
    progress: Progress,
    fault: Option<RunFault>,
}

/// What tells one answer from another.
pub(super) fn key(id: &str, repeat: u32) -> [u8; 16] {
    short_hash(&format!("{repeat}\u{0}{id}"))
}

impl Store {
    pub(super) fn create(plan: &Plan<'_>, header: RunHeader) -> Result<Self, RunFault> {
        let folder = &plan.folder;
        std::fs::create_dir_all(folder).map_err(|error| RunFault::file(folder, error))?;
        let path = folder.join("results.jsonl");
        let results = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| RunFault::file(&path, error))?;
        let store = Self::open(results, path, plan, header)?;
        store.write_header()?;
        Ok(store)
    }

    pub(super) fn resume(plan: &Plan<'_>, new: &RunHeader) -> Result<Self, RunFault> {
        let file = plan.folder.join("run.json");
        let text = std::fs::read_to_string(&file).map_err(|error| RunFault::file(&file, error))?;
        let mut old: RunHeader = serde_json::from_str(&text)
            .map_err(|error| RunFault::file(&file, std::io::Error::other(error)))?;
        header::same(&old, new)?;
        old.ended_at = None;
        old.served_models.clear();
        let path = plan.folder.join("results.jsonl");
        let results = OpenOptions::new()
            .append(true)
            .read(true)
            .open(&path)
            .map_err(|error| RunFault::file(&path, error))?;
        let mut store = Self::open(results, path, plan, old)?;
        store.read_back()?;
        store.write_header()?;
        Ok(store)
    }

    fn open(
        results: File,
        path: PathBuf,
        plan: &Plan<'_>,
        header: RunHeader,
    ) -> Result<Self, RunFault> {
        match results.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!("{} is written by another process", path.display());
                return Err(RunFault::Mismatch(message));
            }
            Err(TryLockError::Error(error)) => return Err(RunFault::file(&path, error)),
        }
        let folder = plan.folder.clone();
        let progress = Progress::default();
        Ok(Self {
            results,
            path,
            folder,
            header,
            unsynced: 0,
            done: HashSet::new(),
            progress,
            fault: None,
        })
    }

    /// Counts what is there, and cuts half a line at the end.
    fn read_back(&mut self) -> Result<(), RunFault> {
        let path = self.path.clone();
        let fault = |error| RunFault::file(&path, error);
        let mut reader = BufReader::new(File::open(&path).map_err(fault)?);
        let mut whole = 0_u64;
        let mut line = Vec::new();
        let mut number = 0_u64;
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(fault)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            number = number.saturating_add(1);
            let result: CaseResult = serde_json::from_slice(&line).map_err(|error| {
                let message = format!("line {number} is no result: {error}");
                RunFault::file(&path, std::io::Error::other(message))
            })?;
            self.done.insert(key(&result.id, result.repeat));
            self.note(&result);
            whole = whole.saturating_add(u64::try_from(read).unwrap_or_default());
        }
        self.results.set_len(whole).map_err(fault)
    }

    fn note(&mut self, result: &CaseResult) {
        self.progress.count(result.outcome);
        let cost = result.measures.get(&Measure::CostMicroUsd).copied().unwrap_or_default();
        let checks = result.checks_cost_micro_usd.unwrap_or_default();
        self.progress.spent_micro_usd += cost + checks;
        if let Some(model) = &result.served_model {
            let count = self.header.served_models.entry(model.clone()).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(super) const fn spent(&self) -> f64 {
        self.progress.spent_micro_usd
    }

    /// Appends a result; `false` when it cannot be written.
    pub(super) fn append(&mut self, result: &CaseResult, prompt_hash: Option<&str>) -> bool {
        match self.written(result) {
            Ok(()) => {}
            Err(error) => {
                self.fault = Some(RunFault::file(&self.path, error));
                return false;
            }
        }
        self.note(result);
        self.progress.done_now = self.progress.done_now.saturating_add(1);
        match (prompt_hash, self.header.prompt_hash.as_deref()) {
            (Some(new), None) => self.header.prompt_hash = Some(new.to_owned()),
            (Some(new), Some(old)) if new != old => {
                self.fault = Some(RunFault::Mismatch(
                    "the prompt changed while the run was made; begin a new run".to_owned(),
                ));
                return false;
            }
            _ => {}
        }
        true
    }

    fn written(&mut self, result: &CaseResult) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(result)?;
        line.push(b'\n');
        self.results.write_all(&line)?;
        self.unsynced = self.unsynced.saturating_add(1);
        if self.unsynced >= BATCH {
            self.results.sync_data()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    pub(super) const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Writes the end down; of a stopped run only how far it came.
    pub(super) fn end(
        mut self,
        stopped: Option<Stopped>,
        pace: &dyn Pace,
        total: u64,
    ) -> Result<Ended, RunFault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.results.sync_data().map_err(|error| RunFault::file(&self.path, error))?;
        self.progress.total = total;
        if stopped.is_none() && self.progress.done >= total {
            self.header.ended_at = Some(pace.date());
        }
        self.write_header()?;
        Ok(Ended { header: self.header, progress: self.progress, stopped })
    }

    fn write_header(&self) -> Result<(), RunFault> {
        let path = self.folder.join("run.json");
        let replaced = || -> std::io::Result<()> {
            let new = self.folder.join("run.json.new");
            let mut file = File::create(&new)?;
            file.write_all(&serde_json::to_vec_pretty(&self.header)?)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::rename(&new, &path)?;
            sync_folder(&self.folder)
        };
        replaced().map_err(|error| RunFault::file(&path, error))
    }
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
