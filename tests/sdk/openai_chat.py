"""Chat completions and completions with OpenAI's Python client."""

import json
from typing import Any

from harness.checks import Checks, equal, holds
from scene import Scene

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file, for a model of each dialect where that makes sense."""
    for model in ("sim", "claude"):
        checks.run(f"openai-python: plain chat ({model})", lambda m=model: plain(scene, m))
        checks.run(f"openai-python: streamed chat gives the same text ({model})",
                   lambda m=model: streamed(scene, m))
        checks.run(f"openai-python: usage in a stream only when asked ({model})",
                   lambda m=model: stream_usage(scene, m))
        checks.run(f"raw: one [DONE], at the end ({model})", lambda m=model: one_done(scene, m))
        checks.run(f"openai-python: tool call ({model})", lambda m=model: tools(scene, m))
        checks.run(f"openai-python: streamed tool call ({model})",
                   lambda m=model: streamed_tools(scene, m))
        checks.run(f"openai-python: tool result goes back ({model})",
                   lambda m=model: tool_result(scene, m))
    checks.run("openai-python: 50 chunks arrive", lambda: many_chunks(scene))
    checks.run("openai-python: completions", lambda: completions(scene))
    checks.run("openai-python: streamed completions", lambda: streamed_completions(scene))
    checks.run("raw: unknown answer fields survive", lambda: unknown_fields(scene))
    checks.run("raw: unknown request fields survive byte for byte", lambda: unknown_request(scene))


def plain(scene: Scene, model: str) -> None:
    answer = scene.chat(model, "hello world, ünïcode 🚀")
    holds("hello world, ünïcode 🚀" in answer.choices[0].message.content, "no echo")
    equal(answer.choices[0].finish_reason, "stop", "finish_reason")
    equal(answer.object, "chat.completion", "object")
    usage = answer.usage
    holds(usage.prompt_tokens > 0 and usage.completion_tokens > 0, f"usage is {usage}")
    equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens, "total_tokens")
    holds(answer._request_id, "no x-request-id")


def streamed(scene: Scene, model: str) -> None:
    text = "one two three ünïcode 🚀 four"
    whole = scene.chat(model, text).choices[0].message.content
    pieces = list(scene.chat(model, text, stream=True))
    equal("".join(p.choices[0].delta.content or "" for p in pieces), whole, "text")
    reasons = [p.choices[0].finish_reason for p in pieces if p.choices[0].finish_reason]
    equal(reasons, ["stop"], "finish reasons")
    equal(len({p.id for p in pieces}), 1, "number of ids")


def stream_usage(scene: Scene, model: str) -> None:
    silent = list(scene.chat(model, "count me", stream=True))
    holds(all(p.choices for p in silent), "a chunk without choices came unasked")
    holds(all(p.usage is None for p in silent), "usage came unasked")
    asked = list(scene.chat(model, "count me", stream=True, stream_options={"include_usage": True}))
    counted = [p for p in asked if p.usage is not None]
    equal(len(counted), 1, "chunks with usage")
    equal(counted[0].choices, [], "choices of the usage chunk")
    holds(counted[0] is asked[-1], "the usage chunk is not the last")
    holds(counted[0].usage.completion_tokens > 0, "no completion tokens")


def one_done(scene: Scene, model: str) -> None:
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "raw"}]}
    status, headers, answer = scene.gateway.call(
        "POST", "/v1/chat/completions", json.dumps(body).encode(), scene.headers())
    equal(status, 200, "status")
    holds(headers["content-type"].startswith("text/event-stream"), headers["content-type"])
    events = [line for line in answer.decode().split("\n") if line.startswith("data:")]
    equal(sum(line.split(":", 1)[1].strip() == "[DONE]" for line in events), 1, "[DONE] events")
    equal(events[-1].split(":", 1)[1].strip(), "[DONE]", "last event")
    holds(not any(line.startswith(("id:", "event:")) for line in answer.decode().split("\n")),
          "id: or event: lines in a chat stream")


def tools(scene: Scene, model: str) -> None:
    answer = scene.chat(model, "please call the tool", tools=[TOOL])
    equal(answer.choices[0].finish_reason, "tool_calls", "finish_reason")
    call = answer.choices[0].message.tool_calls[0]
    equal(call.function.name, "get_weather", "name")
    holds(isinstance(json.loads(call.function.arguments), dict), "arguments are no object")
    holds(call.id, "no id")


def streamed_tools(scene: Scene, model: str) -> None:
    pieces = list(scene.chat(model, "please call the tool", tools=[TOOL], stream=True))
    calls = [c for p in pieces for c in p.choices[0].delta.tool_calls or []]
    equal([c.function.name for c in calls if c.function.name], ["get_weather"], "names")
    equal({c.index for c in calls}, {0}, "indexes")
    arguments = "".join(c.function.arguments or "" for c in calls)
    whole = scene.chat(model, "please call the tool", tools=[TOOL])
    equal(json.loads(arguments),
          json.loads(whole.choices[0].message.tool_calls[0].function.arguments), "arguments")
    equal([p.choices[0].finish_reason for p in pieces][-1], "tool_calls", "finish_reason")


def tool_result(scene: Scene, model: str) -> None:
    call = {"id": "call_1", "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    answer = scene.openai().chat.completions.create(model=model, tools=[TOOL], messages=[
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is the weather"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "user", "content": "thanks"},
    ])
    holds("thanks" in answer.choices[0].message.content, "no echo of the last message")


def many_chunks(scene: Scene) -> None:
    pieces = list(scene.chat("sim", "[[chunks:50]] go", stream=True))
    holds(len(pieces) >= 50, f"{len(pieces)} chunks")


def completions(scene: Scene) -> None:
    answer = scene.openai().completions.create(model="sim", prompt="say something")
    equal(answer.object, "text_completion", "object")
    holds(answer.choices[0].text, "no text")


def streamed_completions(scene: Scene) -> None:
    client = scene.openai()
    whole = client.completions.create(model="sim", prompt="say it again").choices[0].text
    pieces = client.completions.create(model="sim", prompt="say it again", stream=True)
    equal("".join(p.choices[0].text for p in pieces), whole, "text")


def unknown_fields(scene: Scene) -> None:
    body = {"model": "odd-plain", "messages": [{"role": "user", "content": "x"}]}
    _, _, answer = scene.gateway.call(
        "POST", "/v1/chat/completions", json.dumps(body).encode(), scene.headers())
    equal(json.loads(answer)["x_unknown_field"], {"kept": [1, 2.50, "ü"]}, "unknown field")


def unknown_request(scene: Scene) -> None:
    kept = b'"x_future": {"n": 1.50, "big": 12345678901234567890123, "u": "\\u00fc", "k" : []}'
    body = b'{ "model":"odd-plain", ' + kept + b' ,"messages":[{"role":"user","content":"x"}]}'
    status, _, _ = scene.gateway.call("POST", "/v1/chat/completions", body, scene.headers())
    equal(status, 200, "status")
    sent = scene.upstream.bodies["/odd/plain/v1/chat/completions"]
    equal(sent, body.replace(b'"odd-plain"', b'"odd-1"'), "what the provider got")
