"""What is sensitive leaves as placeholders, and the official clients read the values again."""

import json
from typing import Any

import anthropic
import openai

from guard_side import CALL_SIGN, CARD, MAIL, NAME, PHONE, SSN, expected
from harness.checks import Checks, equal, holds, raises
from scene import Scene

TEXT = f"Write to {MAIL}. My name is {NAME}, call me at {PHONE}, please."
READ = " | ".join(map(expected, (MAIL, NAME, PHONE)))
SIGNED = f"Write to {MAIL}, {CALL_SIGN}."
PARAMETERS = {"type": "object", "properties": {"values": {"type": "array"}}}
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "note", "parameters": PARAMETERS}}
CLAUDE_TOOL: dict[str, Any] = {"name": "note", "input_schema": PARAMETERS}
PATH = "/guarded/v1/chat/completions"


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    for model in ("guarded", "guarded-claude"):
        checks.run(f"guard: chat ({model})", lambda m=model: chat(scene, m))
        checks.run(f"guard: streamed chat ({model})", lambda m=model: streamed_chat(scene, m))
        checks.run(f"guard: tool arguments ({model})", lambda m=model: tools(scene, m))
        checks.run(f"guard: streamed tool arguments ({model})",
                   lambda m=model: streamed_tools(scene, m))
        checks.run(f"guard: message ({model})", lambda m=model: message(scene, m))
        checks.run(f"guard: streamed message ({model})", lambda m=model: streamed_message(scene, m))
        checks.run(f"guard: tool use ({model})", lambda m=model: tool_use(scene, m))
        checks.run(f"guard: streamed tool use ({model})",
                   lambda m=model: streamed_tool_use(scene, m))
    checks.run("guard: JSON mode", lambda: json_mode(scene))
    checks.run("guard: choices in turns", lambda: choices(scene))
    checks.run("guard: response", lambda: response(scene))
    checks.run("guard: streamed response", lambda: streamed_response(scene))
    checks.run("guard: the header says what was found", lambda: header(scene))
    checks.run("guard: what never comes back", lambda: irreversible(scene))
    checks.run("guard: pii_blocked has its class", lambda: blocked(scene))
    checks.run("guard: kept answers are restored for the present request", lambda: kept(scene))
    checks.run("guard: nothing of it in the log", lambda: log_is_clean(scene))


def ask(scene: Scene, model: str, text: str, key: str = "guarded", **options: Any) -> Any:
    return scene.openai(key).chat.completions.create(
        model=model, messages=[{"role": "user", "content": text}], **options)


def claude(scene: Scene, model: str, text: str, **options: Any) -> Any:
    return scene.anthropic("guarded").messages.create(
        model=model, max_tokens=100, messages=[{"role": "user", "content": text}], **options)


def joined(pieces: Any, index: int = 0) -> str:
    """The text of one choice."""
    choices = [c for p in pieces for c in p.choices if c.index == index]
    return "".join(c.delta.content or "" for c in choices)


def chat(scene: Scene, model: str) -> None:
    # The service `app` says nothing about the guard.
    equal(ask(scene, model, TEXT, key="app").choices[0].message.content, READ, "text")


def streamed_chat(scene: Scene, model: str) -> None:
    pieces = list(ask(scene, model, TEXT, key="app", stream=True))
    equal(joined(pieces), READ, "text")
    equal(pieces[-1].choices[0].finish_reason, "stop", "finish_reason")
    last = next(p for p in reversed(pieces) if p.choices[0].delta.content)
    equal(last.choices[0].finish_reason, None, "finish_reason of the last text")


def tools(scene: Scene, model: str) -> None:
    call = ask(scene, model, SIGNED, tools=[TOOL]).choices[0].message.tool_calls[0]
    equal(json.loads(call.function.arguments), {"values": [MAIL, CALL_SIGN]}, "arguments")


def streamed_tools(scene: Scene, model: str) -> None:
    pieces = list(ask(scene, model, SIGNED, tools=[TOOL], stream=True))
    calls = [c for p in pieces for c in p.choices[0].delta.tool_calls or []]
    arguments = "".join(c.function.arguments or "" for c in calls)
    equal(json.loads(arguments), {"values": [MAIL, CALL_SIGN]}, "arguments")
    equal(pieces[-1].choices[0].finish_reason, "tool_calls", "finish_reason")


def message(scene: Scene, model: str) -> None:
    equal(claude(scene, model, TEXT).content[0].text, READ, "text")


