"""Mail by SendGrid, over real HTTP: what it is sent, and what each of its answers does."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore import clock
from bookstore.extensions import db, settings
from bookstore.gateways import mail as gateway
from bookstore.models import Email, User
from bookstore.services.emails import EmailChannel
from bookstore.services.outgoing_rows import SCHEDULE
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_user
from tests.fakes.sendgrid import KEY, FakeSendGrid, refusal
from tests.services.draining import counts, drain, make_due


@pytest.fixture
def sendgrid() -> Iterator[FakeSendGrid]:
    with FakeSendGrid() as server:
        yield server


@pytest.fixture
def channel(app: Flask, sendgrid: FakeSendGrid) -> EmailChannel:
    return EmailChannel(replace(settings(), sendgrid_api_key=KEY, sendgrid_host=f"{sendgrid.url}/"))


@pytest.fixture
def user(app: Flask) -> User:
    return make_user("ann")


def write(user: User) -> int:
    """Have a mail sent soon; return the row's id."""
    data = {"endpoint_id": 3, "url": "https://x.example/", "failing_since": None, "hours": 24}
    with unit_of_work() as session:
        email = Email(user_id=user.id, template="endpoint_failing", data=data)
        session.add(email)
    return email.id


def the_row() -> Email:
    db.session.expire_all()
    return db.session.scalars(select(Email)).one()


def test_a_mail_is_what_sendgrid_wants(
    channel: EmailChannel, sendgrid: FakeSendGrid, user: User
) -> None:
    write(user)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    [mail] = sendgrid.mails
    assert mail["from"] == {"email": "shop@bookstore.example", "name": "Bookstore"}
    assert mail["personalizations"] == [{"to": [{"email": "ann@example.com"}]}]
    assert mail["subject"] == "Webhook endpoint 3 is failing"
    assert mail["headers"]["Message-ID"] == f"<{mail['custom_args']['message_id']}>"
    assert mail["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}


def test_the_message_id_stays_when_it_is_sent_again(
    channel: EmailChannel, sendgrid: FakeSendGrid, user: User
) -> None:
    write(user)
    sendgrid.faults.append("drop_after")  # it has it, and we do not know
    assert [outcome.kind for outcome in drain(channel)] == ["retry"]
    make_due(Email)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    first, second = (mail["headers"]["Message-ID"] for mail in sendgrid.mails)
    assert first == second


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400, "The subject is required.", "subject"), "failed"),
        (refusal(413, "The payload is too large."), "failed"),
        (refusal(401, "The provided authorization grant is invalid"), "retry"),
        (refusal(403, "The from address does not match a verified Sender Identity."), "retry"),
        (refusal(429, "too many requests"), "retry"),
        (refusal(500, "oops"), "retry"),
        ((503, None, {}), "retry"),
        ((200, {}, {}), "retry"),  # a sandbox: nothing was sent
        ((302, None, {"Location": "http://127.0.0.1:1/"}), "retry"),
        ((400, ["odd"], {}), "failed"),
        ((400, {"errors": ["odd"]}, {}), "failed"),
        ("drop", "retry"),
    ],
)
def test_what_can_heal_is_tried_again(
    channel: EmailChannel,
    sendgrid: FakeSendGrid,
    user: User,
    caplog: pytest.LogCaptureFixture,
    answer: tuple[int, object, dict[str, str]] | str,
    kind: str,
) -> None:
    write(user)
    sendgrid.faults.append(answer)
    [outcome] = drain(channel)
    assert outcome.kind == kind
    row = the_row()
    assert row.status == ("pending" if kind == "retry" else "failed")
    assert row.attempts == 1
    assert row.last_error
    if isinstance(answer, tuple) and answer[0] in {400, 401, 403, 413, 429, 500}:
        told = answer[1]
        if isinstance(told, dict) and isinstance(told["errors"][0], dict):
            assert told["errors"][0]["message"] in row.last_error
    loud = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert bool(loud) == (isinstance(answer, tuple) and answer[0] in {401, 403})
    make_due(Email)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"] * (kind == "retry")


def test_the_key_is_never_told(
    channel: EmailChannel, sendgrid: FakeSendGrid, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    write(user)
    sendgrid.faults.append(refusal(403, f"the key {KEY} may not do that"))
    drain(channel)
    make_due(Email)
    drain(channel)
    assert sendgrid.mails
    assert KEY not in caplog.text + str(the_row().last_error)
    assert "may not do that" in caplog.text + str([vars(record) for record in caplog.records])
    assert not any(KEY in str(vars(record)) for record in caplog.records)


def test_waits_that_are_asked_for(
    channel: EmailChannel, sendgrid: FakeSendGrid, user: User
) -> None:
    write(user)
    hour, day = timedelta(hours=1), timedelta(hours=24)
    now = clock.now()
    for headers, at_least, at_most in (
        ({"Retry_After": "3600"}, hour, 2 * hour),
        ({"Retry_After": "9" * 30}, day, day + hour),
        ({"Retry_After": f"{now + 2 * hour:%a, %d %b %Y %H:%M:%S GMT}"}, hour, 3 * hour),
        ({"X_RateLimit_Reset": str(int(now.timestamp()) + 18_000)}, 4 * hour, 5 * hour),
        ({"X_RateLimit_Reset": "soon"}, 2 * hour, 4 * hour),  # our own: 3 hours
        ({"Retry_After": "soon"}, 6 * hour, 10 * hour),  # and 8
    ):
        sendgrid.faults.append(refusal(429, "too many requests", **headers))
        before = clock.now()
        drain(channel)
        wait = the_row().next_attempt_at - before
        assert at_least <= wait <= at_most, (headers, wait)
        make_due(Email)


def test_a_server_that_hangs_is_left(
    channel: EmailChannel,
    sendgrid: FakeSendGrid,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway, "TIMEOUT_SECONDS", 0.1)
    write(user)
    sendgrid.faults.append("hang")
    [outcome] = drain(channel)
    assert outcome.kind == "retry"
    assert "timed out" in str(outcome.error)


def test_it_is_given_up_after_the_last_attempt(
    channel: EmailChannel, sendgrid: FakeSendGrid, user: User
) -> None:
    write(user)
    for _ in SCHEDULE:
        sendgrid.faults.append(refusal(500, "oops"))
        drain(channel)
        make_due(Email)
    row = the_row()
    assert (row.status, row.attempts) == ("failed", len(SCHEDULE))
    assert row.finished_at is not None
    assert drain(channel) == []
    assert sendgrid.requests == len(SCHEDULE)
    assert counts() == {("email", "retry"): len(SCHEDULE) - 1, ("email", "failed"): 1}


def test_nobody_there(channel: EmailChannel, sendgrid: FakeSendGrid, user: User) -> None:
    write(user)
    nobody = EmailChannel(
        replace(settings(), sendgrid_api_key=KEY, sendgrid_host="http://127.0.0.1:1")
    )
    [outcome] = drain(nobody)
    assert (outcome.kind, "refused" in str(outcome.error)) == ("retry", True)
