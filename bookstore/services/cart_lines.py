"""A cart's rows, for the use cases that change them inside their own unit of work."""

import hashlib
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

from sqlalchemy import (
    ColumnElement,
    ColumnExpressionArgument,
    Integer,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.models import Book, CartCoupon, CartItem, Coupon, ShoppingCart, User
from bookstore.models.cart import MAX_LINES, MAX_QUANTITY
from bookstore.prepared import Prepared
from bookstore.services.actors import Acting
from bookstore.services.sql import AnySelect, upsert, upserting
from bookstore.unit_of_work import execute

By: TypeAlias = Literal["id", "user_id", "token_hash"]
Which: TypeAlias = tuple[By, int | str | None]
"""What picks a cart, and its value; None picks none."""

# -- statements, built once ---------------------------------------------------------------------
_CART, _LINE, _BOOK = ShoppingCart.__table__, CartItem.__table__, Book.__table__
_CART_ID = bindparam("cart_id", type_=_CART.c.id.type)
_BOOK_ID = bindparam("book_id", type_=_BOOK.c.id.type)
_NOW = bindparam("now", type_=_CART.c.updated_at.type)


def by_each(query: AnySelect) -> dict[By, Prepared]:
    """Return a query of carts for each way to pick one, which is then its value of ``cart``."""
    ways: tuple[By, ...] = get_args(By)
    return {by: Prepared(query.where(_CART.c[by] == bindparam("cart"))) for by in ways}


def with_coupons() -> ColumnElement[bool]:
    """Return whether there are coupons on a cart, as a column of a query of carts."""
    return exists().where(CartCoupon.cart_id == _CART.c.id).label("with_coupons")


def _after_the_user(user_id: Any, *more: ColumnExpressionArgument[bool]) -> ColumnElement[bool]:
    """Return the condition that picks a user's cart once the user's own row is locked.

    What refers to a user, as orders do, locks that row at the latest when it is written. Who
    deletes an account locks it first and then the cart, so the other way about the two would
    wait for each other.
    """
    user = select(User.id).where(User.id == user_id, *more)
    locked = user.with_for_update(read=True, key_share=True)
    return _CART.c.user_id == locked.scalar_subquery()


_PRICING = by_each(
    select(
        *(_BOOK.c[name] for name in ("id", "title", "isbn", "price", "weight", "tax_category")),
        _LINE.c.quantity,
        with_coupons(),
    )
    .select_from(_CART)
    .join(_LINE, _LINE.c.cart_id == _CART.c.id)
    .join(_BOOK, _BOOK.c.id == _LINE.c.book_id)
    .order_by(_BOOK.c.id)
)
_LOCKING_TO_ORDER = Prepared(
    update(_CART)
    .where(_after_the_user(bindparam("buyer_id"), User.is_active))
    .values(version=_CART.c.version + 1, updated_at=_NOW)
    .returning(_CART.c.id)
)
_EMPTYING = Prepared(delete(_LINE).where(_LINE.c.cart_id == _CART_ID))
_DROPPING = Prepared(delete(CartCoupon.__table__).where(CartCoupon.__table__.c.cart_id == _CART_ID))


@upserting
def _locking(insert_into: Callable[[Any], Any]) -> Any:
    made = insert_into(_CART).values(
        user_id=bindparam("user_id"), version=1, created_at=_NOW, updated_at=_NOW
    )
    moved = {"version": _CART.c.version + 1, "updated_at": made.excluded.updated_at}
    return made.on_conflict_do_update(index_elements=["user_id"], set_=moved).returning(_CART.c.id)


def lock_of_user(session: Session, user_id: int) -> int:
    """Lock the user's cart, made if need be, and return its id (one statement)."""
    values = {"user_id": user_id, "now": clock.now()}
    return int(execute(session, _locking(session), values).scalar_one())


@upserting
def _putting(insert_into: Callable[[Any], Any]) -> Any:
    line, other = _LINE.c, _LINE.alias()
    lines = select(func.count()).select_from(other).where(other.c.cart_id == _CART_ID)
    has_line = select(other.c.id).where(other.c.cart_id == _CART_ID, other.c.book_id == _BOOK_ID)
    source = (
        select(_CART_ID, _BOOK.c.id, bindparam("quantity", type_=Integer), _BOOK.c.price, _NOW)
        .where(
            _BOOK.c.id == _BOOK_ID,
            _BOOK.c.status == "available",
            _BOOK.c.stock > 0,
            or_(has_line.exists(), lines.scalar_subquery() < MAX_LINES),
        )
        .with_for_update(read=True, key_share=True, of=_BOOK)
    )
    columns = ["cart_id", "book_id", "quantity", "seen_price", "added_at"]
    adding = insert_into(_LINE).from_select(columns, source)
    total = line.quantity + adding.excluded.quantity
    return adding.on_conflict_do_update(
        index_elements=["cart_id", "book_id"],
        set_={"quantity": total, "seen_price": adding.excluded.seen_price},
        where=total <= MAX_QUANTITY,
    ).returning(line.id)


def put_copies(session: Session, cart_id: int, book_id: int, quantity: int) -> None:
    """Add copies to a locked cart in one statement; raises as ``add_item``.

    The book is kept from being deleted meanwhile (a waiting deletion then takes the line too).
    """
    about = {"cart_id": cart_id, "book_id": book_id, "quantity": quantity, "now": clock.now()}
    if execute(session, _putting(session), about).first() is None:
        _explain(session, cart_id, book_id, quantity)


def empty(session: Session, cart_id: int) -> None:
    """Remove every line of a locked cart."""
    execute(session, _EMPTYING, {"cart_id": cart_id})


def drop_coupons(session: Session, cart_id: int) -> None:
    """Remove every coupon of a locked cart."""
    execute(session, _DROPPING, {"cart_id": cart_id})


def owner_of(actor: Acting) -> Which:
    """Return what picks the actor's cart; a guest's is known by its token."""
    if actor.id is not None:
        return "user_id", actor.id
    token = getattr(actor, "cart_token", None)
    return "token_hash", hash_token(token) if token else None


def lines_to_price(session: Session, cart: Which) -> list[Any]:
    """Return the lines of a cart: what pricing needs, by book id.

    And of each, the same for all, whether there are coupons on the cart: ``with_coupons``.
    """
    by, value = cart
    return list(execute(session, _PRICING[by], {"cart": value}))


def lines_to_order(session: Session, user_id: int) -> tuple[int | None, list[Any]]:
    """Lock the user's cart and return (cart id, rows as ``lines_to_price`` has them).

    The cart of a deleted account counts as none.
    """
    buyer = {"buyer_id": user_id, "now": clock.now()}
    cart_id = execute(session, _LOCKING_TO_ORDER, buyer).scalar_one_or_none()
    return cart_id, [] if cart_id is None else lines_to_price(session, ("id", cart_id))


def hold_for_order(session: Session, user_id: int) -> None:
    """Lock the user's cart, if there is one, for an order that is not made from it."""
    session.execute(select(_CART.c.id).where(_after_the_user(user_id)).with_for_update())


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
