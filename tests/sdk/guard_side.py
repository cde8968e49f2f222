"""The part of the fake provider that must see placeholders only.

It answers with the placeholders that it got, in the ways in which models write them, and
streams them one character at a time. What must not have left is refused with 418.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

MAIL = "margaret.w@example.org"
NAME = "Margaret Whitcombe"
PHONE = "+1 415 555 2671"
CALL_SIGN = 'call sign "Night \\ Owl"'
SSN = "512-84-7391"
CARD = "4539 1488 0343"
PRIVATE = ("margaret.w", "Whitcombe", "555 2671", "Night", SSN, CARD)
PLACEHOLDER = re.compile(r"<([A-Z_]+_[0-9a-f]{4}_[0-9]+)>")
# As it was given, in other letters, and with the brackets that markdown and HTML make of it.
WRITINGS = ("<{0}>", "<{1}>", "[{0}]", "&lt;{0}&gt;", "\\<{0}\\>", "**<{0}>**")


def respond(exchange: Any) -> None:
    """Any route."""
    sent = exchange.raw.decode() + str(exchange.headers)
    leaked = [text for text in PRIVATE if text in sent]
    found = list(dict.fromkeys(PLACEHOLDER.findall(exchange.raw.decode())))
    if leaked or not found:
        exchange.send_json(418, {"error": {"message": f"leaked {leaked}, placeholders {found}"}})
        return
    body = exchange.body
    route = exchange.path.split("/v1/")[1]
    if body.get("stream"):
        exchange.begin_stream()
        for event in events(route, body, found):
            kind = f"event: {event['type']}\n" if "type" in event else ""
            exchange.piece(f"{kind}data: {json.dumps(event)}\n\n".encode())
        if route == "chat/completions":
            exchange.piece(b"data: [DONE]\n\n")
        exchange.end_stream()
    else:
        exchange.send_json(200, whole(route, body, found))


def written(inner: str) -> str:
    """One placeholder in all writings."""
    return " ".join(writing.format(inner, inner.lower()) for writing in WRITINGS)


def expected(value: str) -> str:
    """What the client must read of it."""
    return " ".join([value] * (len(WRITINGS) - 1) + [f"**{value}**"])


def text_of(body: dict[str, Any], found: list[str]) -> str:
    """All placeholders, in JSON if that was asked."""
    if body.get("response_format"):
        return json.dumps({inner.split("_")[0].lower(): f"<{inner}>" for inner in found})
    return " | ".join(written(inner) for inner in found)


def arguments(found: list[str]) -> str:
    """What a tool is called with."""
    return json.dumps({"values": [f"<{inner}>" for inner in found]})


def whole(route: str, body: dict[str, Any], found: list[str]) -> dict[str, Any]:
    """An answer in one piece."""
    text = text_of(body, found)
    if route == "messages":
        return message(block(body, text, found), "tool_use" if body.get("tools") else "end_turn")
    if route == "responses":
        return response([item(text)], "completed")
    calls = [{"id": "call_1", "type": "function",
              "function": {"name": "note", "arguments": arguments(found)}}]
    said = {"content": None, "tool_calls": calls} if body.get("tools") else {"content": text}
    return {
        "id": "c", "object": "chat.completion", "created": 1, "model": "guarded-1",
        "choices": [{
            "index": 0, "finish_reason": "tool_calls" if body.get("tools") else "stop",
            "message": {"role": "assistant", **said}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def events(route: str, body: dict[str, Any], found: list[str]) -> Iterator[dict[str, Any]]:
    """An answer in pieces."""
    text = text_of(body, found)
    if route == "messages":
        return message_events(body, text, found)
    if route == "responses":
        return response_events(text)
    if body.get("tools"):
        return chat_events([arguments(found)], "tool_calls")
    if body.get("n", 1) > 1:
        return chat_events([written(inner) for inner in found[:body["n"]]], "stop")
    return chat_events([text], "stop")


def chat_events(texts: list[str], reason: str) -> Iterator[dict[str, Any]]:
    """Choices in turns, a character of each at a time."""
    def chunk(index: int, delta: dict[str, Any], end: str | None = None) -> dict[str, Any]:
        return {
            "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "guarded-1",
            "choices": [{"index": index, "delta": delta, "finish_reason": end}],
        }

    for index in range(len(texts)):
        yield chunk(index, {"role": "assistant", "content": ""})
    for place in range(max(map(len, texts))):
        for index, text in enumerate(texts):
            letter = text[place:place + 1]
            if letter and reason == "tool_calls":
                call: dict[str, Any] = {"index": 0, "function": {"arguments": letter}}
                if place == 0:
                    call |= {"id": "call_1", "type": "function"}
                    call["function"]["name"] = "note"
                yield chunk(index, {"tool_calls": [call]})
            elif letter:
                yield chunk(index, {"content": letter})
    for index in range(len(texts)):
        yield chunk(index, {}, reason)


def item(text: str) -> dict[str, Any]:
    """One output of a response."""
    return {
        "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}] if text else [],
    }


def response(output: list[dict[str, Any]], status: str) -> dict[str, Any]:
    """A response with these outputs."""
    return {
        "id": "resp_guarded", "object": "response", "created_at": 1, "status": status,
        "model": "guarded-1", "output": output, "parallel_tool_calls": True, "tools": [],
        "tool_choice": "auto", "usage": {
            "input_tokens": 1, "output_tokens": 1, "total_tokens": 2,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens_details": {"reasoning_tokens": 0}},
    }


def response_events(text: str) -> Iterator[dict[str, Any]]:
    """A response as events."""
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    steps: list[dict[str, Any]] = [
        {"type": "response.created", "response": response([], "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": item("")},
        {"type": "response.content_part.added", **place, "part": part},
        *({"type": "response.output_text.delta", **place, "delta": letter, "logprobs": []}
          for letter in text),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": {**part, "text": text}},
        {"type": "response.output_item.done", "output_index": 0, "item": item(text)},
        {"type": "response.completed", "response": response([item(text)], "completed")},
    ]
    for number, step in enumerate(steps):
        yield {**step, "sequence_number": number}


def block(body: dict[str, Any], text: str, found: list[str]) -> dict[str, Any]:
    """The one content block of a message."""
    if body.get("tools"):
        return {"type": "tool_use", "id": "toolu_1", "name": "note",
                "input": json.loads(arguments(found))}
    return {"type": "text", "text": text}


def message(content: dict[str, Any] | None, reason: str | None) -> dict[str, Any]:
    """A message of Anthropic's API."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "guarded-1",
        "content": [content] if content else [], "stop_reason": reason, "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def message_events(
    body: dict[str, Any], text: str, found: list[str]
) -> Iterator[dict[str, Any]]:
    """A message as events."""
    is_tool = bool(body.get("tools"))
    start = {**block(body, "", found), **({"input": {}} if is_tool else {})}
    pieces = arguments(found) if is_tool else text
    name, kind = ("partial_json", "input_json_delta") if is_tool else ("text", "text_delta")
    yield {"type": "message_start", "message": message(None, None)}
    yield {"type": "content_block_start", "index": 0, "content_block": start}
    for letter in pieces:
        delta = {"type": kind, name: letter}
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": "tool_use" if is_tool else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 1}}
    yield {"type": "message_stop"}
