"""What the shop is held against: its own statements, sent once more by the driver alone."""

import json

from flask import Flask
from flask_jwt_extended import decode_token
from sqlalchemy import func, select

from benchmarks import inside
from benchmarks.ceilings import databases, recipe, recording, replaying
from benchmarks.client import Request
from bookstore.extensions import db
from bookstore.models import CartItem, Order, OrderItem
from tests.clients import ADDRESS
from tests.factories import check_books, fill_carts, make_book, make_buyers

COPIES = 2


def test_orders_of_the_recipe_are_orders(shop: Flask, database: str) -> None:
    """Recorded for some buyers, replayed for another: an order of theirs, taken from stock."""
    with shop.app_context():
        books = [make_book(stock=50, price=1310).id for _ in range(8)]
    buyers = make_buyers(shop, 8)
    fill_carts(
        shop,
        {user: [(book, COPIES)] for (user, _), book in zip(buyers, books, strict=True)},
    )
    body = json.dumps({"shipping_address": ADDRESS}).encode()
    known = []
    with shop.app_context():
        for (user, token), book in zip(buyers, books, strict=True):
            session = decode_token(token)["sid"]
            known.append({"id": user, "session": session, "book": book})
    runs = []
    chosen = (7, 0, 5, 2, 3)  # the first warms up
    with shop.app_context(), recording.recorded(db.engine) as sent:
        for number in chosen:
            sent.clear()
            request = Request("/api/v2/orders", "POST", buyers[number][1], body)
            assert inside.ask(shop, request).status == 201
            runs.append(list(sent))
    steps = recipe.made(runs[1:], [known[number] for number in chosen[1:]])
    assert [step.text.split()[0] for step in steps].count("INSERT") >= 4

    with shop.app_context():
        url = shop.config["SETTINGS"].sqlalchemy_url
        assert databases.is_sqlite(url) == (database == "sqlite")
    connection = databases.opened(url)
    try:
        for number in (6, 1):
            replaying.replay(connection, steps, known[number])
    finally:
        connection.close()

    stock = check_books(shop)
    with shop.app_context():
        for number in (6, 1):
            mine = select(OrderItem).join(Order).where(Order.user_id == known[number]["id"])
            [item] = db.session.scalars(mine).all()
            assert (item.book_id, item.quantity) == (books[number], COPIES)
            assert stock[books[number]] == 50 - COPIES
        assert db.session.scalar(select(func.count(func.distinct(Order.number)))) == 7
        left = set(db.session.scalars(select(CartItem.book_id)))
        assert left == {books[4]}
