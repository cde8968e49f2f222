"""Kills the gateway with SIGKILL, many times, and counts what it remembers.

    python run.py --tollbar PATH [--kills 200] [--seed 1] [--write-docs docs/reliability.md]

Each round starts `serve` on the same storage, sends plain and streamed requests from several
threads, and kills it at a random moment. After every start the budgets must say what the stored
rows say, with nothing reserved. At the end it starts once more, and every request that was
answered must have its rows, once, with the tokens that the provider told; a service whose budget
was used up meanwhile must not have spent more, and is still refused. All traffic stays on loopback.
"""

import argparse
import datetime
import http.client
import json
import platform
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
targets = [{{ provider = "simulated", model = "sim-model" }}]

[models.slow]
targets = [{{ provider = "slow", model = "sim-model" }}]

[services.app]
purposes = ["testing"]
limits = {{ tokens_per_day = 1000000000, requests_per_hour = 1000000 }}
budget = {{ amount = "900 usd", window = "quarter", time_zone = "Europe/Berlin" }}

[services.tight]
purposes = ["testing"]
budget = {{ amount = "{tight_usd:.6f} usd", window = "quarter" }}

[prices."simulated/sim-model"]
input = 1.0
output = 1.0

[prices."slow/sim-model"]
input = 1.0
output = 1.0
"""
# What one service may spend in all rounds, in micro-dollars for each of them: less than it asks
# for. A token costs a micro-dollar.
TIGHT_PER_KILL = 12
# The estimate of an input may be so far below what the provider counts, for each request that is
# under way at the same time.
TIGHT_SLACK = 50
TIGHT_THREAD = THREADS - 1
MARKS = ("<!-- kills: written by `tests/kill/run.py --write-docs`, do not edit -->", "<!-- kills: end -->")


class Round:
    """The requests between one start and its kill. Each list holds request ids."""

    def __init__(self, gateway: Gateway, keys: tuple[str, str], seed: int) -> None:
        self.port, self.keys, self.seed = gateway.port, keys, seed
        self.answered: list[str] = []
        self.told: dict[str, tuple[int, int]] = {}
        self.refused: list[str] = []
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
                self.one(connection, dice, number == TIGHT_THREAD)
        except (OSError, http.client.HTTPException):
            connection.close()

    def one(self, connection: http.client.HTTPConnection, dice: random.Random, is_tight: bool) -> None:
        """One request; its id is `begun` with the head and `answered` with the last byte."""
        stream = dice.random() < 0.5
        pause = f"[[delay_ms:{dice.randrange(1, 30)}]]" if dice.random() < 0.5 else ""
        body = {
            "model": "slow" if dice.random() < 0.3 else "sim", "stream": stream,
            "messages": [{"role": "user", "content": f"{pause} [[chunks:{dice.randrange(1, 20)}]] x"}],
            "max_tokens": 20,
        }
        if stream:
            body["stream_options"] = {"include_usage": True}
        with self.lock:
            self.sent += 1
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {
            "authorization": f"Bearer {self.keys[is_tight]}", "content-type": "application/json"})
        answer = connection.getresponse()
        request_id = answer.headers["x-request-id"]
        self.begun.append(request_id)
        text = answer.read()
        if is_tight and answer.status == 429 and b'"budget_exceeded"' in text:
            self.refused.append(request_id)
            time.sleep(0.005)
            return
        whole = text.rstrip().endswith(b"data: [DONE]") if stream else text.endswith(b"}")
        if answer.status != 200 or not whole:
            self.faults.append(f"{answer.status} {text[:200]!r}")
            return
        self.answered.append(request_id)
        self.told[request_id] = usage(text, stream)


def usage(text: bytes, stream: bool) -> tuple[int, int]:
    """What the provider told in an answer: tokens of input and of output."""
    if stream:
        events = [one[6:] for one in text.split(b"\n\n") if one.startswith(b"data: {")]
        text = next(one for one in reversed(events) if b'"usage":{' in one.replace(b" ", b""))
    told = json.loads(text)["usage"]
    return told["prompt_tokens"], told["completion_tokens"]


class Budgets:
    """Compares what is counted against budgets with the stored rows, after each start."""

    def __init__(self, token: str) -> None:
        self.headers = {"authorization": f"Bearer {token}"}
        self.faults: list[str] = []
        self.compared = 0

    def compare(self, gateway: Gateway) -> None:
        """Nothing was asked since the start, so nothing may be reserved."""
        rows = [row for row in self.get(gateway, "/admin/v1/budgets")]
        spent = {row["service"]: row["cost_micro_usd"] + row["estimated_cost_micro_usd"]
                 for row in self.get(gateway, "/admin/v1/usage?by=service")}
        for row in rows:
            self.compared += 1
            if row["reserved"] != 0:
                self.faults.append(f"reserved after a start: {row}")
            if row["limit"] == "budget" and row["used"] != spent.get(row["name"], 0):
                self.faults.append(f"spent {spent.get(row['name'])}: {row}")

    def get(self, gateway: Gateway, path: str) -> list[dict[str, Any]]:
        """The rows of an answer of the admin API."""
        status, body = gateway.admin("GET", path, headers=self.headers)
        if status != 200:
            raise AssertionError(f"{path} answers {status} {body[:200]!r}")
        return list(json.loads(body)["rows"])


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
    told = {one: tokens for each in rounds for one, tokens in each.told.items()}
    billed = {one: (rows[one][-1]["input_tokens"], rows[one][-1]["output_tokens"])
              for one in told if rows[one]}
    checks.run("they are billed what the provider counted", lambda: equal(billed, told, "tokens"))
    refused = {one for each in rounds for one in each.refused}
    open_ones = begun - answered - refused
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


def check_budgets(checks: Checks, gateway: Gateway, budgets: Budgets, tight: tuple[str, int],
                  refused: int) -> None:
    """The verdicts on money; `tight` is the key of the service with the small budget, and that."""
    budgets.compare(gateway)
    checks.run(f"{budgets.compared} limits after starts say what the rows say",
               lambda: equal(budgets.faults, [], "faults"))
    rows = gateway.cli_json("usage", "--by", "service")["rows"]
    spent = sum(row["cost_micro_usd"] + row["estimated_cost_micro_usd"]
                for row in rows if row["service"] == "tight")
    key, most = tight
    checks.run(f"{spent} of {most} micro-dollars are spent, {refused} requests were refused",
               lambda: holds(refused > 0 and most / 2 < spent <= most + TIGHT_SLACK, "it does not hold"))
    body = json.dumps({"model": "sim", "max_tokens": most, "messages": []}).encode()
    status, _, text = gateway.call("POST", "/v1/chat/completions", body, {
        "authorization": f"Bearer {key}", "content-type": "application/json"})
    checks.run("a used up budget is still used up", lambda: holds(
        status == 429 and b"budget_exceeded" in text, f"{status} {text[:200]!r}"))


def machine() -> str:
    """What the figures were made on, in the words of the other figures."""
    processors = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in processors if line.startswith("model name")]
    gib = round(int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2)
    return (f"a machine of {len(names)} cores ({names[0] if names else 'unknown'}, {gib} GiB, "
            f"{platform.system()} {platform.release()})")


def write_docs(file: Path, often: tuple[int, float], rounds: list[Round], budgets: Budgets) -> None:
    """Writes what was done between the marks; only a run without a fault comes here."""
    kills, within = often
    before, rest = file.read_text().split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    answered, begun = sum(len(each.answered) for each in rounds), sum(len(each.begun) for each in rounds)
    refused = sum(len(each.refused) for each in rounds)
    text = (
        f"{datetime.datetime.now(datetime.UTC).date()}, on {machine()}: {kills} times `kill -9` within {within} s of traffic, "
        f"each followed by a start on the same storage. {answered} answered requests had their rows, once, "
        f"with the tokens that the provider told; {begun - answered - refused} that were open had theirs "
        f"too. {budgets.compared} limits were read right after the starts: each said what the rows said, "
        f"and nothing was reserved. {refused} requests of a service whose budget was used up were refused."
    )
    file.write_text(f"{before}{MARKS[0]}\n\n{text}\n\n{MARKS[1]}{after}")


def main() -> int:
    """Runs everything and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tollbar", required=True, help="the gateway's binary")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=MAX_RUN_S, metavar="SECONDS",
                        help="each kill comes within so many seconds of traffic; a busy machine "
                             "needs more of them for answers to come")
    parser.add_argument("--write-docs", type=Path, help="the page to write the figures into")
    arguments = parser.parse_args()
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tollbar-kill-") as folder:
        tight = arguments.kills * TIGHT_PER_KILL
        gateway = Gateway(arguments.tollbar, Path(folder), CONFIG.format(tight_usd=tight / 1e6))
        try:
            done = run_all(checks, gateway, (arguments.kills, arguments.within), arguments.seed)
        finally:
            gateway.kill()
    code = checks.finish()
    if code == 0 and arguments.write_docs:
        write_docs(arguments.write_docs, (arguments.kills, arguments.within), *done)
    return code


