"""What staff sees first: how sales go, what needs somebody, what waits to leave the shop.

Nothing here takes longer the more the shop has sold: sales are read from sums, counts stop at
``metrics.MOST``.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, func, literal_column, select

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import Book, Order, Refund, WebhookDelivery
from bookstore.models.catalog import LOW_STOCK
from bookstore.models.outbox import is_failed
from bookstore.services import metrics, reports
from bookstore.services.actors import Acting, require_staff

DAYS = 30


@dataclass(frozen=True, slots=True)
class Board:
    """The figures of one moment; amounts in minor units of the shop's currency.

    ``days`` and ``top_books`` are of the last ``DAYS`` days, as ``reports`` has them; ``carts`` is
    what ``reports.abandoned_sum`` returns; ``waiting`` has what needs somebody, by its name in
    ``_waiting`` (refunds that failed are of these days too); ``figures`` is how the machinery does.
    """

    days: list[dict[str, Any]]
    top_books: list[dict[str, Any]]
    carts: dict[str, int]
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
        reports.abandoned_sum(actor),
        _waiting(),
        figures,
    )


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
