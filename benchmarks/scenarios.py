"""What is measured: the requests of each line of the table."""

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from benchmarks import inside
from benchmarks.client import Request
from benchmarks.shop import Buyer, Shop

WARM_UP = 150  # requests before each measured window
BASE = "flask"
ADDRESS = {
    "name": "Ann Reader",
    "line1": "1 High Street",
    "city": "York",
    "postal_code": "YO1 7HH",
    "country": "GB",
}

SHOP, RAW = "wsgi:app", "benchmarks.ceilings.app:app"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line: a name, the application asked, and what it is asked.

    ``requests`` prepares the shop for a round and returns the round's requests. They are
    repeated for as long as the round lasts if ``again``; else each is sent once at most.
    Every answer must have ``status`` and contain ``holds``, in its head or body: a cart that is
    empty by mistake would be cheap.
    ``raw`` names the line with the same work without a framework. ``aim`` is how many times that
    one it may cost, or how many times bare Flask where there is none.
    ``guide`` is what a tutorial's literal build took for it in milliseconds of CPU, its
    PostgreSQL's among them; measured once, on the same kind of machine.
    """

    name: str
    title: str
    requests: Callable[[Shop], Sequence[Request]]
    app: str = SHOP
    status: int = 200
    holds: bytes = b""
    again: bool = False
    aim: float | None = None
    raw: str | None = None
    guide: float | None = None


def _hello(_shop: Shop) -> list[Request]:
    return [Request("/")]


def _always(path: str, **more: Any) -> Callable[[Shop], list[Request]]:
    return lambda _shop: [Request(path, **more)]


def _list_known(_shop: Shop) -> list[Request]:
    plain = Request("/api/v2/books")
    tag = inside.ask(inside.application(SHOP), plain).headers["etag"]
    return [replace(plain, more=(("If-None-Match", tag),))]


def _list_of_user(shop: Shop) -> list[Request]:
    return [Request("/api/v2/books", token=buyer.token) for buyer in shop.buyers[:100]]


def _list_uncached(shop: Shop) -> list[Request]:
    # Dearer than any book: the same rows each time, under a key that is not in the cache.
    shop.forget_cached()
    return [Request(f"/api/v2{path}") for path in _all_by_price(shop)]


def _list_raw(shop: Shop) -> list[Request]:
    return [Request(path) for path in _all_by_price(shop)]


def _all_by_price(shop: Shop) -> list[str]:
    dearest = max(price for _, price, _ in shop.books) // 100 + 1
    return [f"/books?max_price={dearest + n // 100}.{n % 100:02}" for n in range(shop.many)]


def _detail(shop: Shop) -> list[Request]:
    return [Request(f"/api/v2/books/{book_id}") for book_id, _, _ in shop.books[:100]]


def _detail_uncached(shop: Shop) -> list[Request]:
    shop.forget_cached()
    return [Request(f"/api/v2/books/{book_id}") for book_id, _, _ in shop.books]


def _detail_raw(shop: Shop) -> list[Request]:
    return [Request(f"/books/{book_id}") for book_id, _, _ in shop.books]


def _search(shop: Shop) -> list[Request]:
    return [Request(f"/api/v2/books?q={words}") for words in _half_remembered(shop)]


def _search_raw(shop: Shop) -> list[Request]:
    return [Request(f"/search?q={words}") for words in _half_remembered(shop)]


def _half_remembered(shop: Shop) -> list[str]:
    """Two words of a title each, as somebody who half remembers it would type."""
    chance = random.Random(7)
    found: list[str] = []
    for _, _, title in chance.sample(shop.books, min(2000, len(shop.books))):
        words = [word for word in title.split() if re.fullmatch(r"[A-Za-z]{4,}", word)]
        if len(words) >= 2 and len(found) < 500:
            found.append(f"{words[0]}+{words[1]}".lower())
    return found


def _cart(shop: Shop) -> list[Request]:
    shop.fill_carts(3)
    return [Request("/api/v2/cart", token=buyer.token) for buyer in shop.buyers]


def _cart_raw(shop: Shop) -> list[Request]:
    shop.fill_carts(3)
    return [Request("/cart", token=_who(buyer)) for buyer in shop.buyers]


def _add(shop: Shop) -> list[Request]:
    return _adding(shop, "/api/v2/cart/items", lambda buyer: buyer.token)


def _add_raw(shop: Shop) -> list[Request]:
    return _adding(shop, "/add", _who)


def _adding(shop: Shop, path: str, token: Callable[[Buyer], str]) -> list[Request]:
    shop.fill_carts(2)
    return [
        Request(
            path,
            "POST",
            token(buyer),
            orjson.dumps({"book_id": buyer.books[2][0], "quantity": 1}),
        )
        for buyer in shop.buyers
    ]


def _order(shop: Shop) -> list[Request]:
    return _ordering(shop, "/api/v2/orders", lambda buyer: buyer.token)


def _order_raw(shop: Shop) -> list[Request]:
    return _ordering(shop, "/order", _who)


def _ordering(shop: Shop, path: str, token: Callable[[Buyer], str]) -> list[Request]:
    shop.fill_carts(3)
    body = orjson.dumps({"shipping_address": ADDRESS})
    return [Request(path, "POST", token(buyer), body) for buyer in shop.buyers]


def _who(buyer: Buyer) -> str:
    return f"{buyer.cart_id} {buyer.session_id}"


_BOOK = b'"average_rating"'
_MORE = b'"next_cursor":"'
_THREE = b'"total_items":3'
_PENDING = b'"status":"pending"'
_BROTLI = _always("/api/v2/books", more=(("Accept-Encoding", "gzip, deflate, br"),))
_GRAPHQL = _always(
    "/graphql/",
    method="POST",
    body=orjson.dumps(
        {"query": "{ allBooks { id title price author { fullName } reviews { rating comment } } }"}
    ),
)

SCENARIOS = (
    Scenario("raw", "raw WSGI hello", _hello, "benchmarks.hello:raw", again=True),
    Scenario(BASE, "bare Flask hello", _hello, "benchmarks.hello:bare", again=True),
    Scenario(
        *("list", "book list, cached", _always("/api/v2/books")),
        holds=_MORE,
        again=True,
        aim=1.5,
        guide=2.4,
    ),
    Scenario(
        *("list-304", "book list, not modified", _list_known), status=304, again=True, aim=1.3
    ),
    Scenario(
        *("list-br", "book list, cached, brotli", _BROTLI),
        holds=b"Content-Encoding: br",
        again=True,
        aim=1.5,
    ),
    Scenario("list-user", "book list, cached, signed in", _list_of_user, holds=_MORE, again=True),
    Scenario("detail", "book detail, cached", _detail, holds=_BOOK, again=True, aim=1.5),
    Scenario(
        *("bestsellers", "bestsellers, cached", _always("/api/v2/books/bestsellers")),
        holds=_BOOK,
        again=True,
        aim=1.5,
    ),
    Scenario(
        *("facets", "categories, cached", _always("/api/v2/categories")),
        holds=b'"slug"',
        again=True,
        aim=1.5,
    ),
    Scenario(
        *("list-uncached", "book list, not cached", _list_uncached),
        holds=_MORE,
        aim=2.5,
        raw="raw-list",
        guide=22.8 + 5.1,
    ),
    Scenario("raw-list", "  the same, raw", _list_raw, RAW, holds=_MORE),
    Scenario(
        *("detail-uncached", "book detail, not cached", _detail_uncached),
        holds=_BOOK,
        aim=2,
        raw="raw-detail",
        guide=21.3 + 4.3,
    ),
    Scenario("raw-detail", "  the same, raw", _detail_raw, RAW, holds=_BOOK),
    Scenario(*("search", "search, two words", _search), holds=_BOOK, again=True, raw="raw-search"),
    Scenario("raw-search", "  the same, raw", _search_raw, RAW, holds=_BOOK, again=True),
    Scenario(
        *("cart", "cart read, 3 lines", _cart),
        holds=_THREE,
        again=True,
        aim=3,
        raw="raw-cart",
        guide=22.2 + 6.0,
    ),
    Scenario("raw-cart", "  the same, raw", _cart_raw, RAW, holds=_THREE, again=True),
    Scenario(
        *("add", "add to cart, 3rd line", _add),
        status=201,
        holds=_THREE,
        aim=3,
        raw="raw-add",
        guide=26.6 + 8.0,
    ),
    Scenario("raw-add", "  its statements, raw", _add_raw, RAW, 201, _THREE),
    Scenario(
        *("order", "place order, 3 lines", _order),
        status=201,
        holds=_PENDING,
        aim=3,
        raw="raw-order",
        guide=36.7 + 13.2,
    ),
    Scenario("raw-order", "  its statements, raw", _order_raw, RAW, 201, _PENDING),
    Scenario(
        *("graphql", "GraphQL, 20 books", _GRAPHQL),
        holds=b'"comment"',
        again=True,
        guide=46.4 + 11.0,
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def chosen(names: str | None) -> tuple[Scenario, ...]:
    """Return the scenarios of a comma-separated list, and those that they are held against.

    Raises:
        KeyError: there is none of that name.
    """
    if names is None:
        return SCENARIOS
    asked = [BY_NAME[name] for name in names.split(",")]
    wanted = {scenario.name for scenario in asked} | {scenario.raw for scenario in asked} | {BASE}
    return tuple(scenario for scenario in SCENARIOS if scenario.name in wanted)


def stream(scenario: Scenario, requests: Sequence[Request]) -> Iterator[bytes]:
    """Return the bytes to send, in order; encoded beforehand, so that sending is cheap."""
    encoded = [request.encoded() for request in requests]
    return itertools.cycle(encoded) if scenario.again else iter(encoded)
