"""What is recommended beside each of many books, as ``recommendations.for_book`` has it of one.

Five statements at most, however many books there are: their neighbours, their shelves, what sells
best on each of these, what sells best, and the books themselves.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, BigInteger, bindparam, func, select, true

from bookstore.extensions import db
from bookstore.models import Book, BookNeighbour
from bookstore.models.catalog import book_categories
from bookstore.services import catalog_loading
from bookstore.services.actors import Acting
from bookstore.services.recommendations import MANY, SHELVES, current, most_sold, offered
from bookstore.services.sql import AnySelect, among, ids, on_sqlite
from bookstore.unit_of_work import reading

Lists: TypeAlias = dict[int, list[int]]
# Of what sells best a list needs ten at most that are neither in it nor the book itself, and these
# are ten at most.
_BEST = 2 * MANY
_near = BookNeighbour.__table__.c
_on = book_categories.c


def for_books(actor: Acting, book_ids: Sequence[int]) -> Lists:
    """Return by book id the ids of up to ten books for who looks at it, best first.

    Of a reader who is known, none that they own. That there are such books is for the caller to
    know.
    """
    known, sqlite, given = actor.id is not None, on_sqlite(), {"user_id": actor.id}

    def ask(query: AnySelect, wanted: Iterable[int] = ()) -> Sequence[Any]:
        values = given | {"ids": ids(list(wanted), sqlite=sqlite)}
        return reading(db.session()).execute(query, values).all()

    found: Lists = {one: [] for one in book_ids}
    for book_id, near_id in ask(_neighbours(known, sqlite), found):
        if len(found[book_id]) < MANY:
            found[book_id].append(near_id)
    if not (short := [one for one, near in found.items() if len(near) < MANY]):
        return found
    shelves: Lists = {one: [] for one in short}
    for book_id, shelf_id in ask(_shelves(sqlite), short):
        if len(shelves[book_id]) < SHELVES:
            shelves[book_id].append(shelf_id)
    on_shelf: dict[int, list[tuple[int, ...]]] = {}
    if wanted := {shelf for some in shelves.values() for shelf in some}:
        for shelf_id, *place, book_id in ask(_best_on_shelves(known, sqlite), sorted(wanted)):
            on_shelf.setdefault(shelf_id, []).append((*(-value for value in place), book_id))
    anywhere = [row.id for row in ask(_best(known))]
    for one in short:
        best = sorted({row for shelf in shelves[one] for row in on_shelf.get(shelf, ())})
        candidates = dict.fromkeys([*found[one], *(row[-1] for row in best), *anywhere])
        candidates.pop(one, None)
        found[one] = list(candidates)[:MANY]
    return found


def shown(lists: Lists, first: int) -> dict[int, list[dict[str, Any]]]:
    """Return the first so many of each list, as ``catalog_loading.books`` has them."""
    few = {one: near[:first] for one, near in lists.items()}
    views = catalog_loading.books(list({each for near in few.values() for each in near}))
    return {one: [views[each] for each in near if each in views] for one, near in few.items()}


# -- statements, built once for each way to ask ------------------------------------------------
@cache
def _neighbours(known: bool, sqlite: bool) -> AnySelect:
    return (
        select(_near.book_id, _near.neighbour_id)
        .join(Book, Book.id == _near.neighbour_id)
        .where(_near.fit_id == current(), among(_near.book_id, "ids", sqlite=sqlite))
        .where(_near.neighbour_id != _near.book_id, *offered(known))
        .order_by(_near.book_id, _near.rank)
    )


@cache
def _shelves(sqlite: bool) -> AnySelect:
    query = select(_on.book_id, _on.category_id)
    query = query.where(among(_on.book_id, "ids", sqlite=sqlite))
    return query.order_by(_on.book_id, _on.category_id)


@cache
def _best_on_shelves(known: bool, sqlite: bool) -> AnySelect:
    sold = Book.sold, Book.popularity, Book.rating_count, Book.id
    if sqlite:
        place = func.row_number().over(partition_by=_on.category_id, order_by=most_sold(Book))
        ranked = (
            select(_on.category_id, *sold, place.label("place"))
            .join_from(book_categories, Book, Book.id == _on.book_id)
            .where(among(_on.category_id, "ids", sqlite=True), *offered(known))
            .subquery()
        )
        told = ranked.c
        query = select(told.category_id, told.sold, told.popularity, told.rating_count, told.id)
        return query.where(told.place <= _BEST)
    # A shelf may have many: of each no more are read than are needed.
    shelf_ids = func.unnest(bindparam("ids", type_=ARRAY(BigInteger)))
    each = shelf_ids.table_valued("id").render_derived(name="each")
    on_shelf = (
        select(*sold)
        .join(book_categories, _on.book_id == Book.id)
        .where(_on.category_id == each.c.id, *offered(known))
        .order_by(*most_sold(Book))
        .limit(_BEST)
        .lateral("best")
    )
    return select(each.c.id, *on_shelf.c).select_from(each.join(on_shelf, true()))


@cache
def _best(known: bool) -> AnySelect:
    return select(Book.id).where(*offered(known)).order_by(*most_sold(Book)).limit(_BEST)
