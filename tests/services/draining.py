"""One round of a channel, by hand: what the drain loop does with threads and many rows."""

from collections import Counter
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Email, OutcomeCount, PushMessage
from bookstore.models.outbox import PENDING
from bookstore.services import outgoing_rows
from bookstore.services.outgoing import Channel
from bookstore.unit_of_work import unit_of_work

OWNER = "a worker"


def drain(channel: Channel) -> list[Any]:
    """Claim all that is due, send it, write it down; return the outcomes."""
    with unit_of_work() as session:
        works = channel.claim(session, OWNER, 100, {})
    done = [(work, channel.send(work)) for work in works]
    with unit_of_work() as session:
        counts = channel.finish(session, OWNER, done).counts
        outgoing_rows.count_outcomes(session, channel.name, Counter(counts))
    db.session.expire_all()
    return [outcome for _, outcome in done]


def make_due(table: type[Email] | type[PushMessage]) -> None:
    """Let the time pass until every row is due."""
    with unit_of_work() as session:
        session.execute(update(table).values(next_attempt_at=clock.now()))
    db.session.expire_all()


def counts() -> dict[tuple[str, str], int]:
    """Return how many messages ended how, by channel and outcome."""
    db.session.expire_all()
    return {(row.channel, row.outcome): row.count for row in db.session.query(OutcomeCount)}


def mails_waiting(app: Flask) -> list[str]:
    """Return the templates of mails that are not sent yet (needs no app context)."""
    with app.app_context():
        waiting = select(Email.template).where(Email.status == PENDING).order_by(Email.id)
        return list(db.session.scalars(waiting))
