"""What staff sees first: how sales go, what needs somebody, what waits to leave the shop.

Nothing here takes longer the more the shop has sold: sales are read from sums, counts stop at
``metrics.MOST``. What is in carts nobody comes back to is added up once in ``KEPT``, for all who
look.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Integer, func, literal_column, select

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways import cache
from bookstore.models import Book, Order, Refund, WebhookDelivery
from bookstore.models.catalog import LOW_STOCK
from bookstore.models.outbox import is_failed
from bookstore.services import metrics, reports
from bookstore.services.actors import Acting, require_staff

DAYS = 30
KEPT = timedelta(minutes=1)
_NAMESPACE, _CARTS = "dashboard", "carts"


@dataclass(frozen=True, slots=True)
class Board:
    """The figures of one moment; amounts in minor units of the shop's currency.

    ``days`` and ``top_books`` are of the last ``DAYS`` days, as ``reports`` has them; ``carts`` is
    what ``reports.abandoned_sum`` returned at ``carts_at``, not longer ago than ``KEPT``;
    ``waiting`` has what needs somebody, by its name in ``_waiting`` (refunds that failed are of
    these days too); ``figures`` is how the machinery does.
    """

    days: list[dict[str, Any]]
    top_books: list[dict[str, Any]]
    carts: dict[str, int]
    carts_at: datetime
    waiting: dict[str, int]
    figures: metrics.Figures

    @property
    def orders(self) -> int:
        """Orders of these days, paid or not."""
        return sum(day["orders"] for day in self.days)

    @property
    def revenue(self) -> int:
        """What came in for them, less what went back."""
        return sum(day["revenue"] for day in self.days)


def collect(actor: Acting) -> Board:
    """Return the figures as they stand (staff)."""
    require_staff(actor)
    # First, since it reads anew whatever was read before.
    figures = metrics.collect()
    today = clock.today()
    start = today - timedelta(days=DAYS - 1)
    return Board(
        reports.by_day(actor, start, today),
        reports.top_books(actor, start, today),
        *_carts(actor),
        _waiting(),
        figures,
    )


def _carts(actor: Acting) -> tuple[dict[str, int], datetime]:
    """Return what is in carts nobody comes back to, and as of when.

    It takes the longest of all that is here, open pages ask every 20 seconds, and it is right a day
    late as well.
    """
    found, now = cache.look(_NAMESPACE, _CARTS), clock.now()
    if found is not None and found.value is not None:
        told = orjson.loads(found.value)
        at = datetime.fromisoformat(told["at"])
        if timedelta(0) <= now - at < KEPT:
            return told["carts"], at
    carts = reports.abandoned_sum(actor)
    if found is not None:
        seconds = int(KEPT.total_seconds())
        kept = orjson.dumps({"at": now, "carts": carts})
        cache.put(_NAMESPACE, found.version, _CARTS, kept, seconds)
    return carts, now


def _waiting() -> dict[str, int]:
    # As the index has it: given as a parameter it would not be used.
    few = Book.stock <= literal_column(str(LOW_STOCK), Integer())
    counts = {
        "review": _count(Order.payment_status == "review"),
        "unpaid": _count(Order.status == "pending"),
        "to_send": _count(Order.status == "processing"),
        "refunds_failed": _count(
            Refund.created_at >= clock.now() - timedelta(days=DAYS), Refund.status == "failed"
        ),
        "deliveries_failed": _count(is_failed(WebhookDelivery)),
        "low_stock": _count(few, Book.status == "available"),
    }
    row = db.session.execute(select(*(each.label(name) for name, each in counts.items()))).one()
    return dict(row._mapping)


def _count(*conditions: ColumnElement[bool]) -> Any:
    some = select(literal_column("1")).where(*conditions).limit(metrics.MOST).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
