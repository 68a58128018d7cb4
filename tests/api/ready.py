"""Asks twice: once the app has to answer, once it does not."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask, request_started
from werkzeug.test import TestResponse

from bookstore import instruments
from bookstore.instruments import counting
from bookstore.services import catalog_cache
from tests.clients import Client

# Other values at each answer; that they are right is asserted elsewhere.
OWN = ("RateLimit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@contextmanager
def app_asked(shop: Flask) -> Iterator[list[str]]:
    """Collect the paths that the app itself is asked for inside."""
    found: list[str] = []

    def note(_app: Flask, **_more: Any) -> None:
        from flask import request

        found.append(request.path)

    with request_started.connected_to(note, shop):
        yield found


@dataclass
class Seen:
    """All that there is of an answer: what was sent, its line in the log, what was counted."""

    answer: TestResponse
    line: tuple[str, int, int]
    counted: dict[tuple[str, ...], float]

    def same(self) -> tuple[Any, ...]:
        """Return what has to be the same, whoever made the answer."""
        headers = [(n, "…" if n in OWN else v) for n, v in self.answer.headers]
        return self.answer.status, headers, self.answer.data, self.line, self.counted


class Twice:
    """Compares the app's answers with those that are ready."""

    def __init__(self, shop: Flask, caplog: pytest.LogCaptureFixture) -> None:
        self.shop, self.caplog, self.client = shop, caplog, Client(shop)
        # It is read at each request, and every test before this one has counted something.
        counting.start_anew()

    def __call__(self, path: str, method: str = "GET", **headers: str) -> TestResponse:
        """Ask for what is not ready, then for what is; return the second answer."""
        headers.setdefault("X_Request_ID", "the-same")
        self.forget()
        with app_asked(self.shop) as asked:
            slow = self.seen(method, path, headers)
            assert len(asked) == 1
            fast = self.seen(method, path, headers)
        assert len(asked) == 1, f"{path} was not ready"
        assert fast.same() == slow.same()
        return fast.answer

    def forget(self) -> None:
        """Have nothing ready."""
        with self.shop.app_context():
            catalog_cache.clear()

    def seen(self, method: str, path: str, headers: dict[str, str]) -> Seen:
        """Ask once."""
        self.caplog.clear()
        before = _figures()
        with self.caplog.at_level(logging.INFO, "bookstore.access"):
            answer = self.client.call(method, path, **headers)
        after = _figures()
        (line,) = [vars(one) for one in self.caplog.records if one.name == "bookstore.access"]
        grown = {name: now - before.get(name, 0) for name, now in after.items()}
        counted = {name: more for name, more in grown.items() if more}
        assert line["request_id"] == answer.headers["X-Request-ID"]
        return Seen(answer, (line["message"], line["status"], line["bytes"]), counted)


def _figures() -> dict[tuple[str, ...], float]:
    """Return what is counted of requests, but for how long they took."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in instruments.read()
        for sample in family.samples
        if re.search("_http_.*(_count|_total|_progress)$", sample.name)
    }
