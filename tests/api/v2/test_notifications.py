"""The inbox, devices and preferences, and that each is one's own."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from bookstore.extensions import db
from bookstore.models import Device, Email, Notification, Preference, PushMessage
from bookstore.services.event_types import TYPES
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, Client, at_once, ok, problem
from tests.factories import log_in, make_user, new_book


def order(client: Client) -> dict[str, Any]:
    """Place an order of one copy and return it."""
    book = new_book(client.app)
    ok(client.post("/cart/items", {"book_id": book}), 201)
    return dict(ok(client.post("/orders", {"shipping_address": ADDRESS}), 201))


def advance(clerk: Client, placed: dict[str, Any], *statuses: str) -> None:
    for status in statuses:
        ok(clerk.post(f"/orders/{placed['id']}/status", {"status": status}))


def inbox(client: Client, query: str = "") -> dict[str, Any]:
    return dict(ok(client.get(f"/me/notifications{query}")))


def register(client: Client, token: str, platform: str = "ios") -> int:
    device = ok(client.post("/me/devices", {"token": token, "platform": platform}), 201)
    assert "token" not in device
    return int(device["id"])


def wants(client: Client, **channels: dict[str, bool]) -> dict[str, dict[str, bool]]:
    answer = ok(client.patch("/me/preferences", {"preferences": channels}))
    return dict(answer["preferences"])


# -- the inbox ----------------------------------------------------------------------------------
def test_what_happens_to_an_order_is_in_the_inbox(reader: Client, clerk: Client) -> None:
    placed = order(reader)
    advance(clerk, placed, "processing", "shipped")
    found = inbox(reader)
    titles = [line["title"] for line in found["data"]]
    number = placed["number"]
    assert titles == [
        f"Order {number} is on its way",
        f"Order {number} is being packed",
        f"Order {number} received",
    ]
    assert (found["unread"], found["next_cursor"]) == (3, None)
    line = found["data"][2]
    assert set(line) == {"id", "title", "message", "data", "at", "read_at"}
    assert line["data"]["event_type"] == "order.created"
    assert line["data"]["order_id"] == placed["id"]
    assert (line["read_at"], line["at"][-1]) == (None, "Z")
    assert inbox(clerk)["data"] == []


def test_reading_is_once_and_ones_own(reader: Client, clerk: Client) -> None:
    order(reader)
    [line] = inbox(reader)["data"]
    path = f"/me/notifications/{line['id']}/read"
    problem(clerk.post(path), 404, "not_found")
    assert inbox(reader)["unread"] == 1
    read = ok(reader.post(path))
    assert read["read_at"] is not None
    assert ok(reader.post(path)) == read
    assert inbox(reader) == {"data": [read], "unread": 0, "next_cursor": None}
    assert inbox(reader, "?unread=true")["data"] == []
    problem(reader.post("/me/notifications/999/read"), 404, "not_found")


def test_all_are_read_at_once_and_no_others(reader: Client, clerk: Client) -> None:
    placed, _ = order(reader), order(clerk)
    advance(clerk, placed, "processing")
    assert reader.post("/me/notifications/read-all").status_code == 204
    assert inbox(reader)["unread"] == 0
    assert inbox(clerk)["unread"] == 1
    stamps = {line["read_at"] for line in inbox(reader)["data"]}
    advance(clerk, placed, "shipped")
    assert reader.post("/me/notifications/read-all").status_code == 204
    assert len(stamps | {line["read_at"] for line in inbox(reader)["data"]}) == 2


def test_pages_of_unread(reader: Client, clerk: Client) -> None:
    placed = order(reader)
    advance(clerk, placed, "processing", "shipped", "delivered")
    ids = [line["id"] for line in inbox(reader)["data"]]
    ok(reader.post(f"/me/notifications/{ids[1]}/read"))
    first = reader.get("/me/notifications?unread=true&limit=2&count=true")
    page = ok(first)
    assert [line["id"] for line in page["data"]] == [ids[0], ids[2]]
    assert (page["total"], page["unread"]) == (3, 3)
    link = first.headers["Link"].partition(">")[0].lstrip("<")
    assert [line["id"] for line in ok(reader.get(link))["data"]] == [ids[3]]
    problem(reader.get("/me/notifications?unread=maybe"), 422, "validation_failed")


# -- devices ------------------------------------------------------------------------------------
def test_devices_are_ones_own(reader: Client, clerk: Client) -> None:
    phone, tablet = register(reader, "phone"), register(reader, "tablet", "android")
    found = ok(reader.get("/me/devices"))["data"]
    assert [(one["id"], one["platform"]) for one in found] == [(phone, "ios"), (tablet, "android")]
    problem(clerk.delete(f"/me/devices/{phone}"), 404, "not_found")
    assert reader.delete(f"/me/devices/{phone}").status_code == 204
    problem(reader.delete(f"/me/devices/{phone}"), 404, "not_found")
    assert [one["id"] for one in ok(reader.get("/me/devices"))["data"]] == [tablet]


def test_a_known_token_is_not_doubled_and_moves(reader: Client, clerk: Client) -> None:
    first = register(reader, "phone")
    assert register(reader, "phone", "web") == first
    assert ok(reader.get("/me/devices"))["data"][0]["platform"] == "web"
    moved = register(clerk, "phone")
    assert ok(reader.get("/me/devices"))["data"] == []
    assert [one["id"] for one in ok(clerk.get("/me/devices"))["data"]] == [moved]


def test_twenty_devices_at_most(reader: Client) -> None:
    def add(number: int) -> int:
        body = {"token": f"token-{number}", "platform": "ios"}
        client = Client(reader.app, reader.headers)
        return client.post("/me/devices", body).status_code

    codes = at_once([lambda n=n: add(n) for n in range(24)], threads=8)
    assert sorted(codes) == [201] * 20 + [409] * 4
    refused = reader.post("/me/devices", {"token": "one-more", "platform": "ios"})
    problem(refused, 409, "device_limit")
    known = codes.index(201)
    register(reader, f"token-{known}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", ""),
        ("token", "x" * 513),
        ("token", "a b"),
        ("token", "a\n"),
        ("token", "é"),
        ("platform", "windows"),
    ],
)
def test_devices_that_are_none(reader: Client, field: str, value: str) -> None:
    body = {"token": "x" * 512, "platform": "ios", field: value}
    found = problem(reader.post("/me/devices", body), 422, "validation_failed")
    assert set(found["errors"]) == {field}


def test_devices_that_come_and_go_break_no_order(shop: Flask, reader: Client) -> None:
    books = [new_book(shop, stock=100) for _ in range(4)]
    ids = [register(reader, f"token-{number}") for number in range(8)]

    def buy(number: int) -> int:
        client = Client(shop, reader.headers)
        client.post("/cart/items", {"book_id": books[number % 4]})
        answer = client.post("/orders", {"shipping_address": ADDRESS})
        return answer.status_code if answer.status_code != 409 else 201  # another took the cart

    def come_and_go(number: int) -> int:
        client = Client(shop, reader.headers)
        gone = client.delete(f"/me/devices/{ids[number]}")
        register(client, f"token-{number}")
        return gone.status_code

    jobs: list[Any] = [lambda n=n: buy(n) for n in range(12)]
    jobs += [lambda n=n: come_and_go(n) for n in range(8)]
    assert set(at_once(jobs[::2] + jobs[1::2], threads=8)) == {201, 204}
    with shop.app_context():
        orphans = select(func.count()).where(PushMessage.device_id.not_in(select(Device.id)))
        assert db.session.scalar(orphans) == 0


# -- preferences --------------------------------------------------------------------------------
def test_everything_is_on_unless_one_says_no(reader: Client, clerk: Client) -> None:
    before = ok(reader.get("/me/preferences"))["preferences"]
    told = {name for name, kind in TYPES.items() if kind.notice}
    assert set(before["push"]) == set(before["in_app"]) == told
    # What keeps an account or an endpoint going cannot be switched off.
    mailed = {"order.created", "order.shipped", "order.cancelled", "order.refunded"}
    assert set(before["email"]) == mailed
    assert all(all(choices.values()) for choices in before.values())
    after = wants(reader, email={"order.created": False}, push={"order.shipped": False})
    changed = {**before, "email": {**before["email"], "order.created": False}}
    changed["push"] = {**before["push"], "order.shipped": False}
    assert after == changed
    # The rest stays as it was.
    again = wants(reader, email={"order.created": True})
    assert again == {**changed, "email": before["email"]}
    assert wants(reader) == again
    assert ok(clerk.get("/me/preferences"))["preferences"] == before


@pytest.mark.parametrize(
    ("choices", "field"),
    [
        ({"sms": {"order.created": True}}, "preferences.sms"),
        ({"email": {"order.eaten": True}}, "preferences.email.order.eaten"),
        ({"email": {"order.delivered": False}}, "preferences.email.order.delivered"),
        (
            {"email": {"webhook.endpoint_disabled": False}},
            "preferences.email.webhook.endpoint_disabled",
        ),
        ({"push": {"review.posted": False}}, "preferences.push.review.posted"),
        ({"push": {"order.created": 1}}, "preferences.push.order.created.value"),
        ({"push": {"order.created": None}}, "preferences.push.order.created.value"),
        ({"push": []}, "preferences.push"),
        ({"push": None}, "preferences.push"),
        ([], "preferences"),
        (None, "preferences"),
    ],
)
def test_choices_that_there_are_not(reader: Client, choices: Any, field: str) -> None:
    body = {"preferences": choices}
    found = problem(reader.patch("/me/preferences", body), 422, "validation_failed")
    assert set(found["errors"]) == {field}
    before = ok(reader.get("/me/preferences"))["preferences"]
    assert all(all(channel.values()) for channel in before.values())


def told(shop: Flask, *tables: Any) -> list[int]:
    """Return how many rows each table has, and empty them."""
    with shop.app_context(), unit_of_work() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in tables]
        for table in tables:
            session.execute(delete(table))
    return [count or 0 for count in counts]


def test_who_does_not_want_to_be_told_is_not(shop: Flask, reader: Client, clerk: Client) -> None:
    ways = (Email, PushMessage, Notification)
    register(reader, "phone")
    register(reader, "tablet")
    order(reader)
    assert told(shop, *ways) == [1, 2, 1]
    for channel, left in (("email", [0, 2, 1]), ("push", [0, 0, 1]), ("in_app", [0, 0, 0])):
        wants(reader, **{channel: {"order.created": False}})
        order(reader)
        assert told(shop, *ways) == left
    order(clerk)  # who said nothing of the kind
    assert told(shop, *ways) == [1, 0, 1]
    # Another event of the same order is another choice.
    placed = order(reader)
    told(shop, *ways)
    ok(reader.post(f"/orders/{placed['id']}/cancel", {}))
    assert told(shop, *ways) == [1, 2, 1]
    wants(reader, email={"order.created": True}, push={"order.created": True})
    order(reader)
    assert told(shop, *ways) == [1, 2, 0]


# -- with the account ---------------------------------------------------------------------------
def test_the_export_has_them_and_the_end_of_the_account_takes_them(
    shop: Flask, reader: Client, clerk: Client
) -> None:
    order(reader)
    order(clerk)
    register(reader, "phone")
    register(clerk, "the-clerks")
    wants(reader, push={"order.created": False})
    found = ok(reader.get("/me/export"))
    assert [line["data"]["event_type"] for line in found["notifications"]] == ["order.created"]
    assert [device["platform"] for device in found["devices"]] == ["ios"]
    assert found["preferences"]["push"]["order.created"] is False
    assert reader.delete("/me").status_code == 204
    with shop.app_context():
        for table in (Device, Notification, Preference):
            left = set(db.session.scalars(select(table.user_id)))
            assert left <= {ok(clerk.get("/me"))["id"]}
        assert db.session.scalars(select(Device.token)).all() == ["the-clerks"]


def test_a_new_account_has_nothing(shop: Flask) -> None:
    with shop.app_context():
        user = log_in(shop, make_user())
    assert inbox(user) == {"data": [], "unread": 0, "next_cursor": None}
    assert ok(user.get("/me/devices")) == {"data": []}
