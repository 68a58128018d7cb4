"""Which books go with which, as found by the last fit.

A fit writes its pairs beside those of the fit before. Nobody reads them until it is current, which
one row says; so a reader sees all of a fit or nothing.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

STATES = ("running", "current", "replaced", "failed")


class RecommendationFit(Model):
    """One run over orders and ratings; at most one runs and one is current.

    ``method`` is how it was done, ``readers``, ``books`` and ``pairs`` are how many it was made of
    and has made; ``ratings`` are those of a file, which the shop has not itself.
    """

    __tablename__ = "recommendation_fits"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    state: Mapped[str] = mapped_column(String(20), default="running")
    method: Mapped[str] = mapped_column(String(20))
    readers: Mapped[int] = mapped_column(BigId, default=0)
    books: Mapped[int] = mapped_column(BigId, default=0)
    pairs: Mapped[int] = mapped_column(BigId, default=0)
    ratings: Mapped[int] = mapped_column(BigId, default=0)
    # Which process does it, or did.
    owner: Mapped[str | None] = mapped_column(String(32))
    started_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    finished_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    __table_args__ = (
        CheckConstraint(f"state IN {STATES}", name="state"),
        Index(
            "uq_recommendation_fits_running",
            "state",
            unique=True,
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
        Index(
            "uq_recommendation_fits_current",
            "state",
            unique=True,
            postgresql_where=text("state = 'current'"),
            sqlite_where=text("state = 'current'"),
        ),
    )

    def __repr__(self) -> str:
        return f"<RecommendationFit {self.id} {self.method} {self.state}>"


class BookNeighbour(Model):
    """Who has ``book_id`` may want ``neighbour_id``; the higher the score, the more; rank 1 first.

    Books are not referred to: one that is deleted is simply not found when it is shown.
    """

    __tablename__ = "book_neighbours"

    fit_id: Mapped[int] = mapped_column(
        ForeignKey("recommendation_fits.id", ondelete="CASCADE"), primary_key=True
    )
    book_id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=False)
    rank: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    neighbour_id: Mapped[int] = mapped_column(BigId)
    # Millionths: sums are the same on every database.
    score: Mapped[int]

    __table_args__ = (CheckConstraint("rank >= 1", name="rank"),)

    def __repr__(self) -> str:
        return f"<BookNeighbour {self.book_id} -> {self.neighbour_id}, {self.score}>"
