//! A folder with a configuration, commands on it, and a running `serve`.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tb_testkit::{TestRequest, TestResponse};
use tempfile::TempDir;

/// After this long the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "[::1]:0"
[providers.simulated]
dialect = "simulated"
[models.sim]
targets = [{ provider = "simulated", model = "sim-1" }]
[services.app]
purposes = ["testing"]
models = ["sim"]
"#;

/// A folder of its own with a `tollbar.toml`.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new(config: &str) -> Self {
        let folder = Self::empty();
        folder.write("tollbar.toml", config);
        folder
    }

    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tollbar"));
        command.args(arguments).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran(self.command(arguments).output().unwrap())
    }

    /// Starts `serve` and waits until it listens.
    pub(crate) fn serve(&self) -> Serve {
        let mut child =
            self.command(&["serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, log) = sync_channel(10_000);
        let reader = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.try_send(line);
            }
        });
        let reader = Some(reader);
        let mut serve = Serve { child, log, reader, address: None, admin_address: None };
        let line = serve.logged("(public API)");
        serve.address = Some(address_in(&line));
        let line = serve.logged("(admin API)");
        serve.admin_address = Some(address_in(&line));
        serve
    }
}

pub(crate) fn address_in(line: &str) -> SocketAddr {
    let after = line.split("http://").nth(1).unwrap();
    after.split(' ').next().unwrap().parse().unwrap()
}

/// A command that ended.
pub(crate) struct Ran(Output);

impl Ran {
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    /// Its output as JSON, when it ended well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code(), Some(0), "{}", self.stderr());
        serde_json::from_str(&self.stdout()).unwrap()
    }
}

/// A running gateway.
pub(crate) struct Serve {
    child: Child,
    log: Receiver<String>,
    reader: Option<JoinHandle<()>>,
    address: Option<SocketAddr>,
    admin_address: Option<SocketAddr>,
}

impl Serve {
    /// Reads the log up to a line with this text.
    pub(crate) fn logged(&mut self, text: &str) -> String {
        let give_up = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = give_up.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!("`{text}` was not logged, but: {seen:#?}");
            };
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.admin_address.unwrap()
    }

    /// One chat completion with this key.
    pub(crate) fn chat(&self, key: &str) -> TestResponse {
        let body = r#"{"model":"sim","messages":[{"role":"user","content":"hello"}]}"#;
        let request = TestRequest::post("/v1/chat/completions", body).key(key);
        request.send(self.address())
    }

    /// Asks with this key until the status is as wanted.
    pub(crate) fn answers(&self, key: &str, status: u16) -> bool {
        let give_up = Instant::now() + PATIENCE;
        while Instant::now() < give_up {
            if self.chat(key).status == status {
                return true;
            }
        }
        false
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end; gives what it wrote to standard output as well.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut text = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        (status, text)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // After `ended` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
