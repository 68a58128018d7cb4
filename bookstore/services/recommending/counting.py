"""Without numpy and scipy: books that the same readers bought, counted by the database.

How alike two books are is the square of the cosine: readers of both, squared, by the readers of
the one times those of the other. A few are added to each, or two books that one reader bought
would be as alike as can be. (The square puts the same books first, and does better where what is
alike to several books is added up.)
"""

from collections.abc import Iterator, Sequence
from functools import cache
from heapq import nsmallest
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from bookstore.extensions import db
from bookstore.models import Order, OrderItem
from bookstore.services.sales_sums import PAID
from bookstore.services.sql import AnySelect, among, ids, on_sqlite
from bookstore.unit_of_work import new_snapshot

SHRINKAGE = 5
# A pair that one reader alone makes is what that reader bought: who knows that they have the one
# book could read the other off the list beside it. Two are the fewest of whom nobody else can tell
# which it was. (Shops that show nothing for it still have lists: shelves and best sellers fill up.)
READERS_IN_COMMON = 2
# Who bought more is a library or a shop. Pairs grow with the square, and say less and less.
MOST_OF_A_READER = 200
# Books whose pairs are counted at once.
_BOOKS = 500


def rows(book_ids: Sequence[int], many: int) -> Iterator[tuple[int, int, int, float]]:
    """Yield (book id, rank, id of the neighbour, score): the best neighbours of each book.

    Nothing is read while a row is being looked at, so who takes them may write.

    Args:
        book_ids: whose, and who may be one.
        many: how many of each.
    """
    sqlite = on_sqlite()
    given: dict[str, Any] = {"all": ids(book_ids, sqlite=sqlite)}
    given["dealers"] = ids(list(db.session.scalars(_dealers())), sqlite=sqlite)
    readers = {row.book_id: row.readers for row in db.session.execute(_readers(sqlite), given)}
    for start in range(0, len(book_ids), _BOOKS):
        given["these"] = ids(book_ids[start : start + _BOOKS], sqlite=sqlite)
        found: dict[int, list[tuple[float, int]]] = {}
        for one, other, both in db.session.execute(_pairs(sqlite), given):
            # Asked in the statement, SQLite would look for each of them in every order. And the
            # shop is open: one that was bought for the first time just now is for the next fit.
            if one not in readers or other not in readers:
                continue
            alike = both * both / ((readers[one] + SHRINKAGE) * (readers[other] + SHRINKAGE))
            found.setdefault(one, []).append((-alike, other))
        new_snapshot()
        for one, others in sorted(found.items()):
            for rank, (score, other) in enumerate(nsmallest(many, others), 1):
                yield one, rank, other, -score


def _paid(order: Any) -> Any:
    return (order.status != "cancelled") & order.payment_status.in_(PAID)


@cache
def _dealers() -> AnySelect:
    return (
        select(Order.user_id)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(_paid(Order))
        .group_by(Order.user_id)
        .having(func.count() > MOST_OF_A_READER)
    )


@cache
def _readers(sqlite: bool) -> AnySelect:
    return (
        select(OrderItem.book_id, func.count(Order.user_id.distinct()).label("readers"))
        .join(Order, Order.id == OrderItem.order_id)
        .where(_paid(Order), among(OrderItem.book_id, "all", sqlite=sqlite))
        .where(~among(Order.user_id, "dealers", sqlite=sqlite))
        .group_by(OrderItem.book_id)
    )


@cache
def _pairs(sqlite: bool) -> AnySelect:
    # From the lines of these books to their orders, to their readers' orders and those lines:
    # an index for each step.
    item, order = aliased(OrderItem), aliased(Order)
    other_item, other_order = aliased(OrderItem), aliased(Order)
    return (
        select(item.book_id, other_item.book_id, func.count(order.user_id.distinct()))
        .join(order, order.id == item.order_id)
        .join(other_order, other_order.user_id == order.user_id)
        .join(other_item, other_item.order_id == other_order.id)
        .where(_paid(order), _paid(other_order), item.book_id != other_item.book_id)
        .where(among(item.book_id, "these", sqlite=sqlite))
        .where(~among(order.user_id, "dealers", sqlite=sqlite))
        .group_by(item.book_id, other_item.book_id)
        .having(func.count(order.user_id.distinct()) >= READERS_IN_COMMON)
    )
