"""Lets promtool and a real Prometheus read the gateway's metrics.

    python run.py --tollbar PATH

Needs Debian's package `prometheus` (it brings promtool). All traffic stays on loopback.
"""

import argparse
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from harness.checks import Checks, equal, holds  # noqa: E402
from harness.gateway import Gateway, clean_environment, exchange, free_port  # noqa: E402

BOGUS_MODELS = 10_000
SCRAPE_TIMEOUT_S = 30.0
CONFIG = """
[providers.simulated]
dialect = "simulated"

[models.priced]
targets = [{ provider = "simulated", model = "sim-model" }]

[models.unpriced]
targets = [{ provider = "simulated", model = "sim-unpriced" }]

[prices."simulated/sim-model"]
input = 1.0
output = 2.0

[services.app]
purposes = ["testing"]
models = ["*"]
"""
# What the sample traffic must have moved: a query, and whether its value must be above 0.
QUERIES = {
    "tollbar_requests_total": True,
    'tollbar_requests_total{status_class="2xx"}': True,
    'tollbar_requests_total{status_class="4xx"}': True,
    "tollbar_request_duration_seconds_count": True,
    "tollbar_time_to_first_token_seconds_count": True,
    "tollbar_inter_token_seconds_count": True,
    "tollbar_overhead_seconds_count": True,
    'tollbar_tokens_total{direction="input"}': True,
    'tollbar_tokens_total{direction="output"}': True,
    "tollbar_cost_usd_total": True,
    "tollbar_unpriced_requests_total": True,
    'tollbar_streams_ended_total{end_reason="complete"}': True,
    'tollbar_streams_ended_total{end_reason="upstream_error"}': True,
    "tollbar_upstream_attempts_total": True,
    "tollbar_inflight_requests": False,
    "tollbar_journal_lag_seconds": False,
    "tollbar_config_last_reload_successful": True,
    "tollbar_build_info": True,
    "histogram_quantile(0.95, sum by (le) (tollbar_request_duration_seconds_bucket))": True,
}


class Traffic:
    """Sends requests over one connection."""

    def __init__(self, gateway: Gateway, key: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        self.headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    def chat(self, model: str, text: str, stream: bool = False, user: str = "someone") -> int:
        """One chat completion; gives the status."""
        body = {
            "model": model, "stream": stream, "user": user,
            "messages": [{"role": "user", "content": text}],
        }
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body), self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def sample(self) -> None:
        """A little of everything."""
        for model in ("priced", "unpriced"):
            for count in range(5):
                equal(self.chat(model, f"plain {count}"), 200, "status")
                equal(self.chat(model, f"streamed [[chunks:10]] {count}", stream=True), 200, "status")
        equal(self.chat("priced", "[[fault:429]]"), 429, "status")
        self.chat("priced", "[[fault:cut]] some more text", stream=True)
        equal(self.chat("no-such-model", "x"), 404, "status")


def page(gateway: Gateway, accept: str = "") -> str:
    """The metrics page."""
    status, body = gateway.admin("GET", "/metrics", {"accept": accept} if accept else None)
    equal(status, 200, "status of /metrics")
    return body.decode()


