"""Without numpy and scipy: books that the same readers bought, counted by the database.

How alike two books are is the square of the cosine: readers of both, squared, by the readers of
the one times those of the other. A few are added to each, or two books that one reader bought
would be as alike as can be. (The square, since not every SQLite has roots; the order is the same.)
"""

from collections.abc import Sequence

from sqlalchemy import Float, Integer, bindparam, cast, func, insert, literal, select
from sqlalchemy.orm import Session

from bookstore.models import BookNeighbour, Order, OrderItem
from bookstore.services.sales_sums import PAID
from bookstore.services.sql import AnySelect, among, ids, on_sqlite

SHRINKAGE = 5
# Of somebody who bought more only the newest count: pairs grow with the square.
MOST_OF_A_READER = 200
MILLION = 1_000_000


def write(
    session: Session, fit_id: int, book_ids: Sequence[int], among_ids: Sequence[int], many: int
) -> None:
    """Write the pairs of some books.

    Args:
        session: of the present unit of work.
        fit_id: of the fit.
        book_ids: whose neighbours.
        among_ids: who may be one.
        many: how many of each.
    """
    sqlite = on_sqlite()
    columns = ["fit_id", "book_id", "rank", "neighbour_id", "score"]
    statement = insert(BookNeighbour.__table__).from_select(columns, _pairs(sqlite=sqlite))
    given = {
        "fit_id": fit_id,
        "these": ids(book_ids, sqlite=sqlite),
        "all": ids(among_ids, sqlite=sqlite),
        "many": many,
    }
    session.execute(statement, given)


def _pairs(*, sqlite: bool) -> AnySelect:
    bought = (
        select(Order.user_id, OrderItem.book_id, func.max(OrderItem.id).label("last"))
        .join(OrderItem, OrderItem.order_id == Order.id)
        .where(Order.status != "cancelled", Order.payment_status.in_(PAID))
        .where(among(OrderItem.book_id, "all", sqlite=sqlite))
        .group_by(Order.user_id, OrderItem.book_id)
        .subquery("bought")
    )
    place = func.row_number().over(partition_by=bought.c.user_id, order_by=bought.c.last.desc())
    placed = select(bought.c.user_id, bought.c.book_id, place.label("place")).subquery("placed")
    read = (
        select(placed.c.user_id, placed.c.book_id)
        .where(placed.c.place <= MOST_OF_A_READER)
        .cte("bought_lately")
    )
    readers = (
        select(read.c.book_id, (func.count() + SHRINKAGE).label("readers"))
        .group_by(read.c.book_id)
        .cte("readers")
    )
    one, other = read.alias("one"), read.alias("other")
    both = (
        select(one.c.book_id, other.c.book_id.label("other_id"), func.count().label("both"))
        .join(other, (other.c.user_id == one.c.user_id) & (other.c.book_id != one.c.book_id))
        .where(among(one.c.book_id, "these", sqlite=sqlite))
        .group_by(one.c.book_id, other.c.book_id)
        .subquery("pairs")
    )
    of_one, of_other = readers.alias("of_one"), readers.alias("of_other")
    alike = cast(both.c.both * both.c.both, Float()) / (of_one.c.readers * of_other.c.readers)
    scored = (
        select(both.c.book_id, both.c.other_id, alike.label("alike"))
        .join(of_one, of_one.c.book_id == both.c.book_id)
        .join(of_other, of_other.c.book_id == both.c.other_id)
        .subquery("scored")
    )
    rank = func.row_number().over(
        partition_by=scored.c.book_id, order_by=(scored.c.alike.desc(), scored.c.other_id)
    )
    ranked = select(*scored.c, rank.label("rank")).subquery("ranked")
    score = cast(func.round(ranked.c.alike * MILLION), Integer())
    return select(
        literal(0) + bindparam("fit_id", type_=Integer()),
        ranked.c.book_id,
        ranked.c.rank,
        ranked.c.other_id,
        score,
    ).where(ranked.c.rank <= bindparam("many", type_=Integer()))
