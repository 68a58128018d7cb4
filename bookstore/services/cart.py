"""Carts. Every write starts by locking the cart's row, so writes to one cart queue up."""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, literal, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors, selecting
from bookstore.extensions import db, settings
from bookstore.models import Author, Book, CartItem, ShoppingCart
from bookstore.services import attempts, book_views, cart_coupons, cart_lines, coupons
from bookstore.services.actors import Acting
from bookstore.unit_of_work import unit_of_work


@dataclass(frozen=True, slots=True)
class Written:
    """A cart after a write; ``token`` is set when this write opened a guest's cart."""

    cart: dict[str, Any]
    token: str | None = None


def get(actor: Acting) -> dict[str, Any]:
    """Return the actor's cart; empty when there is none yet.

    One statement, and up to three more when coupons lie on it.

    Returns:
        id, items [{id, book, quantity, unit_price, line_total, currency, price_changed_from,
        added_at}], coupon, coupons and discount (as ``cart_coupons.shown``), subtotal, total_items,
        currency, created_at, updated_at; amounts in minor units, id and times None without a cart.
    """
    return _view(db.session(), cart_lines.owner_of(actor), actor)


def add_item(actor: Acting, book_id: int, quantity: int = 1) -> Written:
    """Add copies of a book; again adds up.

    Raises:
        NotFound: there is no such book.
        BookUnavailable, OutOfStock: it cannot be bought now.
        QuantityLimit, CartLimit: more than a cart holds.
    """
    with unit_of_work() as session:
        cart_id, token = _open(session, actor)
        cart_lines.put_copies(session, cart_id, book_id, quantity)
        return Written(_view(session, ("id", cart_id), actor), token)


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
        return _view(session, ("id", cart_id), actor)


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
        return _view(session, ("id", cart_id), actor)


def clear(actor: Acting) -> dict[str, Any]:
    """Empty the cart; its coupons go too, since whoever starts over starts from nothing."""
    with unit_of_work() as session:
        cart_id = _lock(session, actor)
        if cart_id is not None:
            cart_lines.empty(session, cart_id)
            cart_lines.drop_coupons(session, cart_id)
        return _view(session, ("id", cart_id), actor)


def put_coupon(actor: Acting, code: str) -> Written:
    """Put a coupon on the cart, which may be empty; it replaces others unless all are stackable.

    Raises:
        CouponInvalid: there is no such coupon, or it does not apply; nothing is changed.
        RateLimited: too many of the actor's coupons were none.
    """
    with attempts.guessing("coupon", actor, coupons.is_unknown), unit_of_work() as session:
        cart_id, token = _open(session, actor)
        rows = cart_lines.lines_to_price(session, ("id", cart_id))
        cart_coupons.put(session, cart_id, code, actor.id, rows)
        return Written(_view(session, ("id", cart_id), actor), token)


def remove_coupons(actor: Acting) -> dict[str, Any]:
    """Take every coupon off the cart, if there are any."""
    with unit_of_work() as session:
        cart_id = _lock(session, actor)
        if cart_id is not None:
            cart_lines.drop_coupons(session, cart_id)
        return _view(session, ("id", cart_id), actor)


# -- inside ------------------------------------------------------------------------------------
def _lock(session: Session, actor: Acting) -> int | None:
    """Lock the actor's cart and return its id; None when there is none."""
    by, value = cart_lines.owner_of(actor)
    return session.execute(
        update(ShoppingCart)
        .where(getattr(ShoppingCart, by) == value, literal(value is not None))
        .values(version=ShoppingCart.version + 1, updated_at=clock.now())
        .returning(ShoppingCart.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()


def _open(session: Session, actor: Acting) -> tuple[int, str | None]:
    """Lock the actor's cart, made if need be; return its id and a guest's new token."""
    if actor.id is not None:
        return cart_lines.lock_of_user(session, actor.id), None
    found = _lock(session, actor)
    if found is not None:
        return found, None
    token = secrets.token_urlsafe(32)
    cart = ShoppingCart(token_hash=cart_lines.hash_token(token))
    session.add(cart)
    session.flush()
    return cart.id, token


# Outwards from the cart: an empty one may have coupons, too, and is one row without a book.
_VIEWS = cart_lines.by_each(
    select(
        *book_views.SUMMARY_COLUMNS,
        CartItem.id.label("item_id"),
        CartItem.quantity,
        CartItem.seen_price,
        CartItem.added_at,
        ShoppingCart.id.label("cart_id"),
        ShoppingCart.created_at,
        ShoppingCart.updated_at,
        cart_lines.with_coupons(),
    )
    .select_from(ShoppingCart)
    .outerjoin(CartItem, CartItem.cart_id == ShoppingCart.id)
    .outerjoin(Book, Book.id == CartItem.book_id)
    .outerjoin(Author, Author.id == Book.author_id)
    .order_by(CartItem.id)
)


def _view(session: Session, which: cart_lines.Which, actor: Acting) -> dict[str, Any]:
    by, value = which
    found = selecting.run(session, _VIEWS[by], {"cart": value}).all()
    rows = [row for row in found if row.id is not None]
    held = coupons.on_cart(session, which, actor.id) if found and found[0].with_coupons else []
    currency = settings().currency
    items = [
        {
            "id": row.item_id,
            "book": book_views.summary(row, currency),
            "quantity": row.quantity,
            "unit_price": row.price,
            "line_total": row.quantity * row.price,
            "currency": currency,
            "price_changed_from": row.seen_price if row.seen_price != row.price else None,
            "added_at": row.added_at,
        }
        for row in rows
    ]
    cart = found[0] if found else None
    return {
        "id": cart and cart.cart_id,
        "items": items,
        **(cart_coupons.shown(session, rows, held) if held else cart_coupons.NONE),
        "subtotal": sum(item["line_total"] for item in items),
        "total_items": sum(item["quantity"] for item in items),
        "currency": currency,
        "created_at": cart and cart.created_at,
        "updated_at": cart and cart.updated_at,
    }
