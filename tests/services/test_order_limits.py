"""Orders that no card could pay are refused before anything is taken."""

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import errors, money
from bookstore.models import Coupon, Order, ShippingMethod, StockMovement
from bookstore.services import cart, orders, payments
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS, ok, problem
from tests.factories import (
    check_books,
    make_book,
    make_user,
    new_book,
    new_coupon,
    reader_and_clerk,
)
from tests.fakes.stripe import FakeStripe
from tests.paying import intent, place, rows


@pytest.fixture
def free_delivery(app: Flask) -> None:
    with unit_of_work() as session:
        session.execute(update(ShippingMethod).values(price=0))


@pytest.mark.usefixtures("free_delivery")
@pytest.mark.parametrize(
    ("price", "told"),
    [
        (49, "costs 0.49 USD. A card cannot be charged less than 0.50 USD."),
        (100_000_000, "costs 1000000.00 USD. A card cannot be charged more than 999999.99 USD."),
    ],
)
def test_too_little_and_too_much(shop: Flask, price: int, told: str) -> None:
    less = money.to_text(price * 2, "usd")
    new_coupon(shop, "TWOTHIRDS", less, kind="fixed", usage_limit=1)
    user, book = make_user(), make_book(price=price * 3, stock=1)
    cart.add_item(user, book.id)
    cart.put_coupon(user, "TWOTHIRDS")
    before = len(rows(StockMovement))
    with pytest.raises(errors.OrderNotPayable, match=told):
        orders.place(user, ADDRESS)
    assert rows(Order) == []
    assert len(rows(StockMovement)) == before
    assert rows(Coupon)[0].used == 0
    assert check_books(shop) == {book.id: 1}
    assert [item["quantity"] for item in cart.get(user)["items"]] == [1]


@pytest.mark.usefixtures("free_delivery")
@pytest.mark.parametrize("price", [50, 99_999_999])
def test_just_enough_and_not_too_much(fake_stripe: FakeStripe, price: int) -> None:
    order = place(price=price)
    assert intent(order).amount == order.total_amount == price


@pytest.mark.parametrize(
    ("currency", "total", "limit"), [("jpy", 49, "50 JPY"), ("kwd", 100_000_000, "99999.990 KWD")]
)
def test_by_currency(currency: str, total: int, limit: str) -> None:
    with pytest.raises(errors.OrderNotPayable, match=limit):
        payments.require_chargeable(total, currency)


@pytest.mark.usefixtures("free_delivery")
def test_over_http(shop: Flask) -> None:
    reader, _ = reader_and_clerk(shop)
    ok(
        reader.post("/cart/items", {"book_id": new_book(shop, price=1, stock=49), "quantity": 49}),
        201,
    )
    body = {"shipping_address": ADDRESS, "expected_total": "0.49"}
    refused = problem(reader.post("/orders", body), 409, "order_not_payable")
    assert refused["detail"].startswith("This order costs 0.49 USD.")
    # What the buyer was shown comes first.
    other = {**body, "expected_total": "0.48"}
    problem(reader.post("/orders", other), 409, "total_changed")
    ok(reader.post("/cart/items", {"book_id": new_book(shop, price=1), "quantity": 1}), 201)
    assert ok(reader.post("/orders", {"shipping_address": ADDRESS}), 201)["total_amount"] == "0.50"
