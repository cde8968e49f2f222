//! Processes: where they run, what they use, and that none is left behind.

use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the gateway under test.
pub(crate) const GATEWAY_CORE: usize = 0;
/// The core of everything else.
pub(crate) const LOAD_CORE: usize = 1;

/// A started process; dropped, it is stopped.
pub(crate) struct Running {
    child: Child,
}

/// Keeps this thread, and what it will start, on one core.
pub(crate) fn pin_self(core: usize) -> anyhow::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores)
        .with_context(|| format!("cannot run on core {core}: the benchmark needs two cores"))
}

impl Running {
    /// Starts a process on the gateway's core. Affinity is inherited, so this thread goes there
    /// for the moment.
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        pin_self(GATEWAY_CORE)?;
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"));
        pin_self(LOAD_CORE)?;
        Ok(Self { child: child? })
    }

    /// Starts a process wherever the system puts it.
    pub(crate) fn start_anywhere(command: &mut Command) -> anyhow::Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"));
        Ok(Self { child: child? })
    }

    /// The exit status, should the process have ended.
    pub(crate) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Processor time so far, user and system, with the processes that it started.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks: u64 = self.family().iter().filter_map(|pid| stat(*pid)).map(|s| s.ticks).sum();
        let per_second = rustix::param::clock_ticks_per_second();
        Duration::from_micros(ticks * (1_000_000 / per_second.max(1)))
    }

    /// Resident memory in MiB, summed likewise.
    pub(crate) fn resident_mib(&self) -> f64 {
        let kib: u32 = self.family().iter().filter_map(|pid| resident_kib(*pid)).sum();
        f64::from(kib) / 1024.0
    }

    /// This process and its children.
    fn family(&self) -> Vec<u32> {
        let own = self.child.id();
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid == own || stat(*pid).is_some_and(|stat| stat.parent == own))
            .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| self.ended().is_none()) {
            // It may have ended in between: then there is nothing to stop.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while self.ended().is_none() && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What we read of `/proc/PID/stat` (proc(5)).
#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    /// User and system time in clock ticks.
    ticks: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of the program may contain blanks and parentheses: the fields begin behind the last.
fn parse_stat(line: &str) -> Option<Stat> {
    let mut fields = line.rsplit_once(')')?.1.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let user: u64 = fields.nth(9)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Stat { parent, ticks: user + system })
}

fn resident_kib(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_behind_a_name_with_blanks() {
        let line = "7 (a) b) S 3 7 7 0 -1 4194560 90 0 0 0 250 150 9 9 20 0 1 0 5 6";
        assert_eq!(parse_stat(line), Some(Stat { parent: 3, ticks: 400 }));
    }
}