def series(text: str) -> set[str]:
    """The names and labels on a page, without values."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {re.sub(r" \S+$", "", line.split(" # ")[0]) for line in lines}


def promtool(gateway: Gateway) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page(gateway), capture_output=True, text=True,
        check=False, timeout=60)
    equal((done.returncode, done.stderr.strip()), (0, ""), "promtool's verdict")


def open_metrics(gateway: Gateway) -> None:
    text = page(gateway, "application/openmetrics-text; version=1.0.0")
    holds(text.endswith("# EOF\n"), "no # EOF")
    holds("# TYPE tollbar_requests counter" in text, "no counter tollbar_requests")


def names_are_known(gateway: Gateway) -> None:
    text = page(gateway)
    holds("no-such-model" not in text, "a raw client-sent model is a label")
    holds("someone" not in text, "a user is a label")
    holds('model="other"' in text, "no other")


def bogus_models(gateway: Gateway, traffic: Traffic) -> None:
    before = page(gateway)
    for number in range(BOGUS_MODELS):
        status = traffic.chat(f"bogus-{number}", "x", user=f"user-{number}")
        equal(status, 404, "status")
    after = page(gateway)
    equal(series(after) - series(before), set(), "new series")
    equal(len(series(after)), len(series(before)), "number of series")
    # Only digits of counters may be added.
    holds(len(after) - len(before) < 500, f"the page grew by {len(after) - len(before)} bytes")


def bogus_keys(gateway: Gateway) -> None:
    def ask(number: int) -> None:
        status, _, _ = exchange(gateway.port, "GET", "/v1/models",
                                headers={"authorization": f"Bearer tb_live_{number:08d}_x"})
        equal(status, 401, "status")

    ask(0)
    before = series(page(gateway))
    for number in range(200):
        ask(number)
    equal(series(page(gateway)) - before, set(), "new series")


class Prometheus:
    """A real one, that scrapes the gateway every second."""

    def __init__(self, folder: Path, target: int) -> None:
        self.port, self.log = free_port(), folder / "prometheus.log"
        config = folder / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: tollbar\n"
            f'    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]\n')
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=clean_environment())

    def query(self, query: str) -> list[dict[str, Any]]:
        """The result of an instant query; nothing while it is not up."""
        path = "/api/v1/query?" + urllib.parse.urlencode({"query": query})
        try:
            status, _, body = exchange(self.port, "GET", path)
        except OSError:
            return []
        return list(json.loads(body)["data"]["result"]) if status == 200 else []

    def scraped_twice(self) -> None:
        """Waits for two good scrapes."""
        give_up = time.monotonic() + SCRAPE_TIMEOUT_S
        while time.monotonic() < give_up:
            found = self.query("sum_over_time(up[5m])")
            if found and float(found[0]["value"][1]) >= 2:
                return
            time.sleep(0.2)
        raise AssertionError(f"not scraped twice: {self.log.read_text()[-500:]}")

    def has(self, query: str, above_zero: bool) -> None:
        """The query must return data."""
        found = self.query(query)
        holds(found, "no data")
        values = [float(one["value"][1]) for one in found]
        holds(not above_zero or max(values) > 0, f"values are {values}")

    def stop(self) -> None:
        """Ends it."""
        self.process.terminate()
        self.process.wait(20)


def main() -> int:
    """Runs everything and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tollbar", required=True, help="the gateway's binary")
    arguments = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tollbar-prometheus-") as name:
        folder = Path(name)
        gateway = Gateway(arguments.tollbar, folder, CONFIG)
        gateway.start()
        try:
            run_all(checks, gateway, folder)
        finally:
            gateway.kill()
    return checks.finish()


def run_all(checks: Checks, gateway: Gateway, folder: Path) -> None:
    """The page first, then the real reader of it."""
    traffic = Traffic(gateway, gateway.make_key("app")["key"])
    checks.run("sample traffic", traffic.sample)
    checks.run("promtool accepts the page", lambda: promtool(gateway))
    checks.run("the OpenMetrics form", lambda: open_metrics(gateway))
    checks.run("labels come from the configuration", lambda: names_are_known(gateway))
    checks.run(f"{BOGUS_MODELS} bogus models add no series", lambda: bogus_models(gateway, traffic))
    checks.run("bogus keys add no series", lambda: bogus_keys(gateway))
    checks.run("promtool still accepts the page", lambda: promtool(gateway))
    prometheus = Prometheus(folder, gateway.admin_port)
    try:
        checks.run("Prometheus scrapes it twice", prometheus.scraped_twice)
        for query, above_zero in QUERIES.items():
            checks.run(f"query {query}", lambda q=query, a=above_zero: prometheus.has(q, a))
    finally:
        prometheus.stop()
    checks.run("SIGTERM ends the gateway with 0", lambda: equal(gateway.stop(), 0, "exit code"))


if __name__ == "__main__":
    sys.exit(main())
