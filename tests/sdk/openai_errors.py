"""Errors, retries, time-outs and broken streams with OpenAI's Python client."""

import json
import time

import openai

from harness.checks import Checks, equal, holds, raises
from scene import Scene


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    checks.run("openai-python: 401 for a wrong key", lambda: wrong_key(scene))
    checks.run("openai-python: 401 key_revoked within a second", lambda: revoked_key(scene))
    checks.run("openai-python: 403 for another network", lambda: other_network(scene))
    checks.run("openai-python: 403 model_not_allowed", lambda: model_not_allowed(scene))
    checks.run("openai-python: 404 model_not_found", lambda: model_not_found(scene))
    checks.run("openai-python: 400 passed on", lambda: bad_request(scene))
    checks.run("openai-python: 429 passed on", lambda: rate_limited(scene))
    checks.run("raw: 400 invalid_json in OpenAI's shape", lambda: invalid_json(scene))
    checks.run("raw: 400 without a model names the field", lambda: no_model(scene))
    checks.run("raw: 413 for a large body", lambda: too_large(scene))
    checks.run("raw: 404 for an unknown path, 405 for a wrong method", lambda: unknown_path(scene))
    checks.run("openai-python: retries wait as long as told", lambda: retries(scene))
    checks.run("openai-python: no retry when no credit is left", lambda: no_credit(scene))
    checks.run("openai-python: no retry after the gateway gave up", lambda: gave_up(scene))
    checks.run("openai-python: the second target answers when the first fails",
               lambda: second_helps(scene))
    checks.run("openai-python: the client's time-out", lambda: client_timeout(scene))
    checks.run("openai-python: 504 when the provider is silent", lambda: provider_silent(scene))
    checks.run("openai-python: a stream that stops ends with an error", lambda: stream_stops(scene))
    checks.run("openai-python: a stream that stalls ends with an error",
               lambda: stream_stalls(scene))
    for fault in ("cut", "error_event", "garbage", "truncate"):
        checks.run(f"openai-python: a stream with {fault} raises",
                   lambda f=fault: broken_stream(scene, f))
    for fault in ("reset", "html", "garbage", "cut"):
        checks.run(f"openai-python: {fault} instead of an answer gives 502",
                   lambda f=fault: broken_answer(scene, f))
    checks.run("openai-python: a streamed response that is cut ends with an error",
               lambda: broken_response(scene))


def wrong_key(scene: Scene) -> None:
    good = scene.keys["app"]["key"]
    bodies = set()
    for key in ("nonsense", good[:-1] + ("0" if good[-1] != "0" else "1"), "tb_live_AAAAAAAA_" + "A" * 49):
        client = scene.openai().with_options(api_key=key)
        error = raises(openai.AuthenticationError, client.models.list)
        equal(error.code, "invalid_api_key", "code")
        holds(error.type and error.request_id, "no type or no request id")
        bodies.add(error.body["message"])
    equal(len(bodies), 1, "different messages for unknown and wrong keys")


def revoked_key(scene: Scene) -> None:
    scene.keys["doomed"] = scene.gateway.make_key("app")
    client = scene.openai("doomed")
    holds(list(client.models.list()), "the new key does not work")
    scene.gateway.cli("keys", "revoke", scene.keys["doomed"]["id"], "--yes")
    give_up = time.monotonic() + 1.5
    while time.monotonic() < give_up:
        try:
            client.models.list()
        except openai.AuthenticationError as error:
            equal(error.code, "key_revoked", "code")
            return
        time.sleep(0.05)
    raise AssertionError("the revoked key still works")


def other_network(scene: Scene) -> None:
    error = raises(openai.PermissionDeniedError, scene.openai("elsewhere").models.list)
    equal(error.code, "network_not_allowed", "code")


def model_not_allowed(scene: Scene) -> None:
    client = scene.openai("scoped")
    error = raises(openai.PermissionDeniedError, lambda: client.chat.completions.create(
        model="claude", messages=[{"role": "user", "content": "x"}]))
    equal(error.code, "model_not_allowed", "code")


def model_not_found(scene: Scene) -> None:
    error = raises(openai.NotFoundError, lambda: scene.chat("no-such-model", "x"))
    equal(error.code, "model_not_found", "code")
    equal(error.param, "model", "param")
    equal(error.body["tollbar"]["origin"], "caller", "origin")
    equal(error.body["tollbar"]["request_id"], error.request_id, "request id")


def bad_request(scene: Scene) -> None:
    error = raises(openai.BadRequestError, lambda: scene.chat("sim", "[[fault:400]]"))
    equal(error.body["tollbar"]["origin"], "provider", "origin")


def rate_limited(scene: Scene) -> None:
    error = raises(openai.RateLimitError, lambda: scene.chat("sim", "[[fault:429]]"))
    holds(error.response.headers.get("retry-after"), "no retry-after")
    holds(error.request_id, "no request id")


def invalid_json(scene: Scene) -> None:
    deep = b'{"model":"sim","messages":' + b"[" * 100_000
    for body in (b"{", b'{"model":"sim",}', b"\xff\xfe{}", b"[]", b'"x"', deep,
                 b'{"model":"sim","model":"claude","messages":[]}'):
        status, _, answer = scene.gateway.call("POST", "/v1/chat/completions", body, scene.headers())
        equal(status, 400, f"status for {body[:20]!r}")
        holds({"message", "type", "param", "code"} <= set(json.loads(answer)["error"]), "shape")


