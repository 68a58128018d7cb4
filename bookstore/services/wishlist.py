"""Wishlists."""

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import Author, Book, WishList, WishListItem
from bookstore.services import book_views, cart, cart_lines
from bookstore.services.actors import Acting, require_user
from bookstore.services.sql import upsert
from bookstore.unit_of_work import unit_of_work


def get(actor: Acting) -> dict[str, Any]:
    """Return {id, items: [{id, book, notes, added_at}], created_at}, newest last (one statement);
    id and created_at are None without a wishlist."""
    rows = db.session.execute(
        select(
            *book_views.SUMMARY_COLUMNS,
            WishListItem.id.label("item_id"),
            WishListItem.notes,
            WishListItem.added_at,
            WishList.id.label("wishlist_id"),
            WishList.created_at,
        )
        .select_from(WishList)
        .outerjoin(WishListItem, WishListItem.wishlist_id == WishList.id)
        .outerjoin(Book, Book.id == WishListItem.book_id)
        .outerjoin(Author, Author.id == Book.author_id)
        .where(WishList.user_id == require_user(actor))
        .order_by(WishListItem.id)
    ).all()
    return {
        "id": rows[0].wishlist_id if rows else None,
        "items": [
            {
                "id": row.item_id,
                "book": book_views.summary(row),
                "notes": row.notes,
                "added_at": row.added_at,
            }
            for row in rows
            if row.item_id is not None
        ],
        "created_at": rows[0].created_at if rows else None,
    }


def add_item(actor: Acting, book_id: int, notes: str = "") -> dict[str, Any]:
    """Add a book and return the wishlist.

    Raises:
        NotFound: there is no such book.
        AlreadyInWishlist: it is there.
    """
    with unit_of_work() as session:
        wishlist_id = _open(session, require_user(actor))
        found = select(Book.id).where(Book.id == book_id)
        # Kept from being deleted meanwhile, so that only the pair can be refused below.
        if session.scalar(found.with_for_update(read=True, key_share=True)) is None:
            raise errors.NotFound(f"There is no book {book_id}.")
        session.add(WishListItem(wishlist_id=wishlist_id, book_id=book_id, notes=notes))
        try:
            session.flush()
        except IntegrityError:
            raise errors.AlreadyInWishlist from None
    return get(actor)


def set_notes(actor: Acting, book_id: int, notes: str) -> dict[str, Any]:
    """Change a book's notes and return the wishlist; NotFound when it is not there."""
    with unit_of_work() as session:
        done = session.execute(
            update(WishListItem)
            .where(_item(actor, book_id))
            .values(notes=notes)
            .returning(WishListItem.id)
            .execution_options(synchronize_session=False)
        ).first()
        _require(done, book_id)
    return get(actor)


def remove_item(actor: Acting, book_id: int) -> dict[str, Any]:
    """Take a book off and return the wishlist; NotFound when it is not there."""
    with unit_of_work() as session:
        _take(session, actor, book_id)
    return get(actor)


def move_to_cart(actor: Acting, book_id: int) -> dict[str, Any]:
    """Move a book into the cart, one copy, in one transaction; return the cart.

    Raises:
        NotFound: it is not on the wishlist.
        BookUnavailable, OutOfStock, QuantityLimit, CartLimit: as in ``cart.add_item``; then
            it stays on the wishlist.
    """
    with unit_of_work() as session:
        # The cart first, as every other use case that locks one.
        cart_id = cart_lines.lock_of_user(session, require_user(actor))
        _take(session, actor, book_id)
        cart_lines.put_copies(session, cart_id, book_id, 1)
    return cart.get(actor)


def _open(session: Session, user_id: int) -> int:
    made = upsert(session, WishList).values(user_id=user_id, created_at=clock.now())
    return int(
        session.execute(
            made.on_conflict_do_update(
                index_elements=["user_id"], set_={"user_id": user_id}
            ).returning(WishList.id)
        ).scalar_one()
    )


def _item(actor: Acting, book_id: int) -> Any:
    mine = select(WishList.id).where(WishList.user_id == require_user(actor)).scalar_subquery()
    return (WishListItem.wishlist_id == mine) & (WishListItem.book_id == book_id)


def _take(session: Session, actor: Acting, book_id: int) -> None:
    done = session.execute(
        delete(WishListItem)
        .where(_item(actor, book_id))
        .returning(WishListItem.id)
        .execution_options(synchronize_session=False)
    ).first()
    _require(done, book_id)


def _require(done: Any, book_id: int) -> None:
    if done is None:
        raise errors.NotFound(f"Book {book_id} is not on the wishlist.")
