"""What the gateway wrote down of the traffic of the other checks."""

import json
import time

from harness.checks import Checks, equal, holds
from scene import Scene


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    checks.run("usage: requests are counted by model", lambda: by_model(scene))
    checks.run("usage: one plain request adds one row with the provider's tokens",
               lambda: one_request(scene))
    checks.run("usage: no text and no key in the log", lambda: log_is_clean(scene))
    checks.run("log: every line is a JSON object", lambda: log_is_json(scene))


def by_model(scene: Scene) -> None:
    rows = {row["model"]: row for row in scene.usage("model")}
    holds(rows["sim"]["requests"] > 10, f"{rows['sim']}")
    holds(rows["claude"]["cached_input_tokens"] > 0, f"{rows['claude']}")
    holds("no-such-model" not in rows, "a raw client-sent model is a row")


def one_request(scene: Scene) -> None:
    before = total(scene)
    usage = scene.chat("other-sim", "exactly once").usage
    give_up = time.monotonic() + 5
    while total(scene)["requests"] == before["requests"] and time.monotonic() < give_up:
        time.sleep(0.1)
    after = total(scene)
    equal(after["requests"] - before["requests"], 1, "requests")
    equal(after["input_tokens"] - before["input_tokens"], usage.prompt_tokens, "input tokens")
    equal(after["output_tokens"] - before["output_tokens"], usage.completion_tokens, "output tokens")


def total(scene: Scene) -> dict[str, int]:
    """The row of the model that only this check calls."""
    rows = [row for row in scene.usage("model") if row["model"] == "other-sim"]
    return rows[0] if rows else {"requests": 0, "input_tokens": 0, "output_tokens": 0}


def log_is_clean(scene: Scene) -> None:
    log = scene.gateway.log_file.read_text()
    for text in ("ünïcode", "please call the tool", "exactly once", "some text"):
        holds(text not in log, f"{text!r} is in the log")
    for name, key in scene.keys.items():
        holds(key["key"].split("_")[3] not in log, f"the key {name} is in the log")


def log_is_json(scene: Scene) -> None:
    lines = scene.gateway.log_file.read_text().splitlines()
    holds(lines, "the log is empty")
    for line in lines:
        holds(isinstance(json.loads(line), dict), f"{line[:200]!r}")
