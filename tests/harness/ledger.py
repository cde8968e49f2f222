"""What a gateway wrote down of its requests, read through its admin API."""

import http.client
import json
import time
from typing import Any

from harness.gateway import Gateway

SETTLE_TIMEOUT_S = 10.0


class Ledger:
    """Reads the attempts of requests over one connection."""

    def __init__(self, gateway: Gateway, token: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.admin_port, timeout=30)
        self.headers = {"authorization": f"Bearer {token}"}

    def rows(self, request_id: str) -> list[dict[str, Any]]:
        """The attempts of one request; none when it is unknown."""
        self.connection.request("GET", f"/admin/v1/requests/{request_id}", headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status == 404:
            return []
        if answer.status != 200:
            raise AssertionError(f"the admin API answers {answer.status} {body[:200]!r}")
        return list(json.loads(body)["attempts"])

    def settled_rows(self, request_id: str) -> list[dict[str, Any]]:
        """The same, once the last attempt has ended and reached the store."""
        give_up = time.monotonic() + SETTLE_TIMEOUT_S
        while time.monotonic() < give_up:
            rows = self.rows(request_id)
            # What has only begun says `crash` until its end is written.
            if rows and rows[-1]["is_final"] and rows[-1]["end_reason"] != "crash":
                return rows
            time.sleep(0.05)
        raise AssertionError(f"{request_id} is not settled, its rows are {self.rows(request_id)}")
