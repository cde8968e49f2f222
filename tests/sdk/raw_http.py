"""Requests that no SDK would send, written byte by byte: each must be refused, and nothing of
it may reach the provider."""

import gzip
import socket

from harness.checks import Checks, equal, holds
from scene import Scene

PATH = "/odd/plain/v1/chat/completions"
BODY = b'{"model":"odd-plain","messages":[{"role":"user","content":"x"}]}'
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
ZIPPED = gzip.compress(BODY)
# Name, header lines, body. The first line and the credentials are added.
TRICKS = [
    ("two lengths", LENGTH + b"Content-Length: 3\r\n", BODY),
    ("a signed length", b"Content-Length: +%d\r\n" % len(BODY), BODY),
    ("two lengths in one line", b"Content-Length: 3, %d\r\n" % len(BODY), BODY),
    ("chunked is not last", b"Transfer-Encoding: chunked, identity\r\n", CHUNKED),
    ("an unknown coding", b"Transfer-Encoding: xchunked\r\n", CHUNKED),
    ("a space before the colon", b"Transfer-Encoding : chunked\r\n" + LENGTH, BODY),
    ("a folded header", LENGTH + b"X-A: b\r\n c: d\r\n", BODY),
    ("a bare CR in a header", LENGTH + b"X-A: b\rX-B: c\r\n", BODY),
    ("a NUL in a header", LENGTH + b"X-A: b\0c\r\n", BODY),
    ("a chunk of no size", b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("a chunk of huge size", b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n" + BODY),
    ("200 headers", LENGTH + b"".join(b"X-%d: y\r\n" % n for n in range(200)), BODY),
    ("a header of 200 KB", LENGTH + b"X-A: " + b"y" * 200_000 + b"\r\n", BODY),
    ("a compressed body",
     b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(ZIPPED), ZIPPED),
]


def run(checks: Checks, scene: Scene) -> None:
    """All checks of this file."""
    for name, headers, body in TRICKS:
        checks.run(f"raw: {name} is refused", lambda h=headers, b=body: refused(scene, h, b))
    for name, headers in (("length, then chunked", LENGTH + b"Transfer-Encoding: chunked\r\n"),
                          ("chunked, then length", b"Transfer-Encoding: chunked\r\n" + LENGTH)):
        checks.run(f"raw: {name} smuggles nothing", lambda h=headers: smuggled(scene, h))
    checks.run("raw: a line feed in a header's value cannot add a header",
               lambda: injected(scene))


def refused(scene: Scene, headers: bytes, body: bytes) -> None:
    before = scene.upstream.hits[PATH]
    answer = send(scene, headers, body)
    status = answer.split(b" ")[1:2]
    holds(status in ([], [b"400"], [b"413"], [b"415"], [b"431"], [b"501"]), f"answer is {answer[:80]!r}")
    equal(scene.upstream.hits[PATH] - before, 0, "requests that reached the provider")


def smuggled(scene: Scene, headers: bytes) -> None:
    # RFC 9112, 6.1: chunked wins, and the connection is closed after the answer, so that what
    # a proxy before us took for a part of the body is never read as a request.
    before = scene.upstream.hits[PATH]
    second = b"GET /v1/models HTTP/1.1\r\nHost: gateway\r\n\r\n"
    answer = send(scene, headers, CHUNKED + second, close=False)
    equal(answer.count(b"HTTP/1.1 "), 1, "answers")
    holds(scene.upstream.hits[PATH] - before <= 1, "the provider got more than one request")


def injected(scene: Scene) -> None:
    send(scene, LENGTH + b"Openai-Beta: a\nX-Injected: yes\r\n", BODY)
    holds("x-injected" not in scene.upstream.seen.get(PATH, {}), "the header was injected")


def send(scene: Scene, headers: bytes, body: bytes, close: bool = True) -> bytes:
    """Sends a request as it stands; gives what came back until the end or a pause."""
    key = scene.keys["app"]["key"].encode()
    head = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway\r\n"
            b"Content-Type: application/json\r\nAuthorization: Bearer " + key + b"\r\n")
    head += b"Connection: close\r\n" if close else b""
    answer = b""
    with socket.create_connection(("127.0.0.1", scene.gateway.port), timeout=5) as connection:
        try:
            connection.sendall(head + headers + b"\r\n" + body)
            while piece := connection.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
    return answer
