"""Writing the audit log: what staff does is noted in the transaction that does it.

An entry point says that somebody acts (``acting``); no service has to. The first transaction inside
that writes something takes the entry with it, so that neither is ever there without the other, and
what was refused, or changed nothing, leaves none.

What it is about: the id in the address, if there is one; else the one thing that was written.
Personal data and secrets have no place in it: of what was sent it keeps the names of the fields,
and the values of the few in ``VALUES``.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import insert, inspect, update
from sqlalchemy.orm import Session

from bookstore import clock, logs
from bookstore.models import AuditEntry
from bookstore.services.actors import SYSTEM, Acting
from bookstore.unit_of_work import witness, witness_from_now_on, witnessed

Target = tuple[str, str | None]
"""(kind, id): a table's name in the singular, and the row's key."""

# Fields of which the value is kept too: none is a text that people write.
VALUES = frozenset({"status", "is_active", "price", "amount", "percent", "restock", "kind"})
# Tables of things that staff looks after; the others go along with them.
_THINGS = {
    "api_keys": "api_key",
    "authors": "author",
    "books": "book",
    "categories": "category",
    "coupons": "coupon",
    "jobs": "job",
    "orders": "order",
    "price_updates": "price_update",
    "publishers": "publisher",
    "refunds": "refund",
    "reviews": "review",
    "shipping_methods": "shipping_method",
    "tax_rates": "tax_rate",
    "users": "user",
    "webhook_endpoints": "webhook_endpoint",
}
_FIELD = re.compile(r"[a-z][A-Za-z0-9_]{0,39}")
_MANY = 50


class Act:
    """Something that somebody with staff rights is doing: the ``Witness`` that notes it.

    ``always``: every transaction is an act of its own, as those typed into a shell are.
    """

    def __init__(
        self,
        actor: Acting,
        action: str,
        *,
        address: str | None = None,
        target: Target | None = None,
        detail: Callable[[], dict[str, Any]] = dict,
        always: bool = False,
    ) -> None:
        self.actor, self.action, self.address = actor, action, address
        self.target, self._detail, self._always = target, detail, always
        self._found: dict[Target, None] = {}
        self._written = self._done = False

    def written(self, rows: Iterable[object]) -> None:
        """Note which things are written."""
        for row in rows:
            kind = _THINGS.get(getattr(type(row), "__tablename__", ""))
            if kind is not None:
                [key] = inspect(row).mapper.primary_key_from_instance(row)
                self._found[kind, str(key)] = None

    def before_commit(self, session: Session) -> None:
        """Write the entry, once."""
        if self._done:
            return
        kind, key = self.target or self._the_one() or (None, None)
        session.execute(
            insert(AuditEntry).values(
                at=clock.now(),
                actor=self.actor.label,
                user_id=self.actor.id,
                key_id=getattr(self.actor, "key_id", None),
                action=self.action,
                target_kind=kind,
                target_id=key,
                request_id=logs.request_id.get(),
                address=self.address,
                detail=self._detail(),
            )
        )
        self._written = True

    def after_commit(self) -> None:
        """The entry stands."""
        self._done = self._done or (self._written and not self._always)
        self._written = False
        self._found.clear()

    def after_rollback(self) -> None:
        """There is no entry yet."""
        self._written = False
        self._found.clear()

    def _the_one(self) -> Target | None:
        """Return the first kind of thing that was written: which one, or none when there are many.

        An order comes before the books whose stock it moves.
        """
        kinds = [kind for kind, _ in self._found]
        if not kinds:
            return None
        return next(iter(self._found)) if kinds.count(kinds[0]) == 1 else (kinds[0], None)


def acting(actor: Acting, action: str, **more: Any) -> AbstractContextManager[None]:
    """Have it noted that ``actor`` does ``action``, if that writes anything; see ``Act``."""
    return witnessed(Act(actor, action, **more))


def in_shell() -> None:
    """Have every transaction noted that is committed from now on, by whatever code."""
    witness_from_now_on(Act(SYSTEM, "shell", always=True))


def note_each(
    session: Session,
    actor: Acting,
    action: str,
    kind: str,
    details: Mapping[int, dict[str, Any]],
) -> None:
    """Note in the present transaction what was done to many things, an entry each.

    Args:
        session: of the transaction.
        actor: who did it.
        action: such as ``price_updates.apply``.
        kind: of things, as in ``Target``.
        details: a thing's key → detail.
    """
    if not details:
        return
    same = {
        "at": clock.now(),
        "actor": actor.label,
        "user_id": actor.id,
        "key_id": getattr(actor, "key_id", None),
        "action": action,
        "target_kind": kind,
        "request_id": logs.request_id.get(),
        "address": None,
    }
    session.execute(
        insert(AuditEntry),
        [{**same, "target_id": str(key), "detail": told} for key, told in details.items()],
    )


def about(kind: str, key: int | str) -> None:
    """Say what the present act is about, where the rows that are written do not."""
    present = witness()
    if isinstance(present, Act):
        present.target = (kind, str(key))


def fields(given: Mapping[str, Any], keep: frozenset[str] = VALUES) -> dict[str, Any]:
    """Return the detail of what was sent: ``fields``, their names, and some of their values."""
    names = sorted(name for name in given if _FIELD.fullmatch(name))[:_MANY]
    kept = {
        name: given[name]
        for name in names
        if name in keep and (isinstance(given[name], bool | int) or _is_short(given[name]))
    }
    return {"fields": names, **kept} if names else {}


def forget(session: Session, user_id: int) -> None:
    """Blot out where a user acted from, as part of the account's end. What was done stays."""
    session.execute(
        update(AuditEntry)
        .where(AuditEntry.user_id == user_id, AuditEntry.address.is_not(None))
        .values(address=None)
        .execution_options(synchronize_session=False)
    )
    present = witness()
    if isinstance(present, Act) and present.actor.id == user_id:
        present.address = None


def _is_short(value: object) -> bool:
    # Printable: PostgreSQL takes no NUL, and whoever reads the log no newline.
    return isinstance(value, str) and len(value) <= 40 and value.isprintable()
