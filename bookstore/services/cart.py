"""Carts. Every write starts by locking the cart's row, so writes to one cart queue up."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session, aliased

from bookstore import clock, errors
from bookstore.extensions import db, settings
from bookstore.models import Author, Book, CartItem, ShoppingCart
from bookstore.models.cart import MAX_LINES, MAX_QUANTITY
from bookstore.services import catalog, pricing
from bookstore.services.actors import Acting
from bookstore.services.pricing import Line, Quote
from bookstore.services.sql import upsert
from bookstore.unit_of_work import unit_of_work


@dataclass(frozen=True, slots=True)
class Written:
    """A cart after a write; ``token`` is set when this write opened a guest's cart."""

    cart: dict[str, Any]
    token: str | None = None


def get(actor: Acting) -> dict[str, Any]:
    """Return the actor's cart (one statement); empty when there is none yet.

    Returns:
        items [{book, quantity, unit_price, line_total, price_changed_from}], coupon, subtotal,
        total_items, currency; amounts in minor units.
    """
    return _view(_rows(db.session(), _owned_by(actor)))


def add_item(actor: Acting, book_id: int, quantity: int = 1) -> Written:
    """Add copies of a book; again adds up.

    Raises:
        NotFound: there is no such book.
        BookUnavailable, OutOfStock: it cannot be bought now.
        QuantityLimit, CartLimit: more than a cart holds.
    """
    with unit_of_work() as session:
        cart_id, token = _open(session, actor)
        put_copies(session, cart_id, book_id, quantity)
        return Written(_view(_rows(session, ShoppingCart.id == cart_id)), token)


def set_quantity(actor: Acting, book_id: int, quantity: int) -> dict[str, Any]:
    """Set the copies of a book that is in the cart.

    Raises:
        NotFound: it is not in the cart.
    """
    with unit_of_work() as session:
        cart_id = _lock(session, actor)
        price = select(Book.price).where(Book.id == book_id).scalar_subquery()
        done = session.execute(
            update(CartItem)
            .where(CartItem.cart_id == cart_id, CartItem.book_id == book_id)
            .values(quantity=quantity, seen_price=price)
            .returning(CartItem.id)
            .execution_options(synchronize_session=False)
        ).first()
        if done is None:
            raise errors.NotFound(f"Book {book_id} is not in the cart.")
        return _view(_rows(session, ShoppingCart.id == cart_id))


def remove_item(actor: Acting, book_id: int) -> dict[str, Any]:
    """Take a book out of the cart.

    Raises:
        NotFound: it is not in the cart.
    """
    with unit_of_work() as session:
        cart_id = _lock(session, actor)
        done = session.execute(
            delete(CartItem)
            .where(CartItem.cart_id == cart_id, CartItem.book_id == book_id)
            .returning(CartItem.id)
            .execution_options(synchronize_session=False)
        ).first()
        if done is None:
            raise errors.NotFound(f"Book {book_id} is not in the cart.")
        return _view(_rows(session, ShoppingCart.id == cart_id))


def clear(actor: Acting) -> dict[str, Any]:
    """Empty the cart."""
    with unit_of_work() as session:
        cart_id = _lock(session, actor)
        if cart_id is not None:
            empty(session, cart_id)
    return _view([])


def quote(actor: Acting, shipping_method: str = pricing.STANDARD.code) -> Quote:
    """Return what an order of the cart would cost now.

    Raises:
        CartEmpty: there is nothing to price.
        Invalid: no such shipping method.
    """
    rows = _rows(db.session(), _owned_by(actor))
    lines = [Line(row.id, row.quantity, row.price) for row in rows if row.quantity]
    if not lines:
        raise errors.CartEmpty
    return pricing.quote(lines, shipping_method)


# -- for the other use cases, inside their unit of work ----------------------------------------
def lock_of_user(session: Session, user_id: int) -> int:
    """Lock the user's cart, made if need be, and return its id (one statement)."""
    now = clock.now()
    made = upsert(session, ShoppingCart).values(
        user_id=user_id, version=1, created_at=now, updated_at=now
    )
    return int(
        session.execute(
            made.on_conflict_do_update(
                index_elements=["user_id"],
                set_={"version": ShoppingCart.version + 1, "updated_at": now},
            ).returning(ShoppingCart.id)
        ).scalar_one()
    )


def put_copies(session: Session, cart_id: int, book_id: int, quantity: int) -> None:
    """Add copies to a locked cart in one statement; raises as ``add_item``.

    The book is kept from being deleted meanwhile (a waiting deletion then takes the line too).
    """
    other = aliased(CartItem)
    lines = select(func.count()).select_from(other).where(other.cart_id == cart_id)
    has_line = select(other.id).where(other.cart_id == cart_id, other.book_id == book_id).exists()
    source = (
        select(
            literal(cart_id),
            Book.id,
            literal(quantity),
            Book.price,
            literal(clock.now(), CartItem.added_at.type),
        )
        .where(
            Book.id == book_id,
            Book.status == "available",
            Book.stock > 0,
            or_(has_line, lines.scalar_subquery() < MAX_LINES),
        )
        .with_for_update(read=True, key_share=True, of=Book)
    )
    adding = upsert(session, CartItem).from_select(
        ["cart_id", "book_id", "quantity", "seen_price", "added_at"], source
    )
    total = CartItem.quantity + adding.excluded.quantity
    done = session.execute(
        adding.on_conflict_do_update(
            index_elements=["cart_id", "book_id"],
            set_={"quantity": total, "seen_price": adding.excluded.seen_price},
            where=total <= MAX_QUANTITY,
        ).returning(CartItem.id)
    ).first()
    if done is None:
        _explain(session, cart_id, book_id, quantity)


