//! The gateways that are compared: how each is configured, started and asked.

use std::fmt;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Serialize;

use super::process::Running;
use super::{load, provider, scenarios};
use crate::programs;
use crate::workspace::Workspace;

/// Which gateway.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A plain proxy: the yardstick.
    Nginx,
    /// Ours.
    Tollbar,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nginx => "nginx",
            Self::Tollbar => "tollbar",
        })
    }
}

/// What our guard does. One process has one of these: names are looked for by all services or
/// by none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guarding {
    /// Nothing.
    Off,
    /// Structured identifiers and secrets.
    WithoutNames,
    /// Everything, as without a word in the configuration.
    On,
}

impl Guarding {
    /// In the order in which gateways are started.
    pub(crate) const ALL: [Self; 3] = [Self::Off, Self::WithoutNames, Self::On];

    const fn configuration(self) -> &'static str {
        match self {
            Self::Off => "[guard]\nenabled = false\n",
            Self::WithoutNames => "[guard]\nnames = false\n",
            Self::On => "",
        }
    }
}

/// Where gateways live during the run.
pub(crate) struct Place<'run> {
    /// A folder that is removed afterwards.
    pub(crate) folder: &'run Path,
    /// For the built gateway.
    pub(crate) workspace: &'run Workspace,
    /// The port of the fake provider.
    pub(crate) provider: u16,
}

/// A running gateway.
pub(crate) struct Peer {
    /// Which.
    pub(crate) kind: Kind,
    /// What it does besides; nginx always does nothing.
    pub(crate) guarding: Guarding,
    /// Its public port.
    pub(crate) port: u16,
    /// A credential, where one is needed.
    pub(crate) key: Option<String>,
    /// The process.
    pub(crate) process: Running,
}

impl Peer {
    /// Starts a gateway in a folder of its own; also how long it took from there to its first
    /// answer. Keys are made before.
    pub(crate) async fn start(
        kind: Kind,
        guarding: Guarding,
        place: &Place<'_>,
    ) -> anyhow::Result<(Self, Duration)> {
        let folder = tempfile::tempdir_in(place.folder)?.keep();
        let port = free_port()?;
        let (mut command, key) = match kind {
            Kind::Nginx => (nginx(&folder, port, place.provider)?, None),
            Kind::Tollbar => {
                let (command, key) = tollbar(&folder, port, guarding, place)?;
                (command, Some(key))
            }
        };
        let log = folder.join("log.txt");
        command.stdin(Stdio::null()).stdout(fs::File::create(&log)?);
        command.stderr(fs::OpenOptions::new().append(true).open(&log)?);
        let request = scenarios::plain_request(port, key.as_deref());
        let start = Instant::now();
        let process = Running::start(&mut command)?;
        let mut peer = Self { kind, guarding, port, key, process };
        match peer.answers(&request).await {
            Ok(()) => Ok((peer, start.elapsed())),
            Err(error) => {
                let log = fs::read_to_string(log).unwrap_or_default();
                Err(error.context(format!("{kind} does not answer; it says:\n{log}")))
            }
        }
    }

    /// Asks until there is an answer.
    async fn answers(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let patience = Instant::now() + Duration::from_secs(10);
        loop {
            let refusal = match load::ask(self.port, request).await {
                Ok((true, _)) => return Ok(()),
                Ok((false, text)) => text,
                Err(error) => format!("{error:#}"),
            };
            if let Some(status) = self.process.ended() {
                bail!("it ended with {status}");
            }
            if Instant::now() > patience {
                bail!("{refusal}");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// One worker, connections kept on both sides, no log of requests, and streams not collected
/// (the provider says so in a header).
fn nginx(folder: &Path, port: u16, provider: u16) -> anyhow::Result<Command> {
    let root = rustix::process::geteuid().is_root();
    let user = if root { "user root;" } else { "" };
    let text = format!(
        "{user}
worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 64k;
  client_max_body_size 32m;
  client_body_temp_path client_body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream provider {{
    server 127.0.0.1:{provider};
    keepalive 128;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
    }}
  }}
}}
"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(file);
    Ok(command)
}

/// What a small production set-up has: keys, SQLite, the journal, metrics.
fn tollbar(
    folder: &Path,
    port: u16,
    guarding: Guarding,
    place: &Place<'_>,
) -> anyhow::Result<(Command, String)> {
    let (admin, provider, paced) = (free_port()?, place.provider, provider::PACED);
    let text = format!(
        "[server]
listen = \"127.0.0.1:{port}\"
admin_listen = \"127.0.0.1:{admin}\"
workers = 1

[storage]
url = \"sqlite:tollbar.db\"

[journal]
path = \"journal/\"

[providers.fake]
dialect = \"openai\"
base_url = \"http://127.0.0.1:{provider}/v1\"
api_keys = [{{ file = \"provider-key\" }}]
data_classes = [\"public\", \"internal\"]

[models.bench]
targets = [{{ provider = \"fake\", model = \"bench-2026-01-01\" }}]

[models.bench-{paced}]
targets = [{{ provider = \"fake\", model = \"bench-{paced}-2026-01-01\" }}]

[services.bench]
purposes = [\"benchmark\"]
models = [\"bench\", \"bench-{paced}\"]
data_classes = [\"public\", \"internal\"]

{}",
        guarding.configuration()
    );
    let file = folder.join("tollbar.toml");
    fs::write(&file, text)?;
    fs::write(folder.join("provider-key"), "sk-bench")?;
    let program = place.workspace.gateway()?;
    let gateway = || {
        let mut command = Command::new(&program);
        command.current_dir(folder).arg("--config").arg(&file);
        command
    };
    let made = programs::output(gateway().args([
        "keys",
        "create",
        "--service",
        "bench",
        "--output",
        "json",
    ]))?;
    let made: serde_json::Value =
        serde_json::from_str(&made).context("`keys create` did not print JSON")?;
    let key = made.get("key").and_then(serde_json::Value::as_str).context("no key in it")?;
    let mut serve = gateway();
    serve.arg("serve");
    Ok((serve, key.to_owned()))
}