def run_all(checks: Checks, gateway: Gateway, often: tuple[int, float], seed: int) -> tuple[list[Round], Budgets]:
    """Kills, then counts."""
    kills, within = often
    gateway.start()
    keys = (gateway.make_key("app")["key"], gateway.make_key("tight")["key"])
    token = gateway.admin_token()
    gateway.kill()
    dice, budgets = random.Random(seed), Budgets(token)
    rounds = []
    for number in range(kills):
        gateway.start()
        budgets.compare(gateway)
        rounds.append(Round(gateway, keys, seed * 100_003 + number))
        rounds[-1].run(gateway, dice.random() * within)
    checks.run(f"{kills} kills with traffic", lambda: holds(
        sum(bool(each.answered) for each in rounds) > kills / 2, "too few rounds had traffic"))
    checks.run("no answer was faulty", lambda: equal(
        [fault for each in rounds for fault in each.faults], [], "faults"))
    gateway.start()
    count = settled(gateway)
    refused = sum(len(each.refused) for each in rounds)
    check_budgets(checks, gateway, budgets, (keys[True], kills * TIGHT_PER_KILL), refused)
    count = settled(gateway)
    check_ledger(checks, Ledger(gateway, token), rounds)
    begun, sent = sum(len(each.begun) for each in rounds), sum(each.sent for each in rounds)
    checks.run(f"the sum is {count}: not below {begun} begun, not above {sent} sent",
               lambda: holds(begun <= count - 1 <= sent, "it is not"))
    checks.run("SIGTERM ends it with 0", lambda: equal(gateway.stop(), 0, "exit code"))
    gateway.start()
    checks.run("another start adds nothing", lambda: equal(settled(gateway), count, "requests"))
    return rounds, budgets


if __name__ == "__main__":
    sys.exit(main())
