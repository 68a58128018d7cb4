"""What an order costs: it always adds up, and the database insists on it."""

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bookstore import errors, money
from bookstore.models import Order
from bookstore.services import orders, pricing
from bookstore.services.actors import Actor
from bookstore.services.pricing import Line
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import fill_carts, make_book, make_user

LINES = st.lists(
    st.builds(
        Line,
        book_id=st.integers(1, 2**63 - 1),
        quantity=st.integers(1, 999),
        unit_price=st.integers(0, 10**8),
    ),
    min_size=1,
    max_size=200,
)


@given(LINES)
def test_the_sum_is_the_total(lines: list[Line]) -> None:
    quote = pricing.quote(lines)
    assert quote.lines == tuple(lines)
    assert quote.subtotal == sum(line.quantity * line.unit_price for line in lines)
    assert quote.subtotal == sum(line.total for line in quote.lines)
    assert quote.total == quote.subtotal - quote.discount + quote.shipping + quote.tax
    assert min(quote.subtotal, quote.discount, quote.shipping, quote.tax, quote.total) >= 0
    # The largest order there can be still fits the column and can be read back.
    assert quote.total < 2**63


@given(LINES, st.sampled_from(["usd", "jpy", "kwd"]))
def test_the_texts_add_up_as_well(lines: list[Line], currency: str) -> None:
    quote = pricing.quote(lines)
    shown = [money.to_text(line.total, currency) for line in quote.lines]
    assert sum(money.to_minor(text, currency) for text in shown) == quote.subtotal
    assert money.to_minor(money.to_text(quote.total, currency), currency) == quote.total


@given(st.text(max_size=30).filter(lambda code: code not in pricing.METHODS))
def test_only_known_methods(code: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        pricing.quote([Line(1, 1, 1)], code)
    assert list(refused.value.extra["errors"]) == ["shipping_method"]


def test_an_order_is_what_was_quoted(app: Flask) -> None:
    user, book = make_user(), make_book(price=1999, stock=5)
    fill_carts(app, {user.id: [(book.id, 3)]})
    order = orders.place(Actor(user.id, "user:x"), ADDRESS)
    quote = pricing.quote([Line(book.id, 3, 1999)])
    for name in ("subtotal", "discount", "shipping", "tax"):
        assert getattr(order, name) == getattr(quote, name)
    assert order.total_amount == quote.total
    assert sum(item.line_total for item in order.items) == order.subtotal


@pytest.mark.parametrize("part", ["subtotal", "discount", "shipping", "tax", "total_amount"])
@pytest.mark.parametrize("by", [1, -1])
def test_the_database_refuses_what_does_not_add_up(app: Flask, part: str, by: int) -> None:
    user, book = make_user(), make_book(stock=5)
    fill_carts(app, {user.id: [(book.id, 1)]})
    order = orders.place(Actor(user.id, "user:x"), ADDRESS)
    column = getattr(Order, part)
    with pytest.raises(IntegrityError), unit_of_work() as session:
        session.execute(update(Order).where(Order.id == order.id).values({column: column + by}))


def test_the_database_refuses_a_negative_total(app: Flask) -> None:
    user, book = make_user(), make_book(stock=5)
    fill_carts(app, {user.id: [(book.id, 1)]})
    order = orders.place(Actor(user.id, "user:x"), ADDRESS)
    less = {Order.discount: order.total_amount + 1, Order.total_amount: -1}
    with pytest.raises(IntegrityError), unit_of_work() as session:
        session.execute(update(Order).where(Order.id == order.id).values(less))
