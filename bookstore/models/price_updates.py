"""Many prices changed at once: the file's rows, what became of each, and of all of them."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

# reading → previewed → applying → applied → undoing → undone; without a preview the second is left
# out. failed: the file is none, or nobody reads it any more; nothing was changed.
STATUSES = ("reading", "previewed", "applying", "applied", "undoing", "undone", "failed")
READING, FAILED = "reading", "failed"
# refused: the row is wrong. unchanged: the book has that price. waiting: to be applied. Then
# changed, or (somebody else was quicker) changed_since_preview, or (deleted meanwhile) gone.
# After an undo what was changed is undone, or changed_since_update, or gone.
OUTCOMES = (
    "refused",
    "unchanged",
    "waiting",
    "changed",
    "changed_since_preview",
    "gone",
    "undone",
    "changed_since_update",
)


class PriceUpdate(Model):
    """One file of prices."""

    __tablename__ = "price_updates"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    status: Mapped[str] = mapped_column(String(12), default=READING)
    # Where the file is: a key of the store, None once it was read, or somebody's address, of which
    # the part that may be secret is gone once it was fetched.
    key: Mapped[str | None] = mapped_column(String(200))
    url: Mapped[str | None] = mapped_column(String(2000))
    # Whether it waits, once read, until somebody says that it is to be applied.
    is_preview: Mapped[bool]
    # Of what the file's rows are about: id, isbn or sku.
    named_by: Mapped[str | None] = mapped_column(String(4))
    failure: Mapped[str | None] = mapped_column(String(500))
    actor: Mapped[str] = mapped_column(String(100))
    # The job that works at it, or did so last. No foreign key: jobs are forgotten sooner.
    job_id: Mapped[int | None] = mapped_column(BigId)
    applied_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    undone_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        Index("ix_price_updates_updated_at", "updated_at"),
    )

    def __repr__(self) -> str:
        return f"<PriceUpdate {self.id} {self.status}>"


class PriceUpdateRow(Model):
    """One row of such a file. Prices are in minor units of the shop's currency."""

    __tablename__ = "price_update_rows"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    update_id: Mapped[int] = mapped_column(ForeignKey("price_updates.id", ondelete="CASCADE"))
    # As a spreadsheet counts: the header is row 1.
    row: Mapped[int]
    # What the file calls the book by, and which one it is. No foreign key: the row tells what was
    # done, and outlives its book.
    named: Mapped[str] = mapped_column(String(64))
    book_id: Mapped[int | None] = mapped_column(BigId)
    old_price: Mapped[int | None] = mapped_column(BigId)
    new_price: Mapped[int | None] = mapped_column(BigId)
    outcome: Mapped[str] = mapped_column(String(21))
    # "field: reason" of what was refused.
    reason: Mapped[str | None] = mapped_column(String(300))

    __table_args__ = (
        UniqueConstraint("update_id", "row"),
        CheckConstraint(f"outcome IN {OUTCOMES}", name="outcome"),
        Index("ix_price_update_rows_outcome", "update_id", "outcome", "row"),
    )

    def __repr__(self) -> str:
        return f"<PriceUpdateRow {self.row} of {self.update_id} {self.outcome}>"
