"""What is measured: the requests of each line of the table."""

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from benchmarks.client import Request
from benchmarks.shop import Shop

WARM_UP = 300  # requests before each measured window
BASE = "flask"
ADDRESS = {
    "name": "Ann Reader",
    "line1": "1 High Street",
    "city": "York",
    "postal_code": "YO1 7HH",
    "country": "GB",
}

SHOP = "wsgi:app"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line: a name, the application asked, and what it is asked.

    ``requests`` prepares the shop for a round and returns the round's requests. They are
    repeated for as long as the round lasts if ``again``; else each is sent once at most.
    Every answer must have ``status`` and contain ``holds``: a cart that is empty by mistake
    would be cheap.
    ``aim`` is how many times bare Flask it may cost.
    """

    name: str
    title: str
    requests: Callable[[Shop], Sequence[Request]]
    app: str = SHOP
    status: int = 200
    holds: bytes = b""
    again: bool = False
    aim: float | None = None


def _hello(_shop: Shop) -> list[Request]:
    return [Request("/")]


def _list(_shop: Shop) -> list[Request]:
    return [Request("/api/v2/books")]


def _list_uncached(shop: Shop) -> list[Request]:
    # Dearer than any book: the same rows each time, under a key that is not in the cache.
    shop.forget_cached()
    dearest = max(price for _, price, _ in shop.books) // 100 + 1
    return [
        Request(f"/api/v2/books?max_price={dearest + n // 100}.{n % 100:02}")
        for n in range(shop.many)
    ]


def _detail(shop: Shop) -> list[Request]:
    return [Request(f"/api/v2/books/{book_id}") for book_id, _, _ in shop.books[:100]]


def _detail_uncached(shop: Shop) -> list[Request]:
    shop.forget_cached()
    return [Request(f"/api/v2/books/{book_id}") for book_id, _, _ in shop.books]


def _search(shop: Shop) -> list[Request]:
    """Two words of a title each, as somebody who half remembers it would type."""
    chance = random.Random(7)
    found: list[Request] = []
    for _, _, title in chance.sample(shop.books, min(2000, len(shop.books))):
        words = [word for word in title.split() if re.fullmatch(r"[A-Za-z]{4,}", word)]
        if len(words) >= 2 and len(found) < 500:
            found.append(Request(f"/api/v2/books?q={words[0]}+{words[1]}".lower()))
    return found


def _cart(shop: Shop) -> list[Request]:
    shop.fill_carts(3)
    return [Request("/api/v2/cart", token=buyer.token) for buyer in shop.buyers]


def _add(shop: Shop) -> list[Request]:
    shop.fill_carts(2)
    return [
        Request(
            "/api/v2/cart/items",
            "POST",
            buyer.token,
            orjson.dumps({"book_id": buyer.books[2][0], "quantity": 1}),
        )
        for buyer in shop.buyers
    ]


def _order(shop: Shop) -> list[Request]:
    shop.fill_carts(3)
    body = orjson.dumps({"shipping_address": ADDRESS})
    return [Request("/api/v2/orders", "POST", buyer.token, body) for buyer in shop.buyers]


_BOOK = b'"average_rating"'
_MORE = b'"next_cursor":"'
_THREE = b'"total_items":3'

SCENARIOS = (
    Scenario("raw", "raw WSGI hello", _hello, "benchmarks.hello:raw", again=True),
    Scenario(BASE, "bare Flask hello", _hello, "benchmarks.hello:bare", again=True),
    Scenario("list", "book list, cached", _list, holds=_MORE, again=True, aim=1.5),
    Scenario("list-uncached", "book list, not cached", _list_uncached, holds=_MORE, aim=2.5),
    Scenario("detail", "book detail, cached", _detail, holds=_BOOK, again=True, aim=1.5),
    Scenario("detail-uncached", "book detail, not cached", _detail_uncached, holds=_BOOK),
    Scenario("search", "search, two words", _search, holds=_BOOK, again=True),
    Scenario("cart", "cart read, 3 lines", _cart, holds=_THREE, again=True),
    Scenario("add", "add to cart, 3rd line", _add, status=201, holds=_THREE),
    Scenario("order", "place order, 3 lines", _order, status=201, holds=b'"status":"pending"'),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def chosen(names: str | None) -> tuple[Scenario, ...]:
    """Return the scenarios of a comma-separated list, bare Flask always among them.

    Raises:
        KeyError: there is none of that name.
    """
    if names is None:
        return SCENARIOS
    wanted = {BY_NAME[name].name for name in names.split(",")} | {BASE}
    return tuple(scenario for scenario in SCENARIOS if scenario.name in wanted)


def stream(scenario: Scenario, requests: Sequence[Request]) -> Iterator[bytes]:
    """Return the bytes to send, in order; encoded beforehand, so that sending is cheap."""
    encoded = [request.encoded() for request in requests]
    return itertools.cycle(encoded) if scenario.again else iter(encoded)
