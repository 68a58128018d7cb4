"""Mail: the channel by which ``Email`` rows leave; each is written when it is sent."""

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import timedelta
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.orm import Session, selectinload

from bookstore import clock
from bookstore.config import Settings
from bookstore.extensions import settings
from bookstore.gateways import mail as gateway
from bookstore.gateways.mail import Mail, MailError
from bookstore.models import Email, Order, User
from bookstore.services import (
    batches,
    email_rendering,
    email_verification,
    outgoing_rows,
    password_reset,
)
from bookstore.services.outgoing import Finished, Work
from bookstore.services.outgoing_rows import Outcome

log = logging.getLogger(__name__)

# Those of events go with their event; these nobody misses, and reset links are long over.
LIFETIME = timedelta(days=30)
_BATCH = 1000


def forget_old() -> int:
    """Delete mails that no event caused and that ended long ago, and old files of mails.

    Returns:
        How many, rows and files together.
    """
    over = Email.event_id.is_(None) & (Email.finished_at < clock.now() - LIFETIME)
    some = select(Email.id).where(over).limit(_BATCH)

    def forget(session: Session) -> int:
        return batches.rowcount(session, delete(Email).where(Email.id.in_(some)))

    count = batches.until_fewer(_BATCH, forget)
    sender = gateway.sender(settings())
    return count + (sender.forget(LIFETIME) if isinstance(sender, gateway.Folder) else 0)


class EmailChannel:
    """Mail as a ``Channel`` of the drain loop."""

    name = "email"
    lane_limit = limit = 8

    def __init__(self, settings: Settings) -> None:
        """Choose how mail leaves: by SendGrid, or into files."""
        self._settings = settings
        self._sender = gateway.sender(settings)
        self._from = _mailbox(*parseaddr(settings.mail_from))

    def claim(
        self, session: Session, owner: str, room: int, quota: Mapping[Hashable, int]
    ) -> Sequence[Work]:
        """Lease due mails and write them; who has left, and what cannot be written, is done."""
        del quota  # one lane, so ``room`` says it all

        def write(ids: list[int]) -> Iterable[tuple[int, Mail | Outcome]]:
            return ((email.id, self._write(email, order)) for email, order in _load(session, ids))

        return outgoing_rows.claim(session, Email, owner, room, self.name, write)

    def send(self, work: Work) -> Outcome:
        """Send one mail."""
        try:
            self._sender.send(work.payload)
        except MailError as error:
            return Outcome("failed" if error.final else "retry", str(error), error.wait)
        except Exception as error:
            # What nobody thought of must not end the loop; its text might quote the mail.
            log.exception("mail not sent", extra={"email_id": work.id})
            return Outcome("retry", f"unexpected {type(error).__name__}")
        return Outcome("succeeded")

    def finish(
        self, session: Session, owner: str, done: Sequence[tuple[Work, Outcome]]
    ) -> Finished:
        """Write down how mails went."""
        return Finished(outgoing_rows.finish(session, Email, owner, done))

    def release(self, session: Session, owner: str, unsent: Sequence[Work]) -> None:
        """Give mails back that were not tried."""
        outgoing_rows.release(session, Email, owner, unsent)

    def leave(self, session: Session, owner: str) -> None:
        """Do nothing: rows are all that a worker holds of this channel."""

    def _write(self, email: Email, order: Order | None) -> Mail | Outcome:
        user = email.user
        if not user.is_active:
            return Outcome("skipped", "the account is gone")
        try:
            context = self._context(email, order)
            words = email_rendering.render(email.template, context)
            made = email.created_at
            return Mail(
                # The same for one row at every attempt, so that programs show it once.
                message_id=f"{email.id}.{made:%Y%m%d%H%M%S%f}@{self._from.domain}",
                name=email.template,
                created_at=made,
                sender=self._from,
                # The old address, when that is told of a new one.
                to=_mailbox(context["name"], email.data.get("to", user.email)),
                subject=words.subject,
                text=words.text,
                html=words.html,
                traceparent=None if email.event is None else email.event.traceparent,
            )
        except Exception as error:
            log.exception("mail cannot be written", extra={"email_id": email.id})
            return Outcome("failed", f"cannot be written: {type(error).__name__}: {error}")

    def _context(self, email: Email, order: Order | None) -> dict[str, Any]:
        user, shop_url = email.user, self._settings.shop_url
        data = _data(email)
        context: dict[str, Any] = {
            "shop": self._from.display_name or "Bookstore",
            "shop_url": shop_url,
            "name": email_rendering.one_line(f"{user.first_name} {user.last_name}"),
            "data": data,
        }
        if order is not None:
            context["order"] = email_rendering.order_context(order, shop_url)
        if email.template == "order_refunded":
            context["refunded"] = data["refunded_amount"]
        if make := _LINKS.get(email.template):
            context["username"] = user.username
            context |= make(user, shop_url)
        if email.template == email_verification.CHANGED_TEMPLATE:
            context["username"] = user.username
        return context


def _reset_link(user: User, shop_url: str) -> dict[str, Any]:
    return {
        "minutes": int(password_reset.LIFETIME.total_seconds() // 60),
        # Behind the #: browsers send that part to nobody.
        "reset_url": f"{shop_url}/reset-password#{password_reset.make_token(user)}",
    }


def _verify_link(user: User, shop_url: str) -> dict[str, Any]:
    return {
        "days": email_verification.LIFETIME.days,
        "verify_url": f"{shop_url}/verify-email#{email_verification.make_token(user)}",
    }


_LINKS = {password_reset.TEMPLATE: _reset_link, email_verification.TEMPLATE: _verify_link}


def _load(session: Session, ids: list[int]) -> list[tuple[Email, Order | None]]:
    """Return these mails with their order, in two or three statements."""
    emails = session.scalars(
        select(Email)
        .options(selectinload(Email.user), selectinload(Email.event))
        .where(Email.id.in_(ids))
        .order_by(Email.id)
        .execution_options(populate_existing=True)
    ).all()
    of = {
        email.id: email.event.aggregate_id
        for email in emails
        if email.event is not None and email.event.aggregate == "order"
    }
    found = session.scalars(
        select(Order).options(selectinload(Order.items)).where(Order.id.in_(of.values()))
    )
    orders = {order.id: order for order in found}
    return [(email, orders.get(of.get(email.id, 0))) for email in emails]


def _data(email: Email) -> dict[str, Any]:
    told = {} if email.event is None else orjson.loads(email.event.body)["data"]
    return {**told, **email.data}


def _mailbox(name: str, address: str) -> Address:
    # Not by ``addr_spec``, which refuses the letters beyond ASCII that addresses may have.
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)
