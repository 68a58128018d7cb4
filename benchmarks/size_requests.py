"""What is asked of a small and of a big shop: the same, each of its own books and orders."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import select, text

from benchmarks.client import Request
from benchmarks.scenarios import ADDRESS
from bookstore.extensions import db
from bookstore.models import Author, Book, Category, Order, Publisher
from bookstore.services import catalog, paging

PAGE = 20
DEEP = 10_000  # the number of a page; of a shop with fewer, its last


@dataclass(slots=True)
class Facts:
    """What requests need to know of a shop; tokens of readers with carts, and of staff."""

    books: list[int]
    rated: list[int]
    authors: list[int]
    publishers: list[int]
    shelves: list[str]
    words: list[str]
    common: list[str]
    pairs: list[str]
    numbers: list[str]
    pages: int
    deep: dict[str, str]
    staff: str = ""
    readers: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the table. ``make`` yields requests, ``many`` at most; ``fill`` carts first."""

    name: str
    make: Callable[[Facts], Iterator[Request]]
    status: int = 200
    fill: bool = False


def facts() -> Facts:
    """Look around in the shop of the present context."""
    chance = random.Random(11)
    session = db.session()

    def some(column: Any, many: int = 300) -> list[Any]:
        table = column.class_.__table__
        last = session.scalar(select(table.c.id).order_by(table.c.id.desc()).limit(1)) or 1
        ids = chance.sample(range(1, last + 1), min(many, last))
        return list(session.scalars(select(column).where(column.class_.id.in_(ids))))

    titles = [title.split() for title in some(Book.title, 600)]
    words = [[w for w in title if w.isalpha() and len(w) > 3] for title in titles]
    count = session.scalar(select(db.func.count(Book.id))) or 1
    found = Facts(
        books=some(Book.id),
        rated=list(session.scalars(select(Book.id).order_by(Book.rating_count.desc()).limit(20))),
        authors=some(Author.id),
        publishers=some(Publisher.id),
        shelves=list(session.scalars(select(Category.slug))),
        words=_rare(session),
        common=["garden", "silent", "river", "lisbon", "winter", "house", "daughter", "mirror"],
        pairs=[f"{two[0]}+{two[1]}".lower() for two in words if len(two) > 1],
        numbers=some(Order.number),
        pages=min(DEEP, -(-count // PAGE)),
        deep={},
    )
    for sort in ("-created", "title"):
        found.deep[sort] = _cursor(sort, (found.pages - 1) * PAGE - 1)
    return found


def _rare(session: Any) -> list[str]:
    found = session.scalars(
        text(
            "SELECT split_part(people, ' ', 3) FROM book_search"
            " WHERE book_id % 97 = 5 AND people NOT LIKE '%ö%' ORDER BY book_id LIMIT 300"
        )
    )
    return [word for word in found if len(word) > 6]


def _cursor(sort: str, behind: int) -> str:
    column, parse = catalog.SORTS[sort.removeprefix("-")]
    order = paging.Order(sort, column, Book.id, sort.startswith("-"), parse)
    rows = select(Book.id, column.label("_sort"))
    if order.descending:
        rows = rows.order_by(column.desc(), Book.id.desc())
    else:
        rows = rows.order_by(column, Book.id)
    return paging.encode(order, db.session.execute(rows.offset(behind).limit(1)).one())


def _gets(*paths: str) -> Callable[[Facts], Iterator[Request]]:
    def make(shop: Facts) -> Iterator[Request]:
        for path in paths:
            yield Request(f"/api/v2{path}", token=shop.staff)

    return make


def _of(name: str, path: str) -> Callable[[Facts], Iterator[Request]]:
    def make(shop: Facts) -> Iterator[Request]:
        prefix = "" if path.startswith("/api") else "/api/v2"
        for value in getattr(shop, name):
            yield Request(f"{prefix}{path.format(value)}", token=shop.staff)

    return make


def _deep(sort: str) -> Callable[[Facts], Iterator[Request]]:
    def make(shop: Facts) -> Iterator[Request]:
        path = f"/api/v2/books?sort={sort}&limit={PAGE}&cursor={shop.deep[sort]}"
        yield Request(path, token=shop.staff)

    return make


def _numbered(path: str, *, deep: bool) -> Callable[[Facts], Iterator[Request]]:
    def make(shop: Facts) -> Iterator[Request]:
        # Seldom the same twice: these answers are cached.
        for _ in range(100):
            page = shop.pages - random.randrange(100) if deep else 1 + random.randrange(20)
            size = random.randrange(16, 21)
            yield Request(f"/api/v1{path}?page={page}&page_size={size}", token=shop.staff)

    return make


def _by_readers(path: str, method: str = "GET", body: Any = None) -> Callable[..., Any]:
    def make(shop: Facts) -> Iterator[Request]:
        for token in shop.readers:
            sent = b"" if body is None else orjson.dumps(body)
            yield Request(f"/api/v2{path}", method, token, sent)

    return make


_BUY = {"shipping_address": ADDRESS}
_PERIOD, _YEAR = "from=2026-06-01&to=2026-06-07", "from=2025-06-01&to=2026-05-31"
_SORTS = ("title", "-title", "price", "-price", "published", "-published", "-rating", "-sales")

ASKED = (
    Asked("list, first page", _gets("/books")),
    Asked("list, first page of 100", _gets("/books?limit=100")),
    Asked("list, page 10,000 by cursor", _deep("-created")),
    Asked("list by title, page 10,000 by cursor", _deep("title")),
    Asked("v1 list, first pages", _numbered("/books/", deep=False)),
    Asked("v1 list, pages up to 10,000", _numbered("/books/", deep=True)),
    Asked("list, count=true", _gets("/books?count=true")),
    *(Asked(f"sort={sort}", _gets(f"/books?sort={sort}")) for sort in _SORTS),
    Asked("author_id", _of("authors", "/books?author_id={}")),
    Asked("publisher_id", _of("publishers", "/books?publisher_id={}")),
    Asked("category", _of("shelves", "/books?category={}")),
    Asked("category, sort=price", _of("shelves", "/books?category={}&sort=price")),
    Asked("category, count=true", _of("shelves", "/books?category={}&count=true")),
    Asked("price range", _gets("/books?min_price=10&max_price=12")),
    Asked("price range, sort=price", _gets("/books?min_price=10&max_price=12&sort=price")),
    Asked("published_after", _gets("/books?published_after=2020-01-01")),
    Asked("in_stock=true", _gets("/books?in_stock=true")),
    Asked("in_stock=false", _gets("/books?in_stock=false")),
    Asked("in_stock=false, sort=-sales", _gets("/books?in_stock=false&sort=-sales")),
    Asked("status=coming_soon", _gets("/books?status=coming_soon")),
    Asked("status=out_of_stock", _gets("/books?status=out_of_stock")),
    Asked("search, a common word", _of("common", "/books?q={}")),
    Asked("search, common, sort=price", _of("common", "/books?q={}&sort=price")),
    Asked("search, a rare word", _of("words", "/books?q={}")),
    Asked("search, two words", _of("pairs", "/books?q={}")),
    Asked("search, a beginning", _gets("/books?q=gard", "/books?q=riv", "/books?q=wint")),
    Asked("search, one letter", _gets("/books?q=s", "/books?q=m", "/books?q=t")),
    Asked("search, mistyped", _gets("/books?q=gardne", "/books?q=silnet+rivr")),
    Asked("suggest, one letter", _gets(*(f"/books/suggest?q={a}" for a in "smtgr"))),
    Asked("suggest, three letters", _gets(*(f"/books/suggest?q={a}" for a in ("gar", "sil")))),
    Asked("suggest, two words", _gets("/books/suggest?q=the+silent+gar")),
    Asked("book detail", _of("books", "/books/{}")),
    Asked("v1 book detail", _of("books", "/api/v1/books/{}/")),
    Asked("reviews, first page", _of("rated", "/books/{}/reviews")),
    Asked("v1 reviews, last page", _of("rated", "/api/v1/books/{}/reviews/?page=last")),
    Asked("authors, first page", _gets("/authors")),
    Asked("authors by name", _of("words", "/authors?q={}")),
    Asked("an author", _of("authors", "/authors/{}")),
    Asked("categories", _gets("/categories")),
    Asked("a category", _gets("/categories/1", "/categories/2")),
    Asked("publishers", _gets("/publishers")),
    Asked("cart", _by_readers("/cart"), fill=True),
    Asked("quote", _by_readers("/cart/quote", "POST", _BUY), fill=True),
    Asked("place order", _by_readers("/orders", "POST", _BUY), status=201, fill=True),
    Asked("own orders", _by_readers("/orders")),
    Asked("own orders, count=true", _by_readers("/orders?count=true")),
    Asked("all orders", _gets("/orders?all=true")),
    Asked("all orders, count=true", _gets("/orders?all=true&count=true")),
    Asked("orders by status", _gets("/orders?all=true&status=shipped")),
    Asked("orders by payment status", _gets("/orders?all=true&payment_status=review")),
    Asked("order by number", _of("numbers", "/orders?all=true&number={}")),
    Asked("bestsellers", _gets("/books/bestsellers")),
    Asked("sales of a week", _gets(f"/reports/sales?{_PERIOD}")),
    Asked("sales of all time", _gets("/reports/sales")),
    Asked("best books of a week", _gets(f"/reports/top-books?{_PERIOD}")),
    Asked("best books of a year", _gets(f"/reports/top-books?{_YEAR}")),
    Asked("best books of all time", _gets("/reports/top-books")),
    Asked("abandoned carts", _gets("/reports/abandoned-carts")),
    Asked("abandoned carts, count=true", _gets("/reports/abandoned-carts?count=true")),
)
