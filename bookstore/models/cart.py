"""Carts: a user's, or a guest's that is known by a token."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bookstore import clock
from bookstore.extensions import Model
from bookstore.models.accounts import User
from bookstore.models.catalog import Book
from bookstore.models.types import BigId, UTCDateTime

MAX_QUANTITY = 999
MAX_LINES = 200


class ShoppingCart(Model):
    """One cart a user, and one a guest token. Prices are the books' own until ordered."""

    __tablename__ = "shopping_carts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(
        ForeignKey("users.id", ondelete="CASCADE"), unique=True
    )
    # SHA-256 of the guest's token: who reads the table cannot take over a cart.
    token_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    # Moved by every write, so that the row's lock orders them.
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    user: Mapped[User | None] = relationship(back_populates="cart")
    items: Mapped[list["CartItem"]] = relationship(
        back_populates="cart",
        cascade="all, delete-orphan",
        passive_deletes=True,
        order_by="CartItem.id",
    )

    __table_args__ = (
        CheckConstraint("(user_id IS NULL) <> (token_hash IS NULL)", name="owner"),
        Index("ix_shopping_carts_updated_at", "updated_at"),
    )

    @property
    def total_items(self) -> int:
        """Copies in the cart, all lines together."""
        return sum(item.quantity for item in self.items)

    @property
    def total_price(self) -> int:
        """Sum of the lines at the books' present prices, in minor units."""
        return sum(item.line_total for item in self.items)

    def __repr__(self) -> str:
        owner = f"user {self.user_id}" if self.user_id else "a guest"
        return f"<ShoppingCart {self.id} of {owner}>"


class CartItem(Model):
    """So many copies of one book in one cart."""

    __tablename__ = "cart_items"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    cart_id: Mapped[int] = mapped_column(ForeignKey("shopping_carts.id", ondelete="CASCADE"))
    book_id: Mapped[int] = mapped_column(ForeignKey("books.id", ondelete="CASCADE"), index=True)
    quantity: Mapped[int] = mapped_column(default=1)
    # The price the buyer last saw, to say so when it has changed; never what is charged.
    seen_price: Mapped[int] = mapped_column(BigId)
    added_at: Mapped[datetime] = mapped_column(UTCDateTime, default=clock.now)

    cart: Mapped[ShoppingCart] = relationship(back_populates="items")
    book: Mapped[Book] = relationship()

    __table_args__ = (
        UniqueConstraint("cart_id", "book_id"),
        CheckConstraint(f"quantity BETWEEN 1 AND {MAX_QUANTITY}", name="quantity"),
    )

    def __init__(self, **values: object) -> None:
        book = values.get("book")
        if isinstance(book, Book):
            values.setdefault("seen_price", book.price)
        super().__init__(**values)

    @property
    def line_total(self) -> int:
        """Quantity times the book's present price, in minor units."""
        return self.quantity * self.book.price

    def __repr__(self) -> str:
        return f"<CartItem {self.quantity} x book {self.book_id} in cart {self.cart_id}>"