def streamed_message(scene: Scene, model: str) -> None:
    events = list(claude(scene, model, TEXT, stream=True))
    deltas = [e.delta.text for e in events if e.type == "content_block_delta"]
    equal("".join(deltas), READ, "text")
    kinds = [e.type for e in events]
    equal(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"], "last events")


def tool_use(scene: Scene, model: str) -> None:
    block = claude(scene, model, SIGNED, tools=[CLAUDE_TOOL]).content[0]
    equal(block.input, {"values": [MAIL, CALL_SIGN]}, "input")


def streamed_tool_use(scene: Scene, model: str) -> None:
    with scene.anthropic("guarded").messages.stream(
            model=model, max_tokens=100, tools=[CLAUDE_TOOL],
            messages=[{"role": "user", "content": SIGNED}]) as stream:
        final = stream.get_final_message()
    equal(final.content[0].input, {"values": [MAIL, CALL_SIGN]}, "input")


def json_mode(scene: Scene) -> None:
    options: dict[str, Any] = {"response_format": {"type": "json_object"}}
    wanted = {"email": MAIL, "call": CALL_SIGN}
    answer = ask(scene, "guarded", SIGNED, **options).choices[0].message.content
    equal(json.loads(answer), wanted, "content")
    pieces = list(ask(scene, "guarded", SIGNED, stream=True, **options))
    equal(json.loads(joined(pieces)), wanted, "streamed content")


def choices(scene: Scene) -> None:
    pieces = list(ask(scene, "guarded", f"Write to {MAIL} or call me at {PHONE}.", n=2, stream=True))
    equal(joined(pieces, 0), expected(MAIL), "first choice")
    equal(joined(pieces, 1), expected(PHONE), "second choice")


def response(scene: Scene) -> None:
    answer = scene.openai("guarded").responses.create(model="guarded", input=TEXT)
    equal(answer.output_text, READ, "text")


def streamed_response(scene: Scene) -> None:
    events = list(scene.openai("guarded").responses.create(model="guarded", input=TEXT, stream=True))
    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    equal("".join(deltas), READ, "text of the deltas")
    done = next(e for e in events if e.type == "response.output_text.done")
    equal(done.text, READ, "text of its end")
    equal(events[-1].response.output_text, READ, "text of the last event")
    numbers = [e.sequence_number for e in events]
    equal(numbers, sorted(set(numbers)), "sequence numbers")


def header(scene: Scene) -> None:
    raw = scene.openai("guarded").chat.completions.with_raw_response.create(
        model="guarded", messages=[{"role": "user", "content": TEXT}])
    found = dict(part.split("=") for part in raw.headers["x-tollbar-guard"].split(","))
    equal(found, {"email": "1", "person": "1", "phone": "1"}, "x-tollbar-guard")


def irreversible(scene: Scene) -> None:
    text = f"My SSN is {SSN}, my card {CARD} 6467, my mail {MAIL}."
    equal(ask(scene, "guarded", text).choices[0].message.content, expected(MAIL), "text")
    sent = scene.upstream.bodies[PATH].decode()
    holds("6467" in sent, f"the last four digits of the card did not stay: {sent}")


def blocked(scene: Scene) -> None:
    hits = scene.upstream.hits[PATH]
    error = raises(openai.BadRequestError,
                   lambda: ask(scene, "guarded", f"My SSN is {SSN}.", key="strict"))
    equal(error.code, "pii_blocked", "code")
    equal(error.body["tollbar"]["types"], {"us_ssn": 1}, "types")
    equal(error.body["tollbar"]["origin"], "policy", "origin")
    holds(SSN not in error.response.text, "the value is in the error")
    options: dict[str, Any] = {"messages": [{"role": "user", "content": f"My SSN is {SSN}."}]}
    refused = raises(anthropic.BadRequestError, lambda: scene.anthropic("strict").messages.create(
        model="guarded-claude", max_tokens=10, **options))
    equal(refused.body["type"], "error", "type of the body")
    equal(scene.upstream.hits[PATH], hits, "requests that left")


def kept(scene: Scene) -> None:
    hits = scene.upstream.hits[PATH]
    client = scene.openai("guarded").chat.completions.with_raw_response
    for mail, cache in ((MAIL, "miss"), (MAIL, "hit"), ("otto@example.net", "miss"), (MAIL, "hit")):
        raw = client.create(model="guarded-kept", messages=[
            {"role": "user", "content": f"Write to {mail}, once."}])
        equal(raw.headers["x-tollbar-cache"], cache, "x-tollbar-cache")
        equal(raw.parse().choices[0].message.content, expected(mail), "text")
    equal(scene.upstream.hits[PATH] - hits, 2, "requests that left")
    pieces = list(ask(scene, "guarded-kept", f"Write to {MAIL}, once.", stream=True))
    equal(joined(pieces), expected(MAIL), "text of a kept answer as a stream")


def log_is_clean(scene: Scene) -> None:
    log = scene.gateway.log_file.read_text()
    for text in (MAIL, NAME, PHONE, SSN, CARD, "Night"):
        holds(text not in log, f"{text!r} is in the log")
