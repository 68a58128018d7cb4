"""Covers that were uploaded and are to become a book's."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.types import BigId, UTCDateTime

CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")
MAX_BYTES = 10 * 1024 * 1024
# superseded: another cover, or none, was wanted before this one was made.
UPLOAD_STATUSES = ("pending", "succeeded", "failed", "superseded")


class CoverUpload(Model):
    """An upload that the shop has accepted: written before the answer, so none is forgotten.

    While it is pending, ``next_attempt_at`` says when somebody may make thumbnails of it; who
    does moves it to when they must be done.
    """

    __tablename__ = "cover_uploads"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    # In the store; it is good for one upload.
    key: Mapped[str] = mapped_column(String(200), unique=True)
    status: Mapped[str] = mapped_column(String(12), default="pending")
    # Why it failed: one of ``cover_images.REASONS``.
    failure: Mapped[str | None] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(100))
    # Those that began; one that cannot be because the store is away does not count.
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=clock.now)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    __table_args__ = (
        CheckConstraint(f"status IN {UPLOAD_STATUSES}", name="status"),
        Index("ix_cover_uploads_book_id_id", "book_id", "id"),
        Index(
            "ix_cover_uploads_due",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
            sqlite_where=text("next_attempt_at IS NOT NULL"),
        ),
    )

    def __repr__(self) -> str:
        return f"<CoverUpload {self.id} of book {self.book_id} {self.status}>"
