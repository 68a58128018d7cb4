"""What readers say."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.accounts import User
from bookstore.models.catalog import Book
from bookstore.models.types import BigId, UTCDateTime


class Review(Model):
    """One reader's rating (1 to 5) and words on one book."""

    __tablename__ = "reviews"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    rating: Mapped[int]
    title: Mapped[str] = mapped_column(String(200), default="")
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now, onupdate=clock.now)

    book: Mapped[Book] = relationship()
    user: Mapped[User] = relationship()

    __table_args__ = (
        UniqueConstraint("book_id", "user_id"),
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
        Index("ix_reviews_book_id_id", "book_id", "id"),
    )

    def __repr__(self) -> str:
        return f"<Review {self.id} book {self.book_id}: {self.rating}/5 by user {self.user_id}>"
