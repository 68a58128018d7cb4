"""Stock as staff looks after it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Event
from bookstore.services import orders, stock_levels
from bookstore.services.actors import GUEST, SYSTEM
from bookstore.services.paging import PageRequest
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, statements
from tests.factories import check_books, fill_carts, make_book, make_user
from tests.services.races import Held, in_thread, wait_for


def titles(q: str = "", *, low: bool = False) -> list[str]:
    found, cursor = [], None
    while True:
        page = stock_levels.list_books(SYSTEM, PageRequest(2, cursor), q=q, low=low)
        found += [row.title for row in page.data]
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_books_are_found(app: Flask) -> None:
    make_book("Dune", stock=5, isbn="9780441172719", sku="D-1")
    make_book("Dune Messiah", stock=6)
    make_book("Ulysses", stock=0)
    make_book("Soon", stock=0, status="coming_soon")
    assert titles() == ["Soon", "Ulysses", "Dune Messiah", "Dune"]
    assert titles("dune") == ["Dune", "Dune Messiah"]
    assert titles("978-0-441-17271-9") == titles("d-1") == ["Dune"]
    assert titles(low=True) == ["Ulysses", "Dune"]
    assert titles("dune", low=True) == ["Dune"]
    assert titles("?!") == titles("nothing") == []
    with statements(app) as said:
        stock_levels.list_books(SYSTEM, PageRequest(), low=True)
    assert len(said) == 1
    with pytest.raises(errors.Forbidden):
        stock_levels.list_books(GUEST, PageRequest())


def test_it_is_put_right_and_the_ledger_says_why(app: Flask) -> None:
    book, buyer = make_book("Dune", stock=3), make_user()
    fill_carts(app, {buyer.id: [(book.id, 2)]})
    order = orders.place(buyer, ADDRESS)
    assert stock_levels.get(SYSTEM, book.id)["ordered"] == 2
    assert stock_levels.adjust(SYSTEM, book.id, by=4, note="delivered").stock == 5
    with pytest.raises(errors.PreconditionFailed):
        stock_levels.adjust(SYSTEM, book.id, to=3, seen=1)
    assert stock_levels.adjust(SYSTEM, book.id, to=0, seen=5, note="a burst pipe").stock == 0
    for wrong in ({"by": -1}, {"to": -1}, {"by": 10_000_001}, {"to": 2**40}, {}):
        with pytest.raises(errors.Invalid) as raised:
            stock_levels.adjust(SYSTEM, book.id, **wrong)
        assert "amount" in raised.value.extra["errors"]
    stock_levels.adjust(SYSTEM, book.id, by=0)
    ledger = stock_levels.movements(SYSTEM, book.id, PageRequest()).data
    assert [(row.delta, row.reason, row.note, row.order_number) for row in ledger] == [
        (-5, "adjustment", "a burst pipe", None),
        (4, "adjustment", "delivered", None),
        (-2, "order", "", order.number),
        (3, "initial", "", None),
    ]
    check_books(app)
    told = db.session.scalars(select(Event.type).order_by(Event.id)).all()
    assert told[-3:] == ["book.updated", "book.low_stock", "book.updated"]
    for nobody in (lambda: stock_levels.get(GUEST, 1), lambda: stock_levels.adjust(GUEST, 1, by=1)):
        with pytest.raises(errors.Forbidden):
            nobody()


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_sale_meanwhile_is_counted(app: Flask) -> None:
    book, buyer = make_book(stock=3), make_user()
    fill_carts(app, {buyer.id: [(book.id, 2)]})
    with ThreadPoolExecutor(2) as pool:
        sale = Held(app, pool, lambda: orders.place(buyer, ADDRESS))
        taken = in_thread(app, pool, lambda: stock_levels.adjust(SYSTEM, book.id, by=-2))
        wait_for(app, 1)
        sale.commit()
        with pytest.raises(errors.Invalid):
            taken.result(20)
    with unit_of_work():
        assert stock_levels.get(SYSTEM, book.id)["stock"] == 1
    check_books(app)
