//! The gateway of an outage: its configuration, its process, what it says of itself.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use memchr::memmem;

use super::questions::RULES;
use crate::bench::process::Running;
use crate::bench::wire::Wire;
use crate::programs;

/// `retry.attempts` of the requested model.
pub(crate) const ATTEMPTS: usize = 3;
/// How long answers are fresh.
pub(crate) const TTL: Duration = Duration::from_secs(1);
/// The requested model.
pub(crate) const MODEL: &str = "chat";

/// The providers, the model at each, and what that model is.
const TARGETS: [(&str, &str, Serves); 3] = [
    ("alpha", "model-a", Serves::Requested),
    ("beta", "model-b", Serves::Requested),
    ("gamma", "model-c", Serves::Fallback),
];

/// What a target stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Serves {
    Requested,
    Fallback,
}

/// What `provider/model` serves.
pub(crate) fn serves(target: &str) -> Option<Serves> {
    let known =
        |(provider, model, _): &&(&str, &str, Serves)| format!("{provider}/{model}") == target;
    TARGETS.iter().find(known).map(|(_, _, serves)| *serves)
}

/// The targets that must have been asked, or passed over for a reason, before a rung below that
/// of the requested model (`and_fallbacks`: below all models) may answer.
pub(crate) fn above(and_fallbacks: bool) -> Vec<String> {
    let above = |(_, _, serves): &&(_, _, Serves)| and_fallbacks || *serves == Serves::Requested;
    TARGETS.iter().filter(above).map(|(provider, model, _)| format!("{provider}/{model}")).collect()
}

/// The faults of a failing provider, each with its share of all failures in percent. A retry
/// after 20 ms is asked with a 429.
const FAULTS: [(&str, u32); 9] = [
    ("status = 429, retry_after = \"20ms\"", 15),
    ("status = 500", 20),
    ("status = 503", 15),
    ("kind = \"reset\"", 15),
    ("kind = \"hang\"", 5),
    ("kind = \"garbage\"", 10),
    ("kind = \"html\"", 10),
    ("kind = \"early_cut\"", 5),
    ("kind = \"cut\"", 5),
];

/// A gateway in a folder of its own. Restarts keep the folder, the ports and what was stored.
pub(crate) struct Gateway {
    program: PathBuf,
    folder: PathBuf,
    /// The public port.
    pub(crate) port: u16,
    admin: u16,
    /// A key of the service.
    pub(crate) key: String,
    token: String,
    process: Option<Running>,
    outage: Box<Outage>,
}

/// What a configuration has beside addresses and storage, for providers that fail for so many
/// percent of the requests. The service is called `chaos`.
pub(crate) type Outage = dyn Fn(u32) -> String;

impl Gateway {
    /// Makes the folder and a key, and starts it once so that it prints its admin token.
    pub(crate) async fn new(program: PathBuf, folder: &Path) -> anyhow::Result<Self> {
        Self::with(program, folder, Box::new(outage)).await
    }

    /// The same with another outage.
    pub(crate) async fn with(
        program: PathBuf,
        folder: &Path,
        outage: Box<Outage>,
    ) -> anyhow::Result<Self> {
        let mut gateway = Self {
            program,
            folder: folder.to_owned(),
            port: free_port()?,
            admin: free_port()?,
            key: String::new(),
            token: String::new(),
            process: None,
            outage,
        };
        gateway.write(0)?;
        let created = ["keys", "create", "--service", "chaos", "--output", "json"];
        let made = programs::output(gateway.command().args(created))?;
        let made: serde_json::Value = serde_json::from_str(&made)?;
        gateway.key = made.get("key").and_then(|key| key.as_str()).context("no key")?.to_owned();
        gateway.start(0).await?;
        gateway.token = gateway.printed_token().await?;
        Ok(gateway)
    }

