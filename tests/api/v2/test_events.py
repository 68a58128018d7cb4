"""GET /events: whoever was away catches up, and misses nothing."""

import json
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from bookstore.extensions import db
from bookstore.models import Event
from bookstore.services import event_log, event_words, events, maintenance
from bookstore.unit_of_work import unit_of_work
from tests.clients import Client, ok, problem, wait_until
from tests.factories import new_book

UNKNOWN = "evt_" + "0" * 32


def follow(clerk: Client, after: str | None = None, limit: int = 2) -> list[dict[str, Any]]:
    """Return all that there is after an event, page by page."""
    found = []
    while True:
        query = f"?limit={limit}" + (f"&after={after}" if after else "")
        page = ok(clerk.get(f"/events{query}"))
        found += page["data"]
        assert page["next_after"] == (page["data"][-1]["id"] if page["data"] else after)
        after = page["next_after"]
        if not page["has_more"]:
            return found


def settle(shop: Flask) -> None:
    """Wait until nothing runs that began before the last event: tests beside us share a server."""

    def settled() -> bool:
        with shop.app_context():
            newest = db.session.scalar(select(func.max(Event.transaction_id))) or 0
            oldest = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            return newest == 0 or (db.session.scalar(oldest) or 0) > newest

    wait_until(settled)


def add(shop: Flask, title: str) -> None:
    """Add a book, and wait until its event is shown."""
    new_book(shop, title=title)
    settle(shop)


def titles(found: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["title"] for event in found]


def test_pages_from_the_first_to_the_last(shop: Flask, clerk: Client) -> None:
    assert ok(clerk.get("/events")) == {"data": [], "has_more": False, "next_after": None}
    for name in "abcde":
        add(shop, name)
    found = follow(clerk)
    assert titles(found) == ["a", "b", "c", "d", "e"]
    assert follow(clerk, found[1]["id"]) == found[2:]
    last = ok(clerk.get(f"/events?after={found[-1]['id']}"))
    assert last == {"data": [], "has_more": False, "next_after": found[-1]["id"]}
    add(shop, "f")
    assert titles(follow(clerk, last["next_after"])) == ["f"]


def test_the_bytes_are_those_that_were_stored(shop: Flask, clerk: Client) -> None:
    add(shop, '"next_cursor":"\u00e9\\')
    with shop.app_context():
        stored = db.session.scalars(select(Event.body)).one()
    answer = clerk.get("/events")
    assert stored in answer.data
    assert "Link" not in answer.headers
    one = clerk.get(f"/events/{json.loads(stored)['id']}")
    assert one.data == stored
    assert clerk.get("/events", If_None_Match=answer.headers["ETag"]).status_code == 304


def test_by_type(shop: Flask, clerk: Client) -> None:
    book = new_book(shop)
    ok(clerk.patch(f"/books/{book}", {"price": "1.00"}, If_Match="*"))
    ok(clerk.post(f"/books/{book}/reviews", {"rating": 3}), 201)
    settle(shop)

    def types(pattern: str) -> list[str]:
        return [event["type"] for event in ok(clerk.get(f"/events?type={pattern}"))["data"]]

    assert types("book.updated") == ["book.updated"]
    assert types("book.*") == ["book.created", "book.updated"]
    assert types("*") == ["book.created", "book.updated", "review.posted"]
    for wrong in ("book", "book.", "order.*.*", "x" * 61, "%00"):
        refused = problem(clerk.get(f"/events?type={wrong}"), 422, "validation_failed")
        assert list(refused["errors"]) == ["type"]


@pytest.mark.parametrize("after", [UNKNOWN, "1", "", "x" * 41, "evt_'", "%00", "\u00e9"])
def test_an_unknown_place(clerk: Client, after: str) -> None:
    refused = problem(clerk.get(f"/events?after={after}"), 422, "validation_failed")
    assert list(refused["errors"]) == ["after"]


