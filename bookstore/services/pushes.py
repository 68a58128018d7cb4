"""Push messages: the channel by which ``PushMessage`` rows leave."""

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from bookstore.config import Settings
from bookstore.gateways import push as gateway
from bookstore.gateways.push import Push, PushError
from bookstore.models import Device, Event, PushMessage
from bookstore.services import event_words, outgoing_rows
from bookstore.services.event_types import TYPES
from bookstore.services.outgoing import Finished, Work
from bookstore.services.outgoing_rows import Outcome

log = logging.getLogger(__name__)

# How a message ends whose device is gone.
GONE = Outcome("failed", "the device takes no more messages")


class PushChannel:
    """Push messages as a ``Channel`` of the drain loop."""

    name = "push"
    lane_limit = limit = 16

    def __init__(self, settings: Settings) -> None:
        """Choose how they leave: by FCM, or into the log."""
        self._sender = gateway.sender(settings)

    def claim(
        self, session: Session, owner: str, room: int, quota: Mapping[Hashable, int]
    ) -> Sequence[Work]:
        """Lease due messages; what cannot be written is done."""
        del quota  # one lane, so ``room`` says it all

        def write(ids: list[int]) -> Iterable[tuple[int, Push | Outcome]]:
            return ((row.id, _write(row)) for row in _load(session, ids))

        return outgoing_rows.claim(session, PushMessage, owner, room, self.name, write)

    def send(self, work: Work) -> Outcome:
        """Send one message."""
        try:
            self._sender.send(work.payload)
        except PushError as error:
            if error.gone:
                return GONE
            return Outcome("failed" if error.final else "retry", str(error), error.wait)
        except Exception as error:
            # What nobody thought of must not end the loop; its text might quote the token.
            log.error("push not sent", extra={"id": work.id, "why": type(error).__name__})
            return Outcome("retry", f"unexpected {type(error).__name__}")
        return Outcome("succeeded")

    def finish(
        self, session: Session, owner: str, done: Sequence[tuple[Work, Outcome]]
    ) -> Finished:
        """Write down how messages went, and forget devices that are gone."""
        gone = {work.payload.token for work, outcome in done if outcome is GONE}
        dead = Device.token.in_(gone)
        if gone:
            # Before the messages: who deletes a device locks it, and then its messages.
            session.execute(select(Device.id).where(dead).order_by(Device.id).with_for_update())
        counts = outgoing_rows.finish(session, PushMessage, owner, done)
        if gone:
            session.execute(delete(Device).where(dead).execution_options(synchronize_session=False))
        return Finished(counts)

    def release(self, session: Session, owner: str, unsent: Sequence[Work]) -> None:
        """Give messages back that were not tried."""
        outgoing_rows.release(session, PushMessage, owner, unsent)

    def leave(self, session: Session, owner: str) -> None:
        """Do nothing: rows are all that a worker holds of this channel."""


def _load(session: Session, ids: list[int]) -> Sequence[PushMessage]:
    return session.scalars(
        select(PushMessage)
        .options(joinedload(PushMessage.device), joinedload(PushMessage.event))
        .where(PushMessage.id.in_(ids))
        .order_by(PushMessage.id)
        .execution_options(populate_existing=True)
    ).all()


def _write(row: PushMessage) -> Push | Outcome:
    try:
        return _message(row.event, row.device)
    except Exception as error:
        log.exception("push cannot be written", extra={"id": row.id})
        return Outcome("failed", f"cannot be written: {type(error).__name__}: {error}")


def _message(event: Event, device: Device) -> Push:
    data: dict[str, Any] = orjson.loads(event.body)["data"]
    title, message = event_words.notice(TYPES[event.type], data)
    shown = {"event_id": event.public_id, "event_type": event.type, **data}
    texts = {name: str(value) for name, value in shown.items() if value is not None}
    return Push(device.id, device.token, title, message, texts, event.traceparent)
