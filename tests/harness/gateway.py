"""Starts, asks and stops a `tollbar serve` of its own, on free loopback ports."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 40.0
# The contract says a second; the rest is for a busy machine.
KEY_TIMEOUT_S = 3.0


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Gateway:
    """One gateway process in a folder of its own; restarts keep folder and ports."""

    def __init__(self, binary: str, folder: Path, config: str, server: str = "") -> None:
        self.binary = str(Path(binary).resolve())
        self.folder = folder
        self.port = free_port()
        self.admin_port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.config_file = folder / "tollbar.toml"
        self.log_file = folder / "serve.log"
        self.out_file = folder / "serve.out"
        self.config_file.write_text(
            f'[server]\nlisten = "127.0.0.1:{self.port}"\n'
            f'admin_listen = "127.0.0.1:{self.admin_port}"\n{server}\n'
            '[storage]\nurl = "sqlite:tollbar.db"\n\n[journal]\npath = "journal/"\n\n' + config
        )

    @property
    def url(self) -> str:
        """The public API without `/v1`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until it may take traffic."""
        with self.log_file.open("ab") as log, self.out_file.open("ab") as out:
            self.process = subprocess.Popen(
                [self.binary, "serve", "--config", str(self.config_file)],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                env=clean_environment(),
            )
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self.ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"serve ended with {self.process.returncode}: {self.log_tail()}")
            if time.monotonic() > give_up:
                raise RuntimeError(f"serve is not ready: {self.log_tail()}")
            time.sleep(0.005)

    def ready(self) -> bool:
        """Whether `/readyz` says yes."""
        try:
            return self.admin("GET", "/readyz", timeout=2.0)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> int:
        """Sends SIGTERM to the own process, waits for the end and gives its exit code."""
        process, self.process = self.process, None
        if process is None:
            raise RuntimeError("the gateway is not running")
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def signal(self, number: int) -> None:
        """Sends a signal to the own process."""
        if self.process is None:
            raise RuntimeError("the gateway is not running")
        self.process.send_signal(number)

    def kill(self) -> None:
        """Sends SIGKILL to the own process."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()

    def admin(
        self, method: str, path: str, headers: dict[str, str] | None = None, timeout: float = 10.0
    ) -> tuple[int, bytes]:
        """One request to the admin address."""
        status, _, body = exchange(self.admin_port, method, path, headers=headers, timeout=timeout)
        return status, body

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One raw request to the public address."""
        return exchange(self.port, method, path, body=body, headers=headers)

    def cli(self, *arguments: str, timeout: float = 30.0) -> str:
        """Runs a command with the same configuration and gives its standard output."""
        done = subprocess.run(
            [self.binary, *arguments, "--config", str(self.config_file)],
            cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
            env=clean_environment(), check=False, text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def cli_json(self, *arguments: str) -> Any:
        """The same with `-o json`, parsed."""
        return json.loads(self.cli(*arguments, "-o", "json"))

    def make_key(self, service: str, *flags: str) -> dict[str, Any]:
        """`keys create`: the only time that the key is shown. Waits until the running server
        knows the key, which must take less than a second."""
        made: dict[str, Any] = self.cli_json("keys", "create", "--service", service, *flags)
        headers = {"authorization": f"Bearer {made['key']}"}
        give_up = time.monotonic() + KEY_TIMEOUT_S
        while exchange(self.port, "GET", "/v1/models", headers=headers)[0] == 401:
            if time.monotonic() > give_up:
                raise RuntimeError(f"a new key is unknown after {KEY_TIMEOUT_S} s")
            time.sleep(0.02)
        return made

    def admin_token(self) -> str:
        """The admin token that the first start prints once it listens."""
        give_up = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < give_up:
            if found := re.search(r"tb_admin_\w+", self.out_file.read_text()):
                return found.group()
            time.sleep(0.01)
        raise RuntimeError("the first start printed no admin token")

    def log_tail(self) -> str:
        """The end of what it wrote, for messages."""
        return self.log_file.read_text(errors="replace")[-2000:] if self.log_file.exists() else ""


def exchange(
    port: int, method: str, path: str, *, body: bytes | None = None,
    headers: dict[str, str] | None = None, timeout: float = 30.0,
) -> tuple[int, dict[str, str], bytes]:
    """One request without an SDK: status, headers in lower case, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()


def clean_environment() -> dict[str, str]:
    """This environment without anything that would change the gateway or the SDKs."""
    prefixes = ("TOLLBAR_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "AZURE_OPENAI_", "MISTRAL_")
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    return {
        name: value for name, value in os.environ.items()
        if not name.startswith(prefixes) and name.lower() not in proxies
    }
