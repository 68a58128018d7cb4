"""A cart's rows, for the use cases that change them inside their own unit of work."""

import hashlib
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    and_,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session, aliased

from bookstore import clock, errors
from bookstore.models import Book, CartCoupon, CartItem, Coupon, ShoppingCart, User
from bookstore.models.cart import MAX_LINES, MAX_QUANTITY
from bookstore.services.actors import Acting
from bookstore.services.sql import upsert


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


def drop_coupons(session: Session, cart_id: int) -> None:
    """Remove every coupon of a locked cart."""
    session.execute(
        delete(CartCoupon)
        .where(CartCoupon.cart_id == cart_id)
        .execution_options(synchronize_session=False)
    )


def owned_by(actor: Acting) -> ColumnElement[bool]:
    """Return the condition that picks the actor's cart; a guest's is known by its token."""
    if actor.id is not None:
        return ShoppingCart.user_id == actor.id
    token = getattr(actor, "cart_token", None)
    return ShoppingCart.token_hash == hash_token(token) if token else literal(False)


def lines_to_price(session: Session, cart: ColumnElement[bool]) -> list[Any]:
    """Return the lines of the cart that ``cart`` picks: what pricing needs, by book id."""
    rows = session.execute(
        select(
            Book.id,
            Book.title,
            Book.isbn,
            Book.price,
            Book.weight,
            Book.tax_category,
            CartItem.quantity,
        )
        .select_from(ShoppingCart)
        .join(CartItem, CartItem.cart_id == ShoppingCart.id)
        .join(Book, Book.id == CartItem.book_id)
        .where(cart)
        .order_by(Book.id)
    )
    return list(rows)


def lines_to_order(session: Session, user_id: int) -> tuple[int | None, list[Any]]:
    """Lock the user's cart and return (cart id, rows as ``lines_to_price`` has them).

    The cart of a deleted account counts as none.
    """
    cart_id = session.execute(
        update(ShoppingCart)
        .where(_after_the_user(user_id, User.is_active))
        .values(version=ShoppingCart.version + 1, updated_at=clock.now())
        .returning(ShoppingCart.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if cart_id is None:
        return None, []
    return cart_id, lines_to_price(session, ShoppingCart.id == cart_id)


def hold_for_order(session: Session, user_id: int) -> None:
    """Lock the user's cart, if there is one, for an order that is not made from it."""
    session.execute(select(ShoppingCart.id).where(_after_the_user(user_id)).with_for_update())


def hold_buyer(session: Session, user_id: int) -> None:
    """Lock a user for an order that is not made from a cart, then their cart, as all do.

    Raises:
        Invalid: the account is gone.
    """
    user = select(User.id).where(User.id == user_id, User.is_active)
    if session.scalar(user.with_for_update(read=True, key_share=True)) is None:
        raise errors.Invalid({"user_id": [f"There is no user {user_id}."]})
    hold_for_order(session, user_id)


def merge_guest(session: Session, token: str, user_id: int) -> None:
    """Move a guest's lines into the user's cart, adding up, and drop the guest's cart.

    The guest's coupons come along if the user's cart has none.
    """
    guest_id = session.execute(
        update(ShoppingCart)
        .where(ShoppingCart.token_hash == hash_token(token))
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
    _move_coupons(session, guest_id, cart_id)
    session.execute(delete(ShoppingCart).where(ShoppingCart.id == guest_id))


def hash_token(token: str) -> str:
    """Return what the table knows a guest's token by."""
    return hashlib.sha256(token.encode()).hexdigest()


def _after_the_user(user_id: int, *more: ColumnExpressionArgument[bool]) -> ColumnElement[bool]:
    """Return the condition that picks a user's cart once the user's own row is locked.

    What refers to a user, as orders do, locks that row at the latest when it is written. Who
    deletes an account locks it first and then the cart, so the other way about the two would
    wait for each other.
    """
    user = select(User.id).where(User.id == user_id, *more)
    locked = user.with_for_update(read=True, key_share=True)
    return ShoppingCart.user_id == locked.scalar_subquery()


def _move_coupons(session: Session, guest_id: int, cart_id: int) -> None:
    has_some = select(CartCoupon.id).where(CartCoupon.cart_id == cart_id).exists()
    source = (
        select(literal(cart_id), CartCoupon.coupon_id, CartCoupon.added_at)
        .join(Coupon, Coupon.id == CartCoupon.coupon_id)
        .where(CartCoupon.cart_id == guest_id, ~has_some)
        .order_by(CartCoupon.id)
        .with_for_update(read=True, key_share=True, of=Coupon)
    )
    session.execute(insert(CartCoupon).from_select(["cart_id", "coupon_id", "added_at"], source))


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
