"""Stock and prices, looked after in the console."""

import re

from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db
from bookstore.models import AuditEntry, Book, StockMovement
from bookstore.services import catalog_editing
from bookstore.services.actors import SYSTEM
from tests.clients import statements
from tests.console.browsing import Browser
from tests.factories import new_book


def test_stock_is_found_and_put_right(shop: Flask) -> None:
    nasty = '<script>alert("x")</script> & Sons'
    book = new_book(shop, title=nasty, stock=3, sku="S-1")
    for number in range(30):
        new_book(shop, title=f"Filler {number}")
    clerk = Browser.of(shop).open("/admin/stock/")
    assert (clerk.page.count("<tr"), "Next page" in clerk.page) == (26, True)
    link = re.search(r'rel="next" href="([^"]+)"', clerk.page)
    assert link
    clerk.open(link[1].replace("&amp;", "&"))
    assert (clerk.page.count("<tr"), "Next page" in clerk.page) == (7, False)
    with statements(shop) as said:
        clerk.open("/admin/stock/?low=true")
    assert len(said) == 2  # who asks, and the books
    assert clerk.page.count("<tr") == 2
    path = f"/admin/stock/{book}"
    clerk.open("/admin/stock/?q=s-1").open(path)
    assert "<script>alert" not in clerk.page
    assert "&lt;script&gt;" in clerk.page
    twice = clerk.form(path) | {"how": "add", "amount": "4", "note": "a <b>box</b> came"}
    clerk.post(path, twice)
    assert "The stock is put right." in clerk.page
    assert "a &lt;b&gt;box&lt;/b&gt; came" in clerk.page
    clerk.post(path, twice)
    for how, amount, said_so in (
        ("take", "8", "none can be taken"),
        ("set", "-1", "amount"),
        ("set", "1e3", "amount"),
    ):
        clerk.send(path, how=how, amount=amount, note="x")
        assert clerk.answer.status_code == 422
        assert said_so in clerk.page
        assert 'id="amount-error"' in clerk.page
        assert f'value="{amount}"' in clerk.page
    with shop.app_context():
        assert db.session.get_one(Book, book).stock == 7
        # Sold, or put right by another, while the page was open.
        catalog_editing.update_book(SYSTEM, book, {"stock": 5})
    clerk.send(path, how="set", amount="7", note="counted", seen="7")
    assert clerk.answer.status_code == 409
    assert "Somebody has changed this" in clerk.page
    clerk.send(path, how="set", amount="4", note="counted", seen="5")
    assert "The stock is put right." in clerk.page
    with shop.app_context():
        moves = select(StockMovement.delta).where(StockMovement.book_id == book)
        assert db.session.scalars(moves.order_by(StockMovement.id)).all() == [3, 4, -2, -1]
        noted = select(AuditEntry.action, AuditEntry.target_kind, AuditEntry.target_id)
        adjusted = ("console.stock.adjust", "book", str(book))
        assert [tuple(row) for row in db.session.execute(noted)] == [adjusted, adjusted]


def test_a_price_is_changed_by_who_has_seen_it(shop: Flask) -> None:
    book = new_book(shop, title="Dune", price=1999)
    path = f"/admin/prices/{book}"
    clerk, other = Browser.of(shop).open(path), Browser.of(shop).open(path)
    assert "19.99 USD" in clerk.open("/admin/prices/?q=dune").page
    clerk.open(path).send(path, price="17.50")
    assert "17.50 USD now" in clerk.page
    other.send(path, price="18.00")
    assert other.answer.status_code == 409
    assert ("17.50 USD now" in other.page, 'value="18.00"' in other.page) == (True, True)
    other.send(path, price="18.00", version="newest")
    assert (other.answer.status_code, "17.50 USD now" in other.page) == (409, True)
    for wrong in ("", "17,50", "-1", "9" * 20, "1.999"):
        clerk.send(path, price=wrong)
        assert (clerk.answer.status_code, 'id="price-error"' in clerk.page) == (422, True)
    # Looked at once more, it goes.
    other.send(path, price="18.00")
    assert "18.00 USD now" in other.page
    with shop.app_context():
        details = [entry.detail for entry in db.session.scalars(select(AuditEntry))]
        assert [found["price"] for found in details] == ["17.50", "18.00"]
