"""The stock ledger: every change of ``books.stock`` is a row here, and they always agree."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

# ``reopening``: taken again for an order that was cancelled unpaid and paid after all;
# ``refund``: back on sale with a refund, or because a reopened order was cancelled.
REASONS = ("initial", "adjustment", "order", "cancellation", "reopening", "refund")


class StockMovement(Model):
    """So many copies came (``delta`` > 0) or went (< 0), and why. Never changed or removed."""

    __tablename__ = "stock_movements"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    delta: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20))
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id", ondelete="RESTRICT"))
    actor: Mapped[str] = mapped_column(String(100))
    # Why staff changed it by hand, in their own words.
    note: Mapped[str] = mapped_column(String(200), default="", server_default="")
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    __table_args__ = (
        CheckConstraint("delta <> 0", name="delta"),
        CheckConstraint(f"reason IN {REASONS}", name="reason"),
        Index("ix_stock_movements_book_id_id", "book_id", "id"),
        # Sold once, given back once: the second of either is refused by the database.
        Index(
            "uq_stock_movements_order",
            "order_id",
            "book_id",
            "reason",
            unique=True,
        ),
    )

    def __repr__(self) -> str:
        return f"<StockMovement {self.id} book {self.book_id} {self.delta:+d} {self.reason}>"
