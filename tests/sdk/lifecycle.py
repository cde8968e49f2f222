"""Reload and shutdown, with streams under way."""

import signal
import threading
import time
from collections.abc import Callable

import openai
from harness.checks import Checks, equal, holds, raises
from scene import Scene, model

# About two seconds at the slow model's 20 tokens a second.
TEXT = "a long answer that takes its time " * 5
TIMEOUT_S = 3.0


class Stream:
    """A streamed answer that a thread reads while something else happens."""

    def __init__(self, scene: Scene) -> None:
        self.pieces: list[str] = []
        self.fault: Exception | None = None
        self.began = threading.Event()
        self.thread = threading.Thread(target=self._read, args=(scene,))
        self.thread.start()
        holds(self.began.wait(10), "the stream does not begin")

    def _read(self, scene: Scene) -> None:
        try:
            for piece in scene.chat("slow", TEXT, stream=True):
                self.pieces.append(piece.choices[0].delta.content or "")
                self.began.set()
        except Exception as error:  # shown by `finish`, in the thread of the check
            self.fault = error
            self.began.set()

    def is_running(self) -> bool:
        return self.thread.is_alive()

    def finish(self) -> None:
        """It must have come whole."""
        self.thread.join(20)
        if self.fault is not None:
            raise self.fault
        equal("".join(self.pieces), TEXT, "text of the stream")


def run(checks: Checks, scene: Scene) -> None:
    """The checks before the end; the last one stops the gateway."""
    checks.run("SIGHUP: a good configuration is applied, a stream goes on", lambda: good(scene))
    checks.run("SIGHUP: a faulty configuration changes nothing", lambda: faulty(scene))
    checks.run("SIGTERM: a running stream ends properly, then exit 0", lambda: drain(scene))


def good(scene: Scene) -> None:
    raises(openai.NotFoundError, lambda: scene.chat("added", "x"))
    file = scene.gateway.config_file
    stream = Stream(scene)
    file.write_text(file.read_text() + "\n" + model("added", "simulated", "sim-model"))
    scene.gateway.signal(signal.SIGHUP)
    wait_for(lambda: "added" in {m.id for m in scene.openai().models.list()}, "the new model")
    holds(stream.is_running(), "the stream was over too early for this check")
    stream.finish()


def faulty(scene: Scene) -> None:
    file = scene.gateway.config_file
    before = file.read_text()
    file.write_text(before + "\n[models.broken]\ntargets = 7\nsurprise = true\n")
    scene.gateway.signal(signal.SIGHUP)
    wait_for(lambda: reload_metric(scene) == 0, "the metric 0")
    holds(scene.chat("added", "still here").choices[0].message.content, "no answer")
    file.write_text(before)
    scene.gateway.signal(signal.SIGHUP)
    wait_for(lambda: reload_metric(scene) == 1, "the metric 1")


def drain(scene: Scene) -> None:
    stream = Stream(scene)
    equal(scene.gateway.stop(), 0, "exit code")
    stream.finish()


def reload_metric(scene: Scene) -> float:
    page = scene.gateway.admin("GET", "/metrics")[1].decode()
    name = "tollbar_config_last_reload_successful "
    return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(name))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Until it holds."""
    give_up = time.monotonic() + TIMEOUT_S
    while not condition():
        holds(time.monotonic() < give_up, f"{what} does not come")
        time.sleep(0.02)
