"""Each row of mail becomes one mail, and what stands in its way is written down."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import Email
from bookstore.services import draining
from bookstore.services.emails import EmailChannel
from bookstore.services.outgoing_rows import Outcome
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_user
from tests.services.draining import counts, drain, make_due
from tests.services.mailing import into, mails, place

RETRY = Outcome("retry", "late")


@pytest.fixture
def channel(app: Flask, tmp_path: Path) -> EmailChannel:
    return into(tmp_path)


def test_a_mail_sent_twice_is_one_file(channel: EmailChannel, tmp_path: Path) -> None:
    place(make_user("ann"))
    with unit_of_work() as session:
        [work] = channel.claim(session, "a worker that dies", 10, {})
    assert channel.send(work).kind == "succeeded"
    first = mails(tmp_path)[0]["Message-ID"]
    make_due(Email)  # its lease has run out
    drain(channel)
    assert [mail["Message-ID"] for mail in mails(tmp_path)] == [first]
    # Should it wake up after all, what it says counts no more.
    with unit_of_work() as session:
        assert channel.finish(session, "a worker that dies", [(work, RETRY)]).counts == {}
    assert db.session.scalars(select(Email)).one().status == "succeeded"


def test_files_sort_by_time(channel: EmailChannel, tmp_path: Path) -> None:
    user = make_user("ann")
    numbers = [place(user).number for _ in range(3)]
    drain(channel)
    assert [mail["Subject"].split()[-1] for mail in mails(tmp_path)] == numbers


def test_a_folder_that_cannot_be_written_is_tried_again(
    channel: EmailChannel, tmp_path: Path
) -> None:
    place(make_user("ann"))
    (tmp_path / "mail").write_text("in the way")
    [outcome] = drain(channel)
    assert outcome.kind == "retry"
    (tmp_path / "mail").unlink()
    make_due(Email)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    assert len(mails(tmp_path)) == 1


def test_a_mail_that_cannot_be_written_has_failed_and_stops_no_other(
    channel: EmailChannel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    user = make_user("ann")
    with unit_of_work() as session:
        session.add(Email(user_id=user.id, template="no_such_mail", data={}))
        session.add(Email(user_id=user.id, template="endpoint_failing", data={"hours": 1}))
    place(user)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    assert len(mails(tmp_path)) == 1
    rows = db.session.scalars(select(Email).order_by(Email.id)).all()
    assert [row.status for row in rows] == ["failed", "failed", "succeeded"]
    assert "no_such_mail" in str(rows[0].last_error)
    assert "endpoint_id" in str(rows[1].last_error)
    assert caplog.text.count("mail cannot be written") == 2
    assert counts() == {("email", "failed"): 2, ("email", "succeeded"): 1}


def test_more_than_fit_are_left_for_the_next_claim(channel: EmailChannel) -> None:
    user = make_user("ann")
    for _ in range(3):
        place(user)
    with unit_of_work() as session:
        first = channel.claim(session, "one", 2, {})
    with unit_of_work() as session:
        second = channel.claim(session, "two", 2, {})
    ids = [work.id for work in (*first, *second)]
    assert (len(first), len(second), len(set(ids))) == (2, 1, 3)
    with unit_of_work() as session:
        channel.release(session, "one", [*first, *second])
    with unit_of_work() as session:
        assert len(channel.claim(session, "three", 9, {})) == 2


def test_the_drain_loop_sends_every_mail_once(channel: EmailChannel, tmp_path: Path) -> None:
    user = make_user("ann")
    orders = {place(user).number for _ in range(30)}
    draining.drain([channel])
    found = mails(tmp_path)
    assert {mail["Subject"].split()[-1] for mail in found} == orders
    assert len(found) == 30
    assert counts() == {("email", "succeeded"): 30}
