"""Makes the ceilings ready for a shop: recipes of its writes, and a look at what is answered."""

import pickle
from collections.abc import Iterator
from typing import Any

import orjson
from flask import current_app
from sqlalchemy import Connection, func, insert, select, update

from benchmarks import inside, scenarios
from benchmarks.ceilings import app as raw, databases, recipe, recording
from benchmarks.client import Request
from benchmarks.shop import Buyer, Shop
from bookstore.extensions import db
from bookstore.models import Event, ShoppingCart

# Far apart and in no order, so that no buyer's number is by chance that of an order.
_RECORDED = (17, 5, 42, 29)
_EVENTS = 1_000_003
_WARM = (51, 52, 53)
_WRITES = ("add", "order")


def prepare(shop: Shop) -> None:
    """Record the shop's writes for the raw views, and compare what both answer to the reads.

    Raises:
        RuntimeError: a raw view answers something else than the shop, or one of them nothing.
    """
    with db.engine.begin() as connection:
        # As different as their numbers: what happens to be 1 for everybody tells nothing.
        table = ShoppingCart.__table__
        connection.execute(update(table).values(version=table.c.id * 13 + 7))
        _set_events_apart(connection)
    recipes = {name: _recorded(shop, name) for name in _WRITES}
    kept = {
        "recipes": recipes,
        "buyers": {str(buyer.cart_id): _known(buyer) for buyer in shop.buyers},
    }
    (shop.folder / raw.RECIPES).write_bytes(pickle.dumps(kept))
    try:
        _compare(shop)
    finally:
        # The next shop has another database.
        databases.close()


def _set_events_apart(connection: Connection) -> None:
    """Number events from far away, or each might have the number of its order."""
    old = {"type": "ping", "aggregate": "endpoint", "aggregate_id": 1, "sequence": 1}
    more = {"id": _EVENTS, "public_id": "evt_old", "transaction_id": 0, "body": b"{}"}
    connection.execute(insert(Event.__table__).values(**old, **more))
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence("events", "id")
        connection.execute(select(func.setval(sequence, _EVENTS)))


def _recorded(shop: Shop, name: str) -> tuple[list[recipe.Step], Any]:
    scenario = scenarios.BY_NAME[name]
    requests = scenario.requests(shop)
    runs = []
    with recording.recorded(db.engine) as sent:
        for number in (*_WARM, *_RECORDED):
            sent.clear()
            answer = inside.ask(_shop_app(), requests[number])
            if answer.status != scenario.status:
                raise RuntimeError(f"{scenario.title}: {answer}")
            runs.append(list(sent))
    known = [_known(shop.buyers[number]) for number in _RECORDED]
    return recipe.made(runs[len(_WARM) :], known), orjson.loads(answer.body)


def _known(buyer: Buyer) -> dict[str, Any]:
    """Return what a statement may have of a buyer, by name."""
    found: dict[str, Any] = {"id": buyer.cart_id, "session": buyer.session_id}
    for number, (book_id, price) in enumerate(buyer.books):
        found |= {f"book{number}": book_id, f"price{number}": price}
    for number, (book_id, price) in enumerate(sorted(buyer.books)):
        found |= {f"sorted{number}": book_id, f"sorted_price{number}": price}
    return found


def _compare(shop: Shop) -> None:
    raw_app = raw.create(shop.settings.sqlalchemy_url, shop.folder)
    for name, ours, theirs in _pairs(shop):
        answers = [inside.ask(_shop_app(), ours), inside.ask(raw_app, theirs)]
        for request, answer in zip((ours, theirs), answers, strict=True):
            if answer.status != 200:
                raise RuntimeError(f"{name}: {request.path}: {answer}"[:3000])
        documents = [orjson.loads(answer.body) for answer in answers]
        pages = [document.get("data", document) for document in documents]
        if pages[0] != pages[1] or not pages[0]:
            raise RuntimeError(
                f"{name}: the raw view answers otherwise than the shop\n{ours.path}\n"
                f"shop: {str(pages[0])[:1500]}\nraw:  {str(pages[1])[:1500]}"
            )


def _pairs(shop: Shop) -> Iterator[tuple[str, Request, Request]]:
    for name in ("list-uncached", "detail-uncached", "search", "cart"):
        scenario = scenarios.BY_NAME[name]
        ours = scenario.requests(shop)
        assert scenario.raw is not None
        theirs = scenarios.BY_NAME[scenario.raw].requests(shop)
        for place in range(0, len(ours), max(1, len(ours) // 20)):
            yield scenario.title, ours[place], theirs[place]


def _shop_app() -> Any:
    return current_app._get_current_object()  # type: ignore[attr-defined]
