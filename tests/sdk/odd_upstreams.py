"""What reaches a client when a provider misbehaves, and what must never reach it."""

import json
import time

import openai

from harness.checks import Checks, equal, holds, raises
from scene import UPSTREAM_SECRET, Scene


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    for case in ("html", "html_ok", "redirect", "zipped", "bomb"):
        checks.run(f"odd provider: {case} gives 502 in OpenAI's shape", lambda c=case: refused(scene, c))
    checks.run("odd provider: a wrong type instead of a stream gives 502",
               lambda: wrong_type(scene))
    checks.run("odd provider: redirects are not followed", lambda: redirect(scene))
    checks.run("odd provider: an endless line ends in bounded time", lambda: endless(scene))
    checks.run("odd provider: an endless body ends in bounded time", lambda: endless_body(scene))
    checks.run("odd provider: the gateway's key is never repeated", lambda: key_echo(scene))
    checks.run("odd provider: a foreign error shape is put into OpenAI's", lambda: fastapi(scene))
    checks.run("odd provider: client credentials and own headers stay here", lambda: headers(scene))


def refused(scene: Scene, case: str) -> None:
    error = raises(openai.APIStatusError, lambda: scene.chat(f"odd-{case}", "x"))
    equal(error.status_code, 502, "status")
    holds(error.code and error.type and error.request_id, f"body is {error.body}")
    holds("<html" not in str(error), "the page was passed on")


def wrong_type(scene: Scene) -> None:
    error = raises(openai.APIError, lambda: list(scene.chat("odd-wrong_type", "x", stream=True)))
    equal(getattr(error, "status_code", None), 502, "status")


def redirect(scene: Scene) -> None:
    equal(scene.upstream.hits["/odd/redirect_target/v1/chat/completions"], 0, "followed redirects")


def endless(scene: Scene) -> None:
    began = time.monotonic()
    raises(openai.APIError, lambda: list(scene.chat("odd-endless", "x", stream=True)))
    holds(time.monotonic() - began < 20, "it took too long")


def endless_body(scene: Scene) -> None:
    raises(openai.APIStatusError, lambda: scene.chat("odd-endless", "x"))


def key_echo(scene: Scene) -> None:
    for case in ("key_echo", "key_echo_400"):
        error = raises(openai.APIStatusError, lambda c=case: scene.chat(f"odd-{c}", "x"))
        text = error.response.text + str(dict(error.response.headers))
        holds(UPSTREAM_SECRET not in text, f"the key was repeated in {case}")
        holds(error.status_code != 401, "the caller is told that its own key is wrong")
    holds(UPSTREAM_SECRET not in scene.gateway.log_file.read_text(), "the key is in the log")


def fastapi(scene: Scene) -> None:
    error = raises(openai.UnprocessableEntityError, lambda: scene.chat("odd-fastapi", "x"))
    holds("nope" in error.body["message"], f"body is {error.body}")


def headers(scene: Scene) -> None:
    body = {"model": "odd-plain", "messages": [{"role": "user", "content": "x"}]}
    extra = {"x-tollbar-purpose": "testing", "cookie": "a=b", "x-api-key": "other"}
    status, _, _ = scene.gateway.call(
        "POST", "/v1/chat/completions", json.dumps(body).encode(), {**scene.headers(), **extra})
    equal(status, 200, "status")
    seen = scene.upstream.seen["/odd/plain/v1/chat/completions"]
    equal(seen["authorization"], f"Bearer {UPSTREAM_SECRET}", "authorization")
    forwarded = [n for n in seen if n.startswith("x-tollbar") or n in ("cookie", "x-api-key")]
    equal(forwarded, [], "forwarded headers")
    holds(scene.keys["app"]["key"] not in str(seen), "the client's key was forwarded")
