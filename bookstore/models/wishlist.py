"""Wishlists."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.accounts import User
from bookstore.models.catalog import Book
from bookstore.models.types import BigId, UTCDateTime


class WishList(Model):
    """One a user."""

    __tablename__ = "wishlists"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    user: Mapped[User] = relationship(back_populates="wishlist")
    items: Mapped[list["WishListItem"]] = relationship(
        back_populates="wishlist",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="WishListItem.id",
    )

    def __repr__(self) -> str:
        return f"<WishList {self.id} of user {self.user_id}>"


class WishListItem(Model):
    """A book somebody wants, and why."""

    __tablename__ = "wishlist_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    wishlist_id: Mapped[int] = mapped_column(ForeignKey("wishlists.id", ondelete="CASCADE"))
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    notes: Mapped[str] = mapped_column(Text, default="")
    added_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    wishlist: Mapped[WishList] = relationship(back_populates="items")
    book: Mapped[Book] = relationship()

    __table_args__ = (UniqueConstraint("wishlist_id", "book_id"),)

    def __repr__(self) -> str:
        return f"<WishListItem book {self.book_id} in wishlist {self.wishlist_id}>"
