"""The same as server-sent events, for clients behind proxies that break WebSockets."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from tests.factories import make_buyers
from tests.sockets.following import Followed


class Events:
    """A stream as EventSource reads it."""

    def __init__(self, answer: requests.Response) -> None:
        self.answer = answer
        self.lines = answer.iter_lines(chunk_size=1)

    def next(self) -> dict[str, Any]:
        """Return the next event: its fields, and its data parsed."""
        event: dict[str, Any] = {}
        for line in self.lines:
            if line.startswith(b":"):
                continue
            if not line:
                if event:
                    return event
                continue
            name, _, value = line.decode().partition(": ")
            event[name] = json.loads(value) if name == "data" else value
        return {"end": True}


@contextmanager
def stream(followed: Followed, query: str = "", **headers: str) -> Iterator[Events]:
    """Open the order's stream."""
    url = f"{followed.live.url}/api/v2/orders/{followed.order_id}/stream{query}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if not query:
        sent.setdefault("Authorization", f"Bearer {followed.token}")
    with requests.get(url, headers=sent, stream=True, timeout=40) as answer:
        yield Events(answer)


def test_first_the_state_then_each_change(followed: Followed) -> None:
    with stream(followed, X_Request_ID="mine") as events:
        headers = events.answer.headers
        assert events.answer.status_code == 200
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["X-Request-ID"] == "mine"
        assert "Content-Length" not in headers
        assert "Transfer-Encoding" not in headers
        assert events.next() == {"retry": "2000"}
        first = events.next()
        assert (first["id"], first["data"]["type"]) == ("1", "order_snapshot")
        followed.advance("processing")
        second = events.next()
        assert (second["id"], second["data"]["type"]) == ("2", "order_update")
        assert second["data"]["update"]["status"] == "processing"


def test_who_comes_back_gets_what_is_newer(followed: Followed) -> None:
    followed.advance("processing")
    with stream(followed, Last_Event_ID="1") as events:
        assert events.next() == {"retry": "2000"}
        assert events.next()["data"]["order"]["version"] == 2
    with stream(followed, Last_Event_ID="2") as events:
        assert events.next() == {"retry": "2000"}
        followed.advance("shipped")
        assert events.next()["data"]["update"]["version"] == 3


def test_who_may(followed: Followed) -> None:
    answer = followed.live.call("POST", "/ws/tickets", token=followed.token)
    query = f"?ticket={answer.json()['ticket']}"
    with stream(followed, query) as events:
        assert events.answer.status_code == 200
        events.next()
        assert events.next()["data"]["type"] == "order_snapshot"
    with stream(followed, query) as events:
        assert (events.answer.status_code, events.answer.json()["code"]) == (401, "unauthenticated")
    path = f"/orders/{followed.order_id}/stream"
    [(_, other)] = make_buyers(followed.shop, 1)
    call = followed.live.call
    assert call("GET", path).status_code == 401
    assert call("GET", path, token=other).json()["code"] == "not_found"
    assert call("HEAD", path, token=other).status_code == 404
    head = call("HEAD", path, token=followed.token)
    assert (head.status_code, head.headers["Content-Type"][:17]) == (200, "text/event-stream")
    for odd in ("x", "-1", "1" * 30, "\xb2"):
        refusal = call("GET", path, token=followed.token, Last_Event_ID=odd)
        assert refusal.status_code == 422
        assert set(refusal.json()["errors"]) == {"Last-Event-ID"}
