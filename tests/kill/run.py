"""Kills the gateway with SIGKILL, many times, and counts what it remembers.

    python run.py --tollbar PATH [--kills 200] [--seed 1]

Each round starts `serve` on the same storage, sends plain and streamed requests from several
threads, and kills it at a random moment. At the end it starts once more, and every request that
was answered must have its rows, once. All traffic stays on loopback.
"""

import argparse
import http.client
import json
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

from harness.checks import Checks, equal, holds  # noqa: E402
from harness.gateway import Gateway  # noqa: E402
from harness.ledger import Ledger  # noqa: E402

THREADS = 4
MAX_RUN_S = 0.12
SETTLE_TIMEOUT_S = 30.0
CONFIG = """
[providers.simulated]
dialect = "simulated"

[providers.slow]
dialect = "simulated"
tokens_per_second = 400

[models.sim]
targets = [{ provider = "simulated", model = "sim-model" }]

[models.slow]
targets = [{ provider = "slow", model = "sim-model" }]

[services.app]
purposes = ["testing"]
"""


class Round:
    """The requests between one start and its kill. Each list holds request ids."""

    def __init__(self, gateway: Gateway, key: str, seed: int) -> None:
        self.port, self.key, self.seed = gateway.port, key, seed
        self.answered: list[str] = []
        self.begun: list[str] = []
        self.sent = 0
        self.faults: list[str] = []
        self.lock = threading.Lock()
        self.threads = [
            threading.Thread(target=self.work, args=(number,)) for number in range(THREADS)
        ]

    def run(self, gateway: Gateway, seconds: float) -> None:
        """Sends requests for that long, then kills the gateway."""
        for thread in self.threads:
            thread.start()
        time.sleep(seconds)
        gateway.kill()
        for thread in self.threads:
            thread.join()

    def work(self, number: int) -> None:
        """Sends one request after another until the connection breaks."""
        dice = random.Random(self.seed * THREADS + number)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            while True:
                self.one(connection, dice)
        except (OSError, http.client.HTTPException):
            connection.close()

    def one(self, connection: http.client.HTTPConnection, dice: random.Random) -> None:
        """One request; its id is `begun` with the head and `answered` with the last byte."""
        stream = dice.random() < 0.5
        pause = f"[[delay_ms:{dice.randrange(1, 30)}]]" if dice.random() < 0.5 else ""
        body = {
            "model": "slow" if dice.random() < 0.3 else "sim", "stream": stream,
            "messages": [{"role": "user", "content": f"{pause} [[chunks:{dice.randrange(1, 20)}]] x"}],
        }
        with self.lock:
            self.sent += 1
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {
            "authorization": f"Bearer {self.key}", "content-type": "application/json"})
        answer = connection.getresponse()
        request_id = answer.headers["x-request-id"]
        self.begun.append(request_id)
        text = answer.read()
        whole = text.rstrip().endswith(b"data: [DONE]") if stream else text.endswith(b"}")
        if answer.status != 200 or not whole:
            self.faults.append(f"{answer.status} {text[:200]!r}")
            return
        self.answered.append(request_id)


def total_requests(gateway: Gateway) -> int:
    """The number of requests in all, as `tollbar usage` sums them."""
    return sum(row["requests"] for row in gateway.cli_json("usage", "--by", "model")["rows"])


def check_ledger(checks: Checks, ledger: Ledger, rounds: list[Round]) -> None:
    """The verdicts."""
    answered = {one for each in rounds for one in each.answered}
    begun = {one for each in rounds for one in each.begun}
    rows = {one: ledger.rows(one) for one in sorted(begun)}
    lost = [one for one in sorted(answered) if not rows[one]]
    checks.run(f"{len(answered)} answered requests have rows", lambda: equal(lost, [], "lost"))
    twice = [one for one, found in rows.items() if attempts(found) != sorted(set(attempts(found)))]
    checks.run("no row is there twice", lambda: equal(twice, [], "twice"))
    finals = [one for one in sorted(answered) if sum(r["is_final"] for r in rows[one]) != 1]
    checks.run("each has one final attempt", lambda: equal(finals, [], "without one final"))
    ends = {one: rows[one][-1]["end_reason"] for one in sorted(answered) if rows[one]}
    wrong = {one: end for one, end in ends.items() if end != "complete"}
    checks.run("answered ones are complete", lambda: equal(wrong, {}, "other ends"))
    open_ones = begun - answered
    checks.run("some requests were open when killed", lambda: holds(open_ones, "none"))
    unknown = [one for one in sorted(open_ones) if not rows[one]]
    checks.run(f"{len(open_ones)} open requests have rows", lambda: equal(unknown, [], "lost"))
    ends_of_open = {rows[one][-1]["end_reason"] for one in open_ones if rows[one]}
    checks.run("open ones are a crash, or complete but for the last bytes",
               lambda: holds({"crash"} <= ends_of_open <= {"crash", "complete"}, f"ends are {ends_of_open}"))


def attempts(rows: list[dict[str, Any]]) -> list[int]:
    """The attempt numbers of rows."""
    return [row["attempt"] for row in rows]


def settled(gateway: Gateway) -> int:
    """The number of requests once it stands still."""
    last, give_up = -1, time.monotonic() + SETTLE_TIMEOUT_S
    while time.monotonic() < give_up:
        now = total_requests(gateway)
        if now == last:
            return now
        last = now
        time.sleep(0.5)
    raise AssertionError("the number of requests does not stand still")


def main() -> int:
    """Runs everything and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tollbar", required=True, help="the gateway's binary")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tollbar-kill-") as folder:
        gateway = Gateway(arguments.tollbar, Path(folder), CONFIG)
        try:
            run_all(checks, gateway, arguments.kills, arguments.seed)
        finally:
            gateway.kill()
    return checks.finish()


def run_all(checks: Checks, gateway: Gateway, kills: int, seed: int) -> None:
    """Kills, then counts."""
    gateway.start()
    key, token = gateway.make_key("app")["key"], gateway.admin_token()
    gateway.kill()
    dice = random.Random(seed)
    rounds = []
    for number in range(kills):
        gateway.start()
        rounds.append(Round(gateway, key, seed * 100_003 + number))
        rounds[-1].run(gateway, dice.random() * MAX_RUN_S)
    checks.run(f"{kills} kills with traffic", lambda: holds(
        sum(bool(each.answered) for each in rounds) > kills / 2, "too few rounds had traffic"))
    checks.run("no answer was faulty", lambda: equal(
        [fault for each in rounds for fault in each.faults], [], "faults"))
    gateway.start()
    count = settled(gateway)
    check_ledger(checks, Ledger(gateway, token), rounds)
    begun, sent = sum(len(each.begun) for each in rounds), sum(each.sent for each in rounds)
    checks.run(f"the sum is {count}: not below {begun} begun, not above {sent} sent",
               lambda: holds(begun <= count <= sent, "it is not"))
    checks.run("SIGTERM ends it with 0", lambda: equal(gateway.stop(), 0, "exit code"))
    gateway.start()
    checks.run("another start adds nothing", lambda: equal(settled(gateway), count, "requests"))


if __name__ == "__main__":
    sys.exit(main())