    /// Starts it with providers that fail for so many percent of the requests, in the place of
    /// the process before.
    pub(crate) async fn start(&mut self, percent: u32) -> anyhow::Result<()> {
        self.process = None;
        self.write(percent)?;
        let out = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("out"))?;
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log"))?;
        let mut command = self.command();
        command.arg("serve").stdin(Stdio::null()).stdout(out).stderr(log);
        let mut process = Running::start_anywhere(&mut command)?;
        let patience = Instant::now() + Duration::from_secs(20);
        while !matches!(self.admin("/readyz").await, Ok((200, _))) {
            if process.ended().is_some() || Instant::now() > patience {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("the gateway does not start; it says:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// One `GET` at the admin address: status and body.
    pub(crate) async fn admin(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let mut wire = Wire::connect(self.admin).await?;
        let (port, token) = (self.admin, &self.token);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        wire.send(request.as_bytes()).await?;
        wire.message().await?.context("closed without an answer")?;
        let bytes = wire.bytes();
        let end = memmem::find(bytes, b"\r\n\r\n").context("no head")?;
        let (head, body) = bytes.split_at(end + 4);
        let status = std::str::from_utf8(head.get(9..12).unwrap_or_default())?.parse()?;
        Ok((status, String::from_utf8_lossy(body).into_owned()))
    }

    async fn printed_token(&self) -> anyhow::Result<String> {
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            let out = fs::read_to_string(self.folder.join("out")).unwrap_or_default();
            let words = out.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            if let Some(token) = words.into_iter().find(|word| word.starts_with("tb_admin_")) {
                return Ok(token.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bail!("the first start printed no admin token")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).arg("--config").arg(self.folder.join("tollbar.toml"));
        command
    }

    fn write(&self, percent: u32) -> anyhow::Result<()> {
        fs::write(self.folder.join("tollbar.toml"), self.configuration(percent))?;
        fs::write(self.folder.join("rules.toml"), rules()).context("cannot write the rules")
    }

    fn configuration(&self, percent: u32) -> String {
        let (port, admin) = (self.port, self.admin);
        // Room for every answer of a run: the oracle counts on it that a kept answer stays.
        let text = format!(
            "[cache]\nmemory = \"512MiB\"\n\
             [server]\nlisten = \"127.0.0.1:{port}\"\nadmin_listen = \"127.0.0.1:{admin}\"\n\n\
             [storage]\nurl = \"sqlite:tollbar.db\"\n\n[journal]\npath = \"journal/\"\n\n"
        );
        text + &(self.outage)(percent)
    }
}

/// The models, providers and the service of the ladder's outage.
fn outage(percent: u32) -> String {
    let ttl = TTL.as_secs();
    let mut text = format!(
        "[services.chaos]\npurposes = [\"testing\"]\n\n\
         [models.{MODEL}]\nfallbacks = [\"small\"]\n\
         on_exhausted = [\"stale_cache\", \"rules\"]\nstale_if_error = \"24h\"\n\
         rules = \"rules.toml\"\ncache = {{ mode = \"on\", ttl = \"{ttl}s\" }}\n"
    );
    text.push_str(&common(Serves::Requested));
    text.push_str("\n[models.small]\n");
    text.push_str(&common(Serves::Fallback));
    for (provider, _, _) in TARGETS {
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n[providers.{provider}]\ndialect = \"simulated\"\nlatency = \"5ms\"\n{}",
            failures(percent)
        );
    }
    text
}

/// The targets and time-outs of a model.
fn common(wanted: Serves) -> String {
    let targets: Vec<String> = TARGETS
        .iter()
        .filter(|(_, _, serves)| *serves == wanted)
        .map(|(provider, model, _)| format!("{{ provider = \"{provider}\", model = \"{model}\" }}"))
        .collect();
    format!(
        "targets = [{}]\ndeadline = \"3s\"\nfirst_byte_timeout = \"150ms\"\n\
         idle_timeout = \"150ms\"\nretry = {{ attempts = {ATTEMPTS}, backoff = \"50ms\" }}\n",
        targets.join(", ")
    )
}

/// The setting of providers that fail for so many percent of the requests.
pub(crate) fn failures(percent: u32) -> String {
    if percent == 0 {
        return String::new();
    }
    // The shares of floating-point numbers must not add up to more than 1.
    let parts = FAULTS.map(|(fault, share)| {
        let share = f64::from(percent * share) / 10_000.0;
        format!("{{ {fault}, share = {share:.4} }}")
    });
    format!("failures = [{}]\n", parts.join(", "))
}

fn rules() -> String {
    let [(refund, refund_answer), (other, other_answer)] = RULES;
    format!(
        "[[rules]]\nname = \"{refund}\"\nwhen = {{ keywords = [[\"refund\"]] }}\n\
         answer = \"{refund_answer}\"\n\n\
         [[rules]]\nname = \"{other}\"\nwhen = {{ always = true }}\nanswer = \"{other_answer}\"\n"
    )
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_share_and_all_of_them_make_up_the_level() {
        assert_eq!(FAULTS.iter().map(|(_, share)| share).sum::<u32>(), 100);
        assert_eq!(serves("gamma/model-c"), Some(Serves::Fallback));
        assert_eq!(serves("gamma/model-a"), None);
    }
}
