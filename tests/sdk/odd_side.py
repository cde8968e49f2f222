"""The part of the fake provider that misbehaves: one case for each name.

All speak OpenAI's dialect as far as they speak any.
"""

import gzip
import json
import struct
from typing import Any

VECTOR = [0.5, -0.25, 0.125]
ENDLESS_BYTES = 64 * 1024 * 1024
BOMB_BYTES = 256 * 1024 * 1024

CHAT = {
    "id": "chatcmpl-odd", "object": "chat.completion", "created": 1_700_000_000, "model": "odd-1",
    "x_unknown_field": {"kept": [1, 2.50, "ü"]},
    "choices": [{
        "index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "odd but fine"},
    }],
    "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
}


def plain(exchange: Any) -> None:
    """Behaves, with an unknown field in the answer."""
    exchange.send_json(200, CHAT)


def floats(exchange: Any) -> None:
    """Embeddings as floats, whatever was asked."""
    exchange.send_json(200, embedding(VECTOR))


def base64(exchange: Any) -> None:
    """Embeddings in base64, whatever was asked."""
    import base64 as encoder

    packed = encoder.b64encode(struct.pack(f"<{len(VECTOR)}f", *VECTOR)).decode()
    exchange.send_json(200, embedding(packed))


def embedding(value: object) -> dict[str, Any]:
    """The list that holds one embedding."""
    return {
        "object": "list", "model": "odd-1", "usage": {"prompt_tokens": 2, "total_tokens": 2},
        "data": [{"object": "embedding", "index": 0, "embedding": value}],
    }


def html(exchange: Any) -> None:
    """An error page with status 502."""
    exchange.send(502, "text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>")


def html_ok(exchange: Any) -> None:
    """A page with status 200."""
    exchange.send(200, "text/html", b"<html><body>Please log in</body></html>")


def wrong_type(exchange: Any) -> None:
    """A stream was asked, a picture comes."""
    exchange.send(200, "image/png", b"\x89PNG\r\n\x1a\n")


def redirect(exchange: Any) -> None:
    """Sends the caller elsewhere."""
    exchange.send(307, "text/plain", b"moved", location="/odd/redirect_target/v1/chat/completions")


def zipped(exchange: Any) -> None:
    """A good answer, compressed although nobody asked for that."""
    exchange.send(200, "application/json", gzip.compress(json.dumps(CHAT).encode()), content_encoding="gzip")


def bomb(exchange: Any) -> None:
    """A small answer that unpacks to very much."""
    body = gzip.compress(b" " * BOMB_BYTES, compresslevel=6)
    exchange.send(200, "application/json", body, content_encoding="gzip")


def endless(exchange: Any) -> None:
    """A stream with a line that does not end, or a body that does not."""
    exchange.begin_stream("text/event-stream" if exchange.body.get("stream") else "application/json")
    exchange.piece(b'data: {"choices":[{"index":0,"delta":{"content":"')
    for _ in range(ENDLESS_BYTES // 65536):
        exchange.piece(b"a" * 65536)
    exchange.cut()


def key_echo(exchange: Any) -> None:
    """Refuses the gateway's key and repeats it."""
    key = exchange.headers.get("authorization", "")
    exchange.send_json(401, {"error": {
        "message": f"Incorrect API key provided: {key}", "type": "invalid_request_error",
        "param": None, "code": "invalid_api_key",
    }})


def key_echo_400(exchange: Any) -> None:
    """Refuses the request and repeats the gateway's key."""
    key = exchange.headers.get("authorization", "")
    exchange.send_json(400, {"error": {
        "message": f"Bad request with {key}", "type": "invalid_request_error",
        "param": None, "code": "bad",
    }})


def fastapi(exchange: Any) -> None:
    """An error in another framework's shape."""
    exchange.send_json(422, {"detail": "nope"})


def slow_down(exchange: Any) -> None:
    """Always 429."""
    exchange.send_json(429, {"error": {
        "message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded",
    }}, retry_after="1")


def no_credit(exchange: Any) -> None:
    """429 that no retry can cure."""
    exchange.send_json(429, {"error": {
        "message": "You exceeded your current quota", "type": "insufficient_quota",
        "param": None, "code": "insufficient_quota",
    }})


def silent_end(exchange: Any) -> None:
    """A stream that ends cleanly, without finish reason and without `[DONE]`."""
    exchange.begin_stream()
    chunk = {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": "odd-1",
        "choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": None}],
    }
    exchange.piece(f"data: {json.dumps(chunk)}\n\n".encode())
    exchange.end_stream()


RESPONDERS = {
    "plain": plain, "floats": floats, "base64": base64, "html": html, "html_ok": html_ok,
    "wrong_type": wrong_type, "redirect": redirect, "redirect_target": plain, "zipped": zipped,
    "bomb": bomb, "endless": endless, "key_echo": key_echo, "key_echo_400": key_echo_400,
    "fastapi": fastapi, "slow_down": slow_down, "no_credit": no_credit, "silent_end": silent_end,
}
