"""A small provider on loopback: an HTTP server that hands each request to a responder.

A responder gets an `Exchange`. The paths choose the responder: `/anthropic/…` speaks
Anthropic's Messages API, `/odd/<case>/…` misbehaves in one way each, `/guarded/…` must see
placeholders only.
"""

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anthropic_side
import guard_side
import odd_side


class Exchange:
    """One request, and the means to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        self.handler = handler
        self.path = path
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.raw = handler.rfile.read(int(handler.headers.get("content-length") or 0))

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body, or an empty object."""
        try:
            found = json.loads(self.raw)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def send(self, status: int, content_type: str, body: bytes, **headers: str) -> None:
        """A whole answer."""
        self.handler.send_response(status)
        self.handler.send_header("content-type", content_type)
        self.handler.send_header("content-length", str(len(body)))
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(body)

    def send_json(self, status: int, value: object, **headers: str) -> None:
        """A whole answer in JSON."""
        self.send(status, "application/json", json.dumps(value).encode(), **headers)

    def begin_stream(self, content_type: str = "text/event-stream") -> None:
        """The head of an answer in pieces."""
        self.handler.send_response(200)
        self.handler.send_header("content-type", content_type)
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()

    def piece(self, data: bytes) -> None:
        """One piece of such an answer."""
        self.handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.handler.wfile.flush()

    def end_stream(self) -> None:
        """Its proper end."""
        self.handler.wfile.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Ends the connection in the middle."""
        self.handler.close_connection = True
        self.handler.connection.shutdown(socket.SHUT_RDWR)


class Upstream:
    """The running server. `hits` counts requests by path, `seen` keeps the last headers."""

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.seen: dict[str, dict[str, str]] = {}
        self.bodies: dict[str, bytes] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        """Stops it."""
        self.server.shutdown()
        self.server.server_close()

    def answer(self, exchange: Exchange) -> None:
        """Finds the responder and lets it answer."""
        self.hits[exchange.path] += 1
        self.seen[exchange.path] = exchange.headers
        self.bodies[exchange.path] = exchange.raw
        responder = find_responder(exchange.path)
        if responder is None:
            exchange.send_json(404, {"error": {"message": "no such path", "type": "not_found"}})
        else:
            responder(exchange)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                try:
                    upstream.answer(Exchange(self, self.path.split("?")[0]))
                except OSError:
                    self.close_connection = True

            do_GET = do_POST
            do_DELETE = do_POST

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing: the checks say what matters."""

        return Handler


def find_responder(path: str) -> Callable[[Exchange], None] | None:
    """The responder of a path."""
    if path.startswith("/anthropic/"):
        return anthropic_side.RESPONDERS.get(path.removeprefix("/anthropic").removeprefix("/v1"))
    if path.startswith("/guarded/v1/"):
        return guard_side.respond
    if path.startswith("/odd/"):
        return odd_side.RESPONDERS.get(path.split("/")[2])
    return None
