"""What else a reader may like. Pairs of books are found by ``recommending``, by night.

Nothing is recommended that cannot be bought, or that the reader has. Where too little is known the
list is filled up: with what sells best on the same shelves, then with what sells best. Here is one
list at a time; ``recommended_lists`` has those of many books at once.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    exists,
    false,
    func,
    select,
    union,
)

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import (
    Book,
    BookNeighbour,
    Order,
    OrderItem,
    RecommendationFit,
    Review,
    WishList,
    WishListItem,
)
from bookstore.models.catalog import book_categories
from bookstore.services import book_views
from bookstore.services.actors import Acting, require_user
from bookstore.services.sales_sums import PAID
from bookstore.services.sql import AnySelect, among, ids, on_sqlite
from bookstore.unit_of_work import reading

MANY = 10
# Ratings from here on say that somebody liked a book.
LIKED = 4
# Of the shelves of a book the first so many; of those of several, the commonest.
SHELVES = 3
# A list is made of so many of a reader's books, of each kind the newest.
_HISTORY = 200

_USER = bindparam("user_id", type_=BigInteger())
_BOOK = bindparam("book_id", type_=BigInteger())
_LIMIT = bindparam("limit", type_=Integer())
_near = BookNeighbour.__table__.c


def for_book(actor: Acting, book_id: int) -> list[dict[str, Any]]:
    """Return up to ten books for who looks at one, best first, as ``catalog`` has them.

    Of a reader who is known, none that they own.

    Raises:
        NotFound: there is no such book.
    """
    known = actor.id is not None
    given = {"book_id": book_id, "user_id": actor.id}
    found = _ask(_beside(known, on_sqlite()), given, MANY)
    if len(found) == MANY:
        return found
    shelves = _shelves_of([book_id])
    if not found and not shelves and not _is_there(book_id):
        raise errors.NotFound(f"There is no book {book_id}.")
    return _filled(found, [book_id], shelves, given, known=known)


def for_user(actor: Acting) -> list[dict[str, Any]]:
    """Return up to ten books for a reader, best first.

    By what they bought, rated well or want for later; none of these, nor what they rated badly.

    Raises:
        Unauthenticated: a guest asks.
    """
    given: dict[str, Any] = {"user_id": require_user(actor)}
    liked, seen = _history(given)
    found = []
    if liked:
        given["liked"] = ids(liked, sqlite=on_sqlite())
        given["seen"] = ids(seen, sqlite=on_sqlite())
        found = _ask(_around(on_sqlite()), given, MANY)
    if len(found) == MANY:
        return found
    return _filled(found, seen, _shelves_of(liked), given, known=True)


def _filled(
    found: list[dict[str, Any]],
    seen: Sequence[int],
    shelves: Sequence[int],
    given: dict[str, Any],
    *,
    known: bool,
) -> list[dict[str, Any]]:
    """Return a list, filled up with what sells best on these shelves, then anywhere."""
    sqlite = on_sqlite()
    for where in (shelves, None):
        missing = MANY - len(found)
        if missing and (where or where is None):
            left_out = [*seen, *(book["id"] for book in found)]
            values = given | {"seen": ids(left_out, sqlite=sqlite)}
            if where is not None:
                values["shelves"] = ids(where, sqlite=sqlite)
            found = found + _ask(_popular(known, where is not None, sqlite), values, missing)
    return found


def _ask(query: AnySelect, given: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    return book_views.views(reading(db.session()).execute(query, given | {"limit": limit}).all())


def _is_there(book_id: int) -> bool:
    query = select(Book.id).where(Book.id == book_id)
    return reading(db.session()).execute(query).first() is not None


def _shelves_of(book_ids: Sequence[int]) -> list[int]:
    """Return the categories of these books, those of most of them first."""
    on = book_categories.c
    sqlite = on_sqlite()
    query = (
        select(on.category_id)
        .where(among(on.book_id, "ids", sqlite=sqlite))
        .group_by(on.category_id)
        .order_by(func.count().desc(), on.category_id)
        .limit(SHELVES)
    )
    rows = reading(db.session()).execute(query, {"ids": ids(book_ids, sqlite=sqlite)})
    return [row[0] for row in rows]


def _history(given: dict[str, Any]) -> tuple[list[int], list[int]]:
    """Return the books that say what a reader likes, and all that they know already."""
    rows = reading(db.session()).execute(_known_books(), given).all()
    liked = [row.book_id for row in rows if row.liked >= LIKED]
    return list(dict.fromkeys(liked)), list(dict.fromkeys(row.book_id for row in rows))


# -- statements, built once for each way to ask ------------------------------------------------
@cache
def _known_books() -> Any:
    five = func.max(5).label("liked")
    bought = (
        select(OrderItem.book_id, five)
        .join(Order, Order.id == OrderItem.order_id)
        .where(_paid(), Order.user_id == _USER)
        .group_by(OrderItem.book_id)
    )
    rated = select(Review.book_id, Review.rating).where(Review.user_id == _USER)
    wanted = (
        select(WishListItem.book_id, five)
        .join(WishList, WishList.id == WishListItem.wishlist_id)
        .where(WishList.user_id == _USER)
        .group_by(WishListItem.book_id)
    )
    newest = [
        select(part.order_by(column.desc()).limit(_HISTORY).subquery())
        for part, column in (
            (bought, func.max(OrderItem.id)),
            (rated, Review.id),
            (wanted, func.max(WishListItem.id)),
        )
    ]
    return union(*newest)


@cache
def _beside(known: bool, sqlite: bool) -> AnySelect:
    near = (
        book_views.books()
        .add_columns(_near.rank.label("place"))
        .join(BookNeighbour, _near.neighbour_id == Book.id)
        .where(_near.fit_id == current(), _near.book_id == _BOOK, Book.id != _BOOK)
        .where(*offered(known))
        .order_by(_near.rank)
        .limit(_LIMIT)
        .subquery("found")
    )
    return book_views.hang(near, sqlite=sqlite).order_by(near.c.place)


@cache
def _around(sqlite: bool) -> AnySelect:
    total = func.sum(_near.score)
    scored = (
        select(_near.neighbour_id, total.label("total"))
        .where(_near.fit_id == current(), among(_near.book_id, "liked", sqlite=sqlite))
        .where(~among(_near.neighbour_id, "seen", sqlite=sqlite))
        .group_by(_near.neighbour_id)
        .subquery("scored")
    )
    best = (
        book_views.books()
        .add_columns(scored.c.total)
        .join(scored, scored.c.neighbour_id == Book.id)
        .where(*offered(True))
        .order_by(scored.c.total.desc(), Book.id)
        .limit(_LIMIT)
        .subquery("found")
    )
    return book_views.hang(best, sqlite=sqlite).order_by(best.c.total.desc(), best.c.id)


@cache
def _popular(known: bool, shelved: bool, sqlite: bool) -> AnySelect:
    query = book_views.books().add_columns(Book.sold, Book.popularity).where(*offered(known))
    query = query.where(~among(Book.id, "seen", sqlite=sqlite))
    if shelved:
        on = book_categories.c
        shelf = among(on.category_id, "shelves", sqlite=sqlite)
        query = query.where(exists().where(on.book_id == Book.id, shelf))
    best = query.order_by(*most_sold(Book)).limit(_LIMIT).subquery("found")
    return book_views.hang(best, sqlite=sqlite).order_by(*most_sold(best.c))


def most_sold(of: Any) -> tuple[ColumnElement[Any], ...]:
    """Return the order of what a list is filled up with; ``of`` has these columns of books."""
    return (of.sold.desc(), of.popularity.desc(), of.rating_count.desc(), of.id)


def current() -> Any:
    """Return the id of the fit that readers see."""
    fit = RecommendationFit
    return select(fit.id).where(fit.state == "current").scalar_subquery()


def _paid() -> ColumnElement[bool]:
    return and_(Order.status != "cancelled", Order.payment_status.in_(PAID))


def offered(known: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a book can be bought, and that the reader has none."""
    owned: ColumnElement[bool] = false()
    if known:
        owned = (
            select(OrderItem.id)
            .join(Order, Order.id == OrderItem.order_id)
            .where(OrderItem.book_id == Book.id, Order.user_id == _USER, _paid())
            .exists()
        )
    return Book.status == "available", Book.stock > 0, ~owned
