"""Kills the model server in the middle of traffic and starts it again."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from harness.checks import equal, holds
from harness.gateway import exchange

MODEL = "outage"
# A grammar allows no other text, so an answer is whole or it is not.
TEXT = "one two three four five six seven eight nine ten eleven twelve"
CLIENTS = 4
DOWN_S = 1.5
# What a client waits after an error.
PAUSE_S = 0.05
PATIENCE_S = 60.0


class Traffic:
    """Clients that ask again and again, half of them for streams."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        # When the answer came, whether a stream was asked, what it was.
        self.seen: list[tuple[float, bool, str]] = []
        self.threads = [
            threading.Thread(target=self.client, args=(number % 2 == 1,)) for number in range(CLIENTS)
        ]
        for thread in self.threads:
            thread.start()

    def client(self, stream: bool) -> None:
        """One client."""
        while not self.stopping.is_set():
            found = self.ask(stream)
            with self.lock:
                self.seen.append((time.monotonic(), stream, found))
            if found != "whole":
                time.sleep(PAUSE_S)

    def ask(self, stream: bool) -> str:
        """`whole`, `error`, or what neither of them is."""
        body = json.dumps({
            "model": MODEL, "stream": stream, "max_tokens": 64, "temperature": 0,
            "grammar": f'root ::= "{TEXT}"', "cache_prompt": False,
            "messages": [{"role": "user", "content": "Count."}],
        }).encode()
        headers = {"authorization": f"Bearer {self.key}", "content-type": "application/json"}
        try:
            status, _, answer = exchange(
                self.port, "POST", "/v1/chat/completions", body=body, headers=headers)
            return read_stream(answer) if status == 200 and stream else read_whole(status, answer)
        except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
            return f"{type(error).__name__}: {error}"

    def since(self, moment: float, stream: bool, kind: str) -> int:
        """How many such answers came after a moment."""
        with self.lock:
            return sum(at > moment and form == stream and found == kind for at, form, found in self.seen)

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        """Waits until it holds."""
        give_up = time.monotonic() + PATIENCE_S
        while not condition():
            holds(time.monotonic() < give_up, f"no {what} in {PATIENCE_S} s: {self.seen[-8:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Lets every client end its request."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def read_whole(status: int, answer: bytes) -> str:
    """A plain answer."""
    body = json.loads(answer)
    if status != 200:
        return read_error(body, status)
    text = body["choices"][0]["message"]["content"]
    return "whole" if text == TEXT else f"a part: {text!r}"


def read_stream(answer: bytes) -> str:
    """The events of a stream."""
    lines = [line[6:] for line in answer.decode().splitlines() if line.startswith("data: ")]
    done = lines[-1] == "[DONE]"
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    errors = [event for event in events if "error" in event]
    text = "".join(
        event["choices"][0]["delta"].get("content") or ""
        for event in events if "error" not in event and event["choices"]
    )
    if errors and not done and errors == events[-1:] and TEXT.startswith(text):
        return read_error(errors[0], 200)
    return "whole" if done and not errors and text == TEXT else f"a part: {lines!r}"


def read_error(body: dict[str, Any], status: int) -> str:
    """The envelope of an error."""
    error = body["error"]
    proper = all(isinstance(error[name], str) and error[name] for name in ("message", "type", "code"))
    proper = proper and error["tollbar"]["request_id"].startswith("req_")
    return "error" if proper and status in (200, 429, 502, 503, 504) else f"no proper error: {body}"


def check(server: Any, gateway: Any, key: str) -> None:
    """The whole outage; the gateway goes on all the time."""
    process = gateway.process
    traffic = Traffic(gateway.port, key)
    try:
        both = (False, True)
        traffic.wait_for(
            lambda: all(traffic.since(0, stream, "whole") > 0 for stream in both), "traffic")
        killed = time.monotonic()
        server.kill()
        time.sleep(DOWN_S)
        holds(sum(traffic.since(killed, stream, "error") for stream in both), "nobody saw the outage")
        server.start()
        restarted = time.monotonic()
        traffic.wait_for(
            lambda: all(traffic.since(restarted, stream, "whole") > 0 for stream in both), "recovery")
    finally:
        traffic.stop()
    odd = [found for _, _, found in traffic.seen if found not in ("whole", "error")]
    equal(odd[:3], [], f"of {len(traffic.seen)} answers, those that are neither whole nor an error")
    holds(gateway.process is process and process.poll() is None, "the gateway was restarted")