def no_model(scene: Scene) -> None:
    status, _, answer = scene.gateway.call(
        "POST", "/v1/chat/completions", b'{"messages":[]}', scene.headers())
    equal(status, 400, "status")
    equal(json.loads(answer)["error"]["param"], "model", "param")


def too_large(scene: Scene) -> None:
    body = b'{"model":"sim","messages":[{"role":"user","content":"' + b"a" * (2 << 20) + b'"}]}'
    try:
        status, _, answer = scene.gateway.call(
            "POST", "/v1/chat/completions", body, scene.headers())
    except (ConnectionResetError, BrokenPipeError) as error:
        raise AssertionError("the connection broke before the answer could be read") from error
    equal(status, 413, "status")
    equal(json.loads(answer)["error"]["code"], "request_too_large", "code")


def unknown_path(scene: Scene) -> None:
    for method, path, wanted in (("POST", "/v1/nothing", 404), ("GET", "/", 404),
                                 ("GET", "/v1/../admin/v1/keys", 404),
                                 ("GET", "/v1/chat/completions", 405)):
        status, headers, answer = scene.gateway.call(method, path, headers=scene.headers())
        equal(status, wanted, f"status of {method} {path}")
        holds("x-request-id" in headers, "no x-request-id")
        holds("error" in json.loads(answer), "shape")


def retries(scene: Scene) -> None:
    path = "/odd/slow_down/v1/chat/completions"
    before, began = scene.upstream.hits[path], time.monotonic()
    client = scene.openai(max_retries=2)
    error = raises(openai.RateLimitError, lambda: client.chat.completions.create(
        model="odd-slow_down", messages=[{"role": "user", "content": "x"}]))
    equal(error.response.headers.get("retry-after"), "1", "retry-after")
    equal(scene.upstream.hits[path] - before, 3, "tries")
    seconds = time.monotonic() - began
    holds(seconds >= 1.9, f"the client waited {seconds:.2f} s in all, told were 2 x 1 s")


def no_credit(scene: Scene) -> None:
    tried_once(scene, openai.RateLimitError, "odd-no_credit", ["no_credit"])


def gave_up(scene: Scene) -> None:
    tried_once(scene, openai.InternalServerError, "exhausted", ["html", "html_ok"])


def tried_once(scene: Scene, kind: type[openai.APIStatusError], model: str, cases: list[str]) -> None:
    """Each provider is asked once, although the client would retry twice."""
    paths = [f"/odd/{case}/v1/chat/completions" for case in cases]
    before = [scene.upstream.hits[path] for path in paths]
    client = scene.openai(max_retries=2)
    error = raises(kind, lambda: client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "x"}]))
    equal(error.response.headers.get("x-should-retry"), "false", "x-should-retry")
    tries = [scene.upstream.hits[path] - one for path, one in zip(paths, before, strict=True)]
    equal(tries, [1] * len(cases), "tries")


def second_helps(scene: Scene) -> None:
    for _ in range(8):
        answer = scene.openai().chat.completions.with_raw_response.create(
            model="second-helps", messages=[{"role": "user", "content": "x"}])
        holds(answer.headers["x-tollbar-attempts"].endswith("odd-plain/odd-1=200"), "attempts")
        equal(answer.headers["x-tollbar-provider"], "odd-plain", "provider")


def client_timeout(scene: Scene) -> None:
    client = scene.openai(timeout=0.5)
    began = time.monotonic()
    raises(openai.APITimeoutError, lambda: client.chat.completions.create(
        model="sim", messages=[{"role": "user", "content": "[[fault:hang]]"}]))
    holds(time.monotonic() - began < 3, "the time-out came late")


def provider_silent(scene: Scene) -> None:
    for model, stream in (("impatient", True), ("hasty", False), ("hasty", True)):
        error = raises(openai.InternalServerError,
                       lambda m=model, s=stream: scene.chat(m, "[[fault:hang]]", stream=s))
        equal(error.status_code, 504, f"status of {model}")
        equal(error.code, "deadline_exceeded", "code")


def stream_stalls(scene: Scene) -> None:
    text = "[[fault:stall]] a rather long text that comes in several pieces"
    began = time.monotonic()
    raises(openai.APIError, lambda: list(scene.chat("impatient", text, stream=True)))
    holds(time.monotonic() - began < 5, "it took too long")


def stream_stops(scene: Scene) -> None:
    raises(openai.APIError, lambda: list(scene.chat("odd-silent_end", "x", stream=True)))


def broken_stream(scene: Scene, fault: str) -> None:
    text = f"[[fault:{fault}]] a rather long text that comes in several pieces"
    raises(openai.APIError, lambda: list(scene.chat("sim", text, stream=True)))


def broken_answer(scene: Scene, fault: str) -> None:
    error = raises(openai.InternalServerError, lambda: scene.chat("sim", f"[[fault:{fault}]]"))
    equal(error.status_code, 502, "status")
    equal(error.code, "upstream_exhausted", "code")
    holds("<html" not in str(error), "the page was passed on")


def broken_response(scene: Scene) -> None:
    def consume() -> None:
        events = list(scene.openai().responses.create(
            model="sim", input="[[fault:cut]] some longer text in pieces", stream=True))
        last = events[-1].type
        if last in ("error", "response.failed"):
            raise openai.OpenAIError("ended with an error event")
        raise AssertionError(f"ended with {last}")

    raises(openai.OpenAIError, consume)
