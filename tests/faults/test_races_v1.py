"""The races of the old shop, by its own client, against several processes (guide: "Races")."""

from collections import Counter
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from bookstore.extensions import db
from bookstore.models import Order
from tests.clients import LiveShop, at_once
from tests.factories import check_books, fill_carts, make_buyers, new_book

pytestmark = pytest.mark.faults

ADDRESS = {"shipping_address": "1 High Street, York, UK"}


def call(live: LiveShop, token: str, method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(
        method, f"{live.url}/api/v1/{path}/", json=body, headers=headers, timeout=60
    )


def test_one_cart_makes_one_order(shop: Flask, live: LiveShop) -> None:
    book = new_book(shop, price=13100, stock=100)
    [(user, token)] = make_buyers(shop, 1)
    fill_carts(shop, {user: [(book, 1)]})
    order = partial(call, live, token, "POST", "orders/create_from_cart", ADDRESS)
    answers = at_once([order] * 50)
    assert Counter(answer.status_code for answer in answers) == {201: 1, 400: 49}
    [made] = [answer.json() for answer in answers if answer.status_code == 201]
    assert [line["quantity"] for line in made["items"]] == [1]
    assert Decimal(made["subtotal"]) == 131
    refusals = [answer.json() for answer in answers if answer.status_code == 400]
    assert refusals == [{"error": "Cart is empty"}] * 49
    assert check_books(shop) == {book: 99}
    with shop.app_context():
        assert db.session.scalar(select(func.count()).select_from(Order)) == 1


def test_no_copy_that_is_added_gets_lost(shop: Flask, live: LiveShop) -> None:
    book = new_book(shop, stock=1000)
    [(_, token)] = make_buyers(shop, 1)
    add = partial(call, live, token, "POST", "cart/add_item", {"book_id": book, "quantity": 1})
    assert {answer.status_code for answer in at_once([add] * 200)} == {201}
    assert call(live, token, "GET", "cart").json()["total_items"] == 200
