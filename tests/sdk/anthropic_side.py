"""The part of the fake provider that speaks Anthropic's Messages API.

The last user text chooses the answer: `[[overloaded]]`, `[[status:400]]`, `[[cut]]`,
`[[error_event]]`, "call the tool"; anything else is echoed.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

MODEL = "claude-fake-1"
USAGE = {
    "input_tokens": 11, "output_tokens": 7,
    "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3,
}
ERROR_TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
    404: "not_found_error", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error",
}


def last_user_text(body: dict[str, Any]) -> str:
    """The text of the last user message, in both of its forms."""
    for message in reversed(body.get("messages", [])):
        if message.get("role") == "user":
            content = message.get("content", "")
            if isinstance(content, str):
                return content
            return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return ""


def messages(exchange: Any) -> None:
    """`POST /v1/messages`"""
    body, text = exchange.body, last_user_text(exchange.body)
    fault = re.search(r"\[\[status:(\d+)]]", text)
    if fault or "[[overloaded]]" in text:
        status = int(fault.group(1)) if fault else 529
        exchange.send_json(status, error(status), request_id="req_fake")
    elif "max_tokens" not in body:
        exchange.send_json(400, error(400, "max_tokens: Field required"))
    elif body.get("stream"):
        stream(exchange, text)
    else:
        block, stop = content(body, text)
        exchange.send_json(200, {**opening(), "content": [block], "stop_reason": stop, "usage": USAGE})


def count_tokens(exchange: Any) -> None:
    """`POST /v1/messages/count_tokens`"""
    exchange.send_json(200, {"input_tokens": len(last_user_text(exchange.body).split())})


def error(status: int, message: str = "the fake provider was told to fail") -> dict[str, Any]:
    """Anthropic's error body."""
    kind = ERROR_TYPES.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_fake"}


def opening() -> dict[str, Any]:
    """A message without its content."""
    return {
        "id": "msg_fake_1", "type": "message", "role": "assistant", "model": MODEL,
        "content": [], "stop_reason": None, "stop_sequence": None,
        "usage": {**USAGE, "output_tokens": 1},
    }


def content(body: dict[str, Any], text: str) -> tuple[dict[str, Any], str]:
    """The one content block and the stop reason."""
    if "call the tool" in text and body.get("tools"):
        call = {"type": "tool_use", "id": "toolu_fake_1", "name": body["tools"][0]["name"]}
        return {**call, "input": {"city": "Paris"}}, "tool_use"
    return {"type": "text", "text": f"echo: {text}"}, "end_turn"


def stream(exchange: Any, text: str) -> None:
    """The same answer as events."""
    exchange.begin_stream()
    for count, (name, data) in enumerate(events(exchange.body, text)):
        if count == 4 and "[[cut]]" in text:
            exchange.cut()
            return
        if count == 4 and "[[error_event]]" in text:
            name, data = "error", error(529)
        exchange.piece(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode())
        if name == "error":
            break
    exchange.end_stream()


def events(body: dict[str, Any], text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event of a stream, a ping among them."""
    block, stop = content(body, text)
    yield "message_start", {"type": "message_start", "message": opening()}
    if block["type"] == "text":
        start, deltas = {"type": "text", "text": ""}, text_deltas(block["text"])
    else:
        start, deltas = {**block, "input": {}}, tool_deltas(block["input"])
    yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": start}
    yield "ping", {"type": "ping"}
    for delta in deltas:
        yield "content_block_delta", {"type": "content_block_delta", "index": 0, "delta": delta}
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    yield "message_delta", {
        "type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": USAGE["output_tokens"]},
    }
    yield "message_stop", {"type": "message_stop"}


def text_deltas(text: str) -> list[dict[str, str]]:
    """The text in pieces of four characters."""
    return [{"type": "text_delta", "text": text[i:i + 4]} for i in range(0, len(text), 4)]


def tool_deltas(value: dict[str, str]) -> list[dict[str, str]]:
    """The arguments in pieces of four characters, after an empty one."""
    text = json.dumps(value)
    pieces = ["", *(text[i:i + 4] for i in range(0, len(text), 4))]
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


RESPONDERS = {"/messages": messages, "/messages/count_tokens": count_tokens}