@pytest.mark.parametrize("which", [UNKNOWN, "evt_", "1", "%00", "evt_" + "A" * 32])
def test_an_unknown_event(clerk: Client, which: str) -> None:
    problem(clerk.get(f"/events/{which}"), 404, "not_found")


# -- nothing appears behind a reader --------------------------------------------------------------
def record(session: Session, title: str) -> None:
    """Record an event in a transaction of one's own."""
    about = {"book_id": 1, "title": title}
    kind = events.TYPES["book.low_stock"]
    public_id = f"evt_{title:0>32}"
    session.add(
        Event(
            public_id=public_id,
            type=kind.name,
            aggregate="book",
            aggregate_id=sum(title.encode()),
            sequence=1,
            transaction_id=events.transaction_id(session),
            body=event_words.envelope(public_id, kind, 1, events.clock.now(), about),
        )
    )
    session.flush()


@pytest.mark.parametrize("database", ["postgresql"])
def test_who_commits_late_is_not_missed(shop: Flask, clerk: Client) -> None:
    engine = _engine(shop)
    with Session(engine) as slow, Session(engine) as quick:
        add(shop, "before")
        record(slow, "slow")  # has the lower id …
        record(quick, "quick")
        quick.commit()  # … and is committed later
        seen = follow(clerk)
        # By id one would have passed to "quick" by now, and never have seen "slow".
        assert titles(seen) == ["before"]
        new_book(shop, title="after")
        assert follow(clerk, seen[-1]["id"]) == []
        slow.commit()
        settle(shop)
        seen += follow(clerk, seen[-1]["id"])
    assert titles(seen) == ["before", "slow", "quick", "after"]


@pytest.mark.parametrize("database", ["postgresql"])
def test_ids_may_be_given_in_another_order(shop: Flask, clerk: Client) -> None:
    with Session(_engine(shop)) as first, Session(_engine(shop)) as second:
        first.execute(select(events.transaction_id(first)))  # starts first, records last
        record(second, "b")
        second.commit()
        assert follow(clerk) == []
        record(first, "a")
        first.commit()
    settle(shop)
    assert titles(follow(clerk, limit=1)) == ["a", "b"]


@pytest.mark.parametrize("database", ["postgresql"])
def test_who_gives_up_is_not_waited_for(shop: Flask, clerk: Client) -> None:
    with Session(_engine(shop)) as gone:
        record(gone, "gone")
        new_book(shop, title="kept")
        assert follow(clerk) == []
        gone.rollback()
    settle(shop)
    assert titles(follow(clerk)) == ["kept"]


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_dump_of_another_server(
    shop: Flask, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "_BATCH", 2)
    for name in "abc":
        new_book(shop, title=name)
    # Of a server that had come much further; and "c" was committed before "b" there.
    with shop.app_context():
        places = {"a": 9 * 10**15, "b": 9 * 10**15 + 2, "c": 9 * 10**15 + 1}
        for event in db.session.scalars(select(Event)).all():
            number = places[json.loads(event.body)["data"]["title"]]
            with unit_of_work() as session:
                found = update(Event).where(Event.id == event.id)
                session.execute(found.values(transaction_id=number))
    assert follow(clerk) == []
    new_book(shop, title="d")
    with shop.app_context():
        maintenance.run()
        assert event_log.repair_order() == 0
    settle(shop)
    found = follow(clerk)
    assert sorted(titles(found)) == ["a", "b", "c", "d"]
    assert [name for name in titles(found) if name != "d"] == ["a", "c", "b"]
    add(shop, "e")
    assert titles(follow(clerk, found[-1]["id"])) == ["e"]


def test_a_database_that_stayed_is_left_alone(shop: Flask, clerk: Client) -> None:
    add(shop, "a")
    before = follow(clerk)
    with shop.app_context():
        assert event_log.repair_order() == 0
    assert follow(clerk) == before


def _engine(shop: Flask) -> Any:
    with shop.app_context():
        return db.engine
