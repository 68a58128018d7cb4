"""What was sold, summed up by day and by book, so that a report need not read all orders.

Whoever changes an order, a payment or a refund adds rows to ``sales_changes``, in the same
transaction; nobody waits for anybody. Now and then they are folded into the sums. What is true at
a moment is the sums and the changes together (``services/sales_sums.py``).

Days are those of the orders, in UTC; amounts are in minor units of ``currency``.
"""

from datetime import date

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore.extensions import Model
from bookstore.models.types import BigId


class SalesChange(Model):
    """What is to be added: with a book to ``book_days``, without to ``sales_days``."""

    __tablename__ = "sales_changes"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    day: Mapped[date]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(20), default="", server_default="")
    book_id: Mapped[int | None] = mapped_column(BigId)
    orders: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    paid: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    copies: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))
    amount: Mapped[int] = mapped_column(BigId, default=0, server_default=text("0"))

    def __repr__(self) -> str:
        return f"<SalesChange {self.id} of {self.day}>"


class SalesDay(Model):
    """A day's orders by status; and, where ``status`` is empty, its money.

    ``paid``: orders that any money came in for, in this currency. ``amount``: what came in less
    what went back.
    """

    __tablename__ = "sales_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    status: Mapped[str] = mapped_column(String(20), primary_key=True)
    orders: Mapped[int] = mapped_column(BigId, default=0)
    paid: Mapped[int] = mapped_column(BigId, default=0)
    amount: Mapped[int] = mapped_column(BigId, default=0)

    def __repr__(self) -> str:
        return f"<SalesDay {self.day} {self.currency} {self.status}>"


class BookDay(Model):
    """A day's copies of a book in orders that count as sold, and what they cost."""

    __tablename__ = "book_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    book_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    copies: Mapped[int] = mapped_column(BigId)
    amount: Mapped[int] = mapped_column(BigId)

    __table_args__ = (Index("ix_book_days_book_id_day", "book_id", "day"),)

    def __repr__(self) -> str:
        return f"<BookDay {self.day} {self.currency} {self.book_id}>"


class BookTotal(Model):
    """The sum of a book's days."""

    __tablename__ = "book_totals"

    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    book_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    copies: Mapped[int] = mapped_column(BigId)
    amount: Mapped[int] = mapped_column(BigId)

    __table_args__ = (Index("ix_book_totals_copies", "currency", "copies"),)

    def __repr__(self) -> str:
        return f"<BookTotal {self.currency} {self.book_id}>"