def empty(session: Session, cart_id: int) -> None:
    """Remove every line of a locked cart."""
    session.execute(
        delete(CartItem)
        .where(CartItem.cart_id == cart_id)
        .execution_options(synchronize_session=False)
    )


def lines_to_order(session: Session, user_id: int) -> tuple[int | None, list[Any]]:
    """Lock the user's cart and return (cart id, rows of book columns and quantity by book id)."""
    cart_id = session.execute(
        update(ShoppingCart)
        .where(ShoppingCart.user_id == user_id)
        .values(version=ShoppingCart.version + 1, updated_at=clock.now())
        .returning(ShoppingCart.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if cart_id is None:
        return None, []
    rows = session.execute(
        select(Book.id, Book.title, Book.isbn, Book.price, CartItem.quantity)
        .join(Book, Book.id == CartItem.book_id)
        .where(CartItem.cart_id == cart_id)
        .order_by(Book.id)
    ).all()
    return cart_id, list(rows)


def merge_guest(session: Session, token: str, user_id: int) -> None:
    """Move a guest's lines into the user's cart, adding up, and drop the guest's cart."""
    guest_id = session.execute(
        update(ShoppingCart)
        .where(ShoppingCart.token_hash == _hash(token))
        .values(version=ShoppingCart.version + 1)
        .returning(ShoppingCart.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if guest_id is None:
        return
    cart_id = lock_of_user(session, user_id)
    source = (
        select(
            literal(cart_id),
            CartItem.book_id,
            CartItem.quantity,
            CartItem.seen_price,
            CartItem.added_at,
        )
        .join(Book, Book.id == CartItem.book_id)
        .where(CartItem.cart_id == guest_id)
        .order_by(CartItem.id)
        .with_for_update(read=True, key_share=True, of=Book)
    )
    moving = upsert(session, CartItem).from_select(
        ["cart_id", "book_id", "quantity", "seen_price", "added_at"], source
    )
    total = CartItem.quantity + moving.excluded.quantity
    capped = func.least if session.get_bind().dialect.name == "postgresql" else func.min
    session.execute(
        moving.on_conflict_do_update(
            index_elements=["cart_id", "book_id"],
            set_={"quantity": capped(total, MAX_QUANTITY)},
        )
    )
    session.execute(delete(ShoppingCart).where(ShoppingCart.id == guest_id))


# -- inside ------------------------------------------------------------------------------------
def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _owned_by(actor: Acting) -> ColumnElement[bool]:
    if actor.id is not None:
        return ShoppingCart.user_id == actor.id
    token = getattr(actor, "cart_token", None)
    return ShoppingCart.token_hash == _hash(token) if token else literal(False)


def _lock(session: Session, actor: Acting) -> int | None:
    """Lock the actor's cart and return its id; None when there is none."""
    return session.execute(
        update(ShoppingCart)
        .where(_owned_by(actor))
        .values(version=ShoppingCart.version + 1, updated_at=clock.now())
        .returning(ShoppingCart.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()


def _open(session: Session, actor: Acting) -> tuple[int, str | None]:
    """Lock the actor's cart, made if need be; return its id and a guest's new token."""
    if actor.id is not None:
        return lock_of_user(session, actor.id), None
    found = _lock(session, actor)
    if found is not None:
        return found, None
    token = secrets.token_urlsafe(32)
    cart = ShoppingCart(token_hash=_hash(token))
    session.add(cart)
    session.flush()
    return cart.id, token


def _explain(session: Session, cart_id: int, book_id: int, quantity: int) -> None:
    """Raise why nothing was added."""
    book = session.execute(
        select(Book.status, Book.stock, CartItem.quantity)
        .outerjoin(CartItem, and_(CartItem.book_id == Book.id, CartItem.cart_id == cart_id))
        .where(Book.id == book_id)
    ).first()
    if book is None:
        raise errors.NotFound(f"There is no book {book_id}.")
    if book.status != "available":
        raise errors.BookUnavailable
    if book.stock == 0:
        raise errors.OutOfStock(items=[{"book_id": book_id, "requested": quantity, "available": 0}])
    raise errors.CartLimit if book.quantity is None else errors.QuantityLimit


def _rows(session: Session, which: ColumnElement[bool]) -> list[Any]:
    return list(
        session.execute(
            select(*catalog.SUMMARY_COLUMNS, CartItem.quantity, CartItem.seen_price)
            .select_from(ShoppingCart)
            .join(CartItem, CartItem.cart_id == ShoppingCart.id)
            .join(Book, Book.id == CartItem.book_id)
            .join(Author, Author.id == Book.author_id)
            .where(which)
            .order_by(CartItem.id)
        )
    )


def _view(rows: list[Any]) -> dict[str, Any]:
    items = [
        {
            "book": catalog.summary(row),
            "quantity": row.quantity,
            "unit_price": row.price,
            "line_total": row.quantity * row.price,
            "price_changed_from": row.seen_price if row.seen_price != row.price else None,
        }
        for row in rows
    ]
    return {
        "items": items,
        "coupon": None,
        "subtotal": sum(item["line_total"] for item in items),
        "total_items": sum(item["quantity"] for item in items),
        "currency": settings().currency,
    }
