"""What the gateway wrote down of each way in which a request can end."""

import http.client
import json
import time
from typing import Any

from harness.checks import Checks, equal, holds
from scene import Scene

LONG = "a rather long text that comes in several pieces"
# Model, text, streamed, then what the last row must say.
ENDS: list[tuple[str, str, bool, dict[str, Any]]] = [
    ("sim", "plain", False, {"end_reason": "complete", "usage_source": "provider", "status": 200}),
    ("sim", "stream", True, {"end_reason": "complete", "usage_source": "provider", "status": 200}),
    ("claude", "plain", False, {"end_reason": "complete", "usage_source": "provider"}),
    ("claude", "stream", True, {"end_reason": "complete", "usage_source": "provider"}),
    ("sim", f"[[fault:cut]] {LONG}", True, {"end_reason": "upstream_error", "usage_source": "estimate"}),
    ("sim", f"[[fault:error_event]] {LONG}", True, {"end_reason": "upstream_error"}),
    ("claude", f"[[cut]] {LONG}", True, {"end_reason": "upstream_error", "usage_source": "provider_partial"}),
    ("impatient", f"[[fault:stall]] {LONG}", True, {"end_reason": "timeout", "usage_source": "estimate"}),
    ("hasty", "[[fault:hang]] x", False, {"end_reason": "timeout", "usage_source": "estimate"}),
    ("sim", "[[fault:429]]", False, {"attempt": 3, "cause": "retry", "end_reason": "complete", "usage_source": "none", "status": 429}),
    ("no-such-model", "x", False, {"attempt": 0, "model_requested": "other", "usage_source": "none"}),
]


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    for model, text, stream, wanted in ENDS:
        name = f"{model}, {text.split()[0]}{', streamed' if stream else ''}"
        checks.run(f"usage row: {name}",
                   lambda m=model, t=text, s=stream, w=wanted: end(scene, m, t, s, w))
    checks.run("usage row: a client that leaves", lambda: client_gone(scene))
    checks.run("usage rows: one for each attempt", lambda: two_attempts(scene))
    checks.run("usage: requests are counted by model", lambda: by_model(scene))
    checks.run("usage: one plain request adds one row with the provider's tokens",
               lambda: one_request(scene))
    checks.run("log: no text and no key in it", lambda: log_is_clean(scene))
    checks.run("log: every line is a JSON object", lambda: log_is_json(scene))


def ask(scene: Scene, model: str, text: str, stream: bool) -> str:
    """Sends a request, reads all of the answer and gives the request id."""
    body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": text}]}
    _, headers, _ = scene.gateway.call(
        "POST", "/v1/chat/completions", json.dumps(body).encode(), scene.headers())
    return headers["x-request-id"]


def end(scene: Scene, model: str, text: str, stream: bool, wanted: dict[str, Any]) -> None:
    rows = scene.rows(ask(scene, model, text, stream))
    equal(len(rows), max(1, wanted.get("attempt", 1)), "rows")
    equal({name: rows[-1][name] for name in wanted}, wanted, "row")
    if wanted.get("usage_source") != "none":
        holds(rows[-1]["input_tokens"] > 0, "spend is taken for zero")


def client_gone(scene: Scene) -> None:
    body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": LONG * 5}]}
    connection = http.client.HTTPConnection("127.0.0.1", scene.gateway.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), scene.headers())
    answer = connection.getresponse()
    answer.read(300)
    request_id = answer.headers["x-request-id"]
    # Both hold the socket; it closes with the last of them.
    answer.close()
    connection.close()
    row = scene.rows(request_id)[0]
    equal(row["end_reason"], "client_gone", "end_reason")
    holds(row["input_tokens"] > 0 and row["output_tokens"] > 0, f"row is {row}")


def two_attempts(scene: Scene) -> None:
    rows = scene.rows(ask(scene, "exhausted", "x", False))
    equal([row["attempt"] for row in rows], [1, 2], "attempts")
    equal([row["is_final"] for row in rows], [False, True], "final")
    equal({row["end_reason"] for row in rows}, {"upstream_error"}, "end reasons")


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
    for text in ("ünïcode", "please call the tool", "exactly once", "rather long text", "no-such-model"):
        holds(text not in log, f"{text!r} is in the log")
    for name, key in scene.keys.items():
        holds(key["key"].split("_")[3] not in log, f"the key {name} is in the log")


def log_is_json(scene: Scene) -> None:
    lines = scene.gateway.log_file.read_text().splitlines()
    holds(lines, "the log is empty")
    for line in lines:
        holds(isinstance(json.loads(line), dict), f"{line[:200]!r}")
