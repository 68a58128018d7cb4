"""An ingest of Sentry's: takes envelopes and shows the events in them, and every byte."""

import gzip
import json
from typing import Any

import brotli

from tests.fakes.serving import Answer, FakeServer


class FakeSentry(FakeServer):
    """https://develop.sentry.dev/sdk/data-model/envelopes/"""

    KEY = "0123456789abcdef0123456789abcdef"  # pragma: allowlist secret

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.received = b""

    @property
    def dsn(self) -> str:
        """Its address, as a client wants it."""
        return self.url.replace("://", f"://{self.KEY}@") + "/7"

    def answer(self, path: str, headers: Any, body: bytes) -> Answer:
        """Take one envelope."""
        if path != "/api/7/envelope/" or f"sentry_key={self.KEY}" not in headers["X-Sentry-Auth"]:
            return 403, {"detail": "no such project"}, {}
        packed = {"gzip": gzip.decompress, "br": brotli.decompress}.get(headers["Content-Encoding"])
        plain = packed(body) if packed else body
        self.received += f"{path} {dict(headers)}".encode() + plain
        _, rest = plain.split(b"\n", 1)
        while rest:
            head, rest = rest.split(b"\n", 1)
            item = json.loads(head)
            size = item["length"]
            if item["type"] == "event":
                self.events.append(json.loads(rest[:size]))
            rest = rest[size:].lstrip(b"\n")
        return 200, {"id": "1"}, {}
