"""Anthropic's Python client, for a model of its own dialect and one of OpenAI's."""

from typing import Any

import anthropic

from harness.checks import Checks, equal, holds, raises
from scene import UPSTREAM_SECRET, Scene

TOOL: dict[str, Any] = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
TEXT_EVENTS = {
    "message_start", "content_block_start", "content_block_delta", "content_block_stop",
    "message_delta", "message_stop",
}


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    for model in ("claude", "sim"):
        checks.run(f"anthropic-python: message ({model})", lambda m=model: plain(scene, m))
        checks.run(f"anthropic-python: streamed message, all events ({model})",
                   lambda m=model: streamed(scene, m))
        checks.run(f"anthropic-python: tool use ({model})", lambda m=model: tools(scene, m))
        checks.run(f"anthropic-python: streamed tool use ({model})",
                   lambda m=model: streamed_tools(scene, m))
        checks.run(f"anthropic-python: tool result goes back ({model})",
                   lambda m=model: tool_result(scene, m))
    checks.run("anthropic-python: count_tokens", lambda: count_tokens(scene))
    checks.run("anthropic-python: cached tokens are told", lambda: cached_tokens(scene))
    checks.run("anthropic-python: the provider gets its own key", lambda: own_key(scene))
    checks.run("anthropic-python: gateway errors have their classes", lambda: gateway_errors(scene))
    checks.run("anthropic-python: provider errors have their classes", lambda: errors(scene))
    for model, text in (("claude", "[[cut]] some text"), ("claude", "[[error_event]] some text"),
                        ("sim", "[[fault:cut]] some longer text in pieces")):
        checks.run(f"anthropic-python: a broken stream raises ({model}, {text.split()[0]})",
                   lambda m=model, t=text: broken(scene, m, t))


def ask(scene: Scene, model: str, text: str, **options: Any) -> Any:
    return scene.anthropic().messages.create(
        model=model, max_tokens=100, messages=[{"role": "user", "content": text}], **options)


def plain(scene: Scene, model: str) -> None:
    answer = ask(scene, model, "hello there, ünïcode 🚀", system="be brief")
    equal(answer.type, "message", "type")
    holds("hello there, ünïcode 🚀" in answer.content[0].text, "no echo")
    equal(answer.stop_reason, "end_turn", "stop_reason")
    holds(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, f"{answer.usage}")
    holds(answer._request_id is None or answer._request_id, "request id")


def streamed(scene: Scene, model: str) -> None:
    text = "several words to stream"
    whole = ask(scene, model, text).content[0].text
    events = list(ask(scene, model, text, stream=True))
    kinds = {e.type for e in events}
    equal(TEXT_EVENTS - kinds, set(), "missing events")
    deltas = "".join(
        e.delta.text for e in events
        if e.type == "content_block_delta" and e.delta.type == "text_delta")
    equal(deltas, whole, "text")
    equal(events[0].type, "message_start", "first event")
    equal(events[-1].type, "message_stop", "last event")
    last = next(e for e in events if e.type == "message_delta")
    equal(last.delta.stop_reason, "end_turn", "stop_reason")
    holds(last.usage.output_tokens > 0, "no output tokens")


def tools(scene: Scene, model: str) -> None:
    answer = ask(scene, model, "please call the tool", tools=[TOOL])
    equal(answer.stop_reason, "tool_use", "stop_reason")
    block = next(b for b in answer.content if b.type == "tool_use")
    equal(block.name, "get_weather", "name")
    holds(isinstance(block.input, dict) and block.id, f"{block}")


def streamed_tools(scene: Scene, model: str) -> None:
    whole = ask(scene, model, "please call the tool", tools=[TOOL])
    with scene.anthropic().messages.stream(
            model=model, max_tokens=100, tools=[TOOL],
            messages=[{"role": "user", "content": "please call the tool"}]) as stream:
        final = stream.get_final_message()
    equal(final.stop_reason, "tool_use", "stop_reason")
    wanted = next(b for b in whole.content if b.type == "tool_use").input
    equal(next(b for b in final.content if b.type == "tool_use").input, wanted, "input")


def tool_result(scene: Scene, model: str) -> None:
    answer = scene.anthropic().messages.create(model=model, max_tokens=100, tools=[TOOL], messages=[
        {"role": "user", "content": "what is the weather"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"},
            {"type": "text", "text": "thanks"}]},
    ])
    holds("thanks" in answer.content[0].text, f"content is {answer.content}")


def count_tokens(scene: Scene) -> None:
    answer = scene.anthropic().messages.count_tokens(
        model="claude", messages=[{"role": "user", "content": "one two three"}])
    equal(answer.input_tokens, 3, "input_tokens")


def cached_tokens(scene: Scene) -> None:
    usage = ask(scene, "claude", "hello").usage
    equal((usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens),
          (11, 5, 3), "tokens for Anthropic's client")
    usage = scene.chat("claude", "hello").usage
    equal(usage.prompt_tokens, 19, "prompt tokens for OpenAI's client, cached ones included")
    equal(usage.prompt_tokens_details.cached_tokens, 5, "cached tokens")


def own_key(scene: Scene) -> None:
    ask(scene, "claude", "hello")
    seen = next(h for p, h in scene.upstream.seen.items() if p.endswith("/messages"))
    equal(seen.get("x-api-key"), UPSTREAM_SECRET, "x-api-key")
    holds(scene.keys["app"]["key"] not in str(seen), "the client's key was forwarded")
    holds(seen.get("anthropic-version"), "no anthropic-version")


def gateway_errors(scene: Scene) -> None:
    wrong = scene.anthropic().with_options(api_key="nonsense")
    request: dict[str, Any] = {
        "max_tokens": 5, "messages": [{"role": "user", "content": "x"}],
    }
    error = raises(anthropic.AuthenticationError, lambda: wrong.messages.create(model="claude", **request))
    equal(error.body["type"], "error", "type of the body")
    equal(error.body["error"]["type"], "authentication_error", "type of the error")
    raises(anthropic.PermissionDeniedError,
           lambda: scene.anthropic("scoped").messages.create(model="claude", **request))
    raises(anthropic.NotFoundError,
           lambda: scene.anthropic().messages.create(model="no-such-model", **request))


def errors(scene: Scene) -> None:
    for status, kind in ((400, anthropic.BadRequestError), (429, anthropic.RateLimitError)):
        error = raises(kind, lambda s=status: ask(scene, "claude", f"[[status:{s}]]"))
        equal(error.body["type"], "error", "type of the body")
    error = raises(anthropic.APIStatusError, lambda: ask(scene, "claude", "[[overloaded]]"))
    holds(error.status_code >= 500, f"status is {error.status_code}")
    raises(anthropic.RateLimitError, lambda: ask(scene, "sim", "[[fault:429]]"))


def broken(scene: Scene, model: str, text: str) -> None:
    raises(anthropic.APIError, lambda: list(ask(scene, model, text, stream=True)))
