//! A running gateway of which everything that it writes and shows can be read.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tb_testkit::TestResponse;

use crate::gateway::{Folder, address_in};

/// A gateway that logs as much as it can, into the files `stdout` and `stderr` of its folder.
pub(crate) struct Gateway<'f> {
    pub(crate) folder: &'f Folder,
    child: Child,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl<'f> Gateway<'f> {
    pub(crate) fn start(folder: &'f Folder) -> Self {
        let file = |name: &str| Stdio::from(File::create(folder.path().join(name)).unwrap());
        let child = folder
            .command(&["serve"])
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap();
        let public = listening(folder, "(public API)");
        let admin = listening(folder, "(admin API)");
        Self { folder, child, public, admin }
    }

    /// The token that the first start shows.
    pub(crate) fn token(&self) -> String {
        let shown = std::fs::read_to_string(self.folder.path().join("stdout")).unwrap();
        shown.lines().find_map(|line| line.strip_prefix("admin token: ")).unwrap().to_owned()
    }

    /// Everything that the admin address shows.
    pub(crate) fn shown(&self, token: &str, request_ids: &[String]) -> Vec<(String, String)> {
        let mut paths: Vec<String> = [
            "/",
            "/healthz",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/admin/v1/status",
            "/admin/v1/config",
            "/admin/v1/services",
            "/admin/v1/models",
            "/admin/v1/targets",
            "/admin/v1/cache",
            "/admin/v1/keys",
            "/admin/v1/usage?by=user,model,key",
            "/admin/v1/requests?limit=1000",
        ]
        .map(str::to_owned)
        .into();
        paths.extend(request_ids.iter().map(|id| format!("/admin/v1/requests/{id}")));
        let show = |path: String| (path.clone(), get(&path, token, self.admin).text());
        paths.into_iter().map(show).collect()
    }

    /// Lets it drain, and waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The harness names another host than the admin address answers to.
pub(crate) fn get(path: &str, token: &str, address: SocketAddr) -> TestResponse {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let response = TestResponse::parse(&answer);
    assert!(matches!(response.status, 200 | 404), "{path}: {}", response.text());
    response
}

impl Drop for Gateway<'_> {
    fn drop(&mut self) {
        // After a proper end there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listening(folder: &Folder, what: &str) -> SocketAddr {
    let give_up = Instant::now() + Duration::from_secs(20);
    loop {
        let log = std::fs::read_to_string(folder.path().join("stderr")).unwrap();
        if let Some(line) = log.lines().find(|line| line.contains(what)) {
            return address_in(line);
        }
        assert!(Instant::now() < give_up, "the gateway does not listen: {log}");
        std::thread::yield_now();
    }
}
