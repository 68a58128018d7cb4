"""Push messages: to FCM over real HTTP, and what each of its answers does to row and device."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore import clock
from bookstore.config import Settings
from bookstore.extensions import db, settings
from bookstore.gateways import push as gateway
from bookstore.models import Device, Order, PushMessage, User
from bookstore.services import cart, notifications, orders
from bookstore.services.actors import SYSTEM
from bookstore.services.outgoing_rows import SCHEDULE
from bookstore.services.pushes import PushChannel
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import make_book, make_user
from tests.fakes.fcm import PROJECT, FakeFcm, refusal
from tests.services.draining import OWNER, counts, drain, make_due

TOKEN = "a-device-token:APA91b"


@pytest.fixture
def fcm() -> Iterator[FakeFcm]:
    with FakeFcm() as server:
        server.devices.add(TOKEN)
        yield server


@pytest.fixture
def configured(app: Flask, fcm: FakeFcm, tmp_path: Path) -> Settings:
    account = {"fcm_project_id": PROJECT, "fcm_credentials_file": fcm.account(tmp_path)}
    return replace(settings(), **account, fcm_endpoint=fcm.url)


@pytest.fixture
def channel(configured: Settings) -> PushChannel:
    return PushChannel(configured)


@pytest.fixture
def user(app: Flask) -> User:
    return make_user("ann")


def place(user: User, *tokens: str) -> Order:
    """Return an order of a user with these devices."""
    for token in tokens:
        notifications.add_device(user, token, "android")
    cart.add_item(user, make_book().id, 1)
    return orders.place(user, ADDRESS)


def rows() -> list[PushMessage]:
    db.session.expire_all()
    return list(db.session.scalars(select(PushMessage).order_by(PushMessage.id)))


def test_a_message_is_what_fcm_wants(channel: PushChannel, fcm: FakeFcm, user: User) -> None:
    order = place(user, TOKEN)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    [message] = fcm.messages
    assert message["token"] == TOKEN
    assert message["notification"]["title"] == f"Order {order.number} received"
    assert message["data"]["event_type"] == "order.created"
    assert message["data"]["order_id"] == str(order.id)
    assert "tracking_number" not in message["data"]  # None is no text
    assert [row.status for row in rows()] == ["succeeded"]
    assert counts() == {("push", "succeeded"): 1}


def test_one_access_token_serves_many_and_a_refused_one_is_renewed(
    channel: PushChannel, configured: Settings, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN)
    drain(channel)
    place(user)
    drain(PushChannel(configured))
    assert (len(fcm.messages), len(fcm.grants)) == (2, 1)
    fcm.grants.append("the one before was withdrawn")
    place(user)
    assert [outcome.kind for outcome in drain(channel)] == ["retry"]
    make_due(PushMessage)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    assert fcm.grants[-1] == "access-3"


def test_unregistered_removes_the_device_and_no_other(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN, "an-old-token")
    drain(channel)
    assert len(fcm.messages) == 1
    assert [device.token for device in db.session.scalars(select(Device))] == [TOKEN]
    assert [row.status for row in rows()] == ["succeeded"]


def test_a_token_that_is_none_removes_the_device(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, "tiny")
    drain(channel)
    assert notifications.list_devices(user) == []


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "NOT_FOUND"),  # of a project that is not there
        (404, None, {}),
        (404, {"error": "text"}, {}),
        (404, {"error": {"details": "text"}}, {}),
        (404, ["UNREGISTERED"], {}),
        refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
        refusal(403, "PERMISSION_DENIED"),
        refusal(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        refusal(503, "UNAVAILABLE", "UNAVAILABLE"),
        refusal(500, "INTERNAL", "INTERNAL"),
        (302, None, {"Location": "http://127.0.0.1:1/"}),
    ],
)
def test_what_is_not_the_devices_fault_keeps_it_and_is_tried_again(
    channel: PushChannel, fcm: FakeFcm, user: User, answer: tuple[int, object, dict[str, str]]
) -> None:
    place(user, TOKEN)
    drain_token(channel, fcm)
    fcm.faults.append(answer)
    [outcome] = drain(channel)
    assert outcome.kind == "retry"
    assert str(answer[0]) in str(outcome.error)
    assert len(notifications.list_devices(user)) == 1
    [row] = rows()
    assert (row.status, row.attempts, row.lease_owner) == ("pending", 1, None)
    make_due(PushMessage)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]


def drain_token(channel: PushChannel, fcm: FakeFcm) -> None:
    """Have the access token fetched, so that the next fault meets the message."""
    channel._sender._access()  # type: ignore[attr-defined]
    assert fcm.grants


def test_a_device_of_another_project_is_kept(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    fcm.foreign.add(TOKEN)
    place(user, TOKEN)
    assert [outcome.kind for outcome in drain(channel)] == ["retry"]
    assert len(notifications.list_devices(user)) == 1


def test_a_message_that_fcm_does_not_understand_has_failed(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN)
    drain_token(channel, fcm)
    fcm.faults.append(refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.data"))
    assert [outcome.kind for outcome in drain(channel)] == ["failed"]
    assert [row.status for row in rows()] == ["failed"]
    assert len(notifications.list_devices(user)) == 1


def test_retry_after_is_honoured(channel: PushChannel, fcm: FakeFcm, user: User) -> None:
    place(user, TOKEN)
    drain_token(channel, fcm)
    fcm.faults.append(refusal(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="7200"))
    before = clock.now()
    drain(channel)
    [row] = rows()
    assert row.next_attempt_at >= before + timedelta(hours=2)


def test_lost_connections_and_a_dead_token_endpoint_are_tried_again(
    channel: PushChannel,
    fcm: FakeFcm,
    user: User,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway, "PAUSE_SECONDS", 0)
    place(user, TOKEN)
    for fault in ("drop", (400, {"error": "invalid_grant"}, {}), (200, {}, {})):
        fcm.faults.append(fault)
        assert [outcome.kind for outcome in drain(channel)] == ["retry"]
        make_due(PushMessage)
    drain_token(channel, fcm)
    fcm.faults.append("drop")
    assert [outcome.kind for outcome in drain(channel)] == ["retry"]
    make_due(PushMessage)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    assert "PRIVATE KEY" not in caplog.text
    assert TOKEN not in caplog.text


def test_who_waits_for_an_access_token_does_not_wait_in_line(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN, *[f"device {n}".replace(" ", "-") for n in range(5)])
    fcm.faults.extend([(400, {"error": "invalid_grant"}, {})] * 6)
    assert [outcome.kind for outcome in drain(channel)] == ["retry"] * 6
    assert fcm.requests == 1


def test_it_is_given_up_after_the_last_attempt(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN)
    drain_token(channel, fcm)
    for attempt in range(1, len(SCHEDULE) + 1):
        fcm.faults.append(refusal(503, "UNAVAILABLE", "UNAVAILABLE"))
        before = clock.now()
        drain(channel)
        [row] = rows()
        assert row.attempts == attempt
        if attempt < len(SCHEDULE):
            wait = row.next_attempt_at - before
            assert SCHEDULE[attempt] * 0.8 <= wait <= SCHEDULE[attempt] * 1.2 + timedelta(minutes=1)
            make_due(PushMessage)
    assert (row.status, row.last_error) == ("failed", "FCM answered 503 UNAVAILABLE")
    assert counts() == {("push", "retry"): len(SCHEDULE) - 1, ("push", "failed"): 1}


def test_without_a_project_there_is_a_line_in_the_log(
    app: Flask, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    order = place(user, TOKEN)
    with caplog.at_level(logging.INFO, "bookstore.push"):
        drain(PushChannel(settings()))
    [record] = [found for found in caplog.records if found.name == "bookstore.push"]
    assert f"Order {order.number} received" in record.getMessage()
    assert vars(record)["device_id"] == notifications.list_devices(user)[0].id
    assert TOKEN not in str(vars(record))
    line = (settings().bookstore_home / "logs" / "push.log").read_text().splitlines()[-1]
    assert f"device={vars(record)['device_id']} Order {order.number} received: Thank you!" in line
    assert TOKEN not in line
    assert [row.status for row in rows()] == ["succeeded"]


def test_a_device_that_goes_while_its_message_is_on_the_way(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN)
    with unit_of_work() as session:
        works = channel.claim(session, OWNER, 10, {})
    notifications.remove_device(user, notifications.list_devices(user)[0].id)
    done = [(work, channel.send(work)) for work in works]
    with unit_of_work() as session:
        assert channel.finish(session, OWNER, done).counts == {}
    assert rows() == []


def test_a_token_that_moves_takes_no_messages_along(
    channel: PushChannel, fcm: FakeFcm, user: User
) -> None:
    place(user, TOKEN)
    other = make_user("bob")
    notifications.add_device(other, TOKEN, "ios")
    drain(channel)
    assert fcm.messages == []
    order = place(other)
    orders.advance(SYSTEM, order.id, "processing")
    drain(channel)
    assert [message["data"]["user_id"] for message in fcm.messages] == [str(other.id)] * 2
