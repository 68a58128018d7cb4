"""What an order costs: it always adds up, and the database insists on it."""

from dataclasses import replace

import pytest
from flask import Flask
from hypothesis import given, strategies as st
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bookstore import errors, money
from bookstore.models import Order
from bookstore.services import checkout, orders, pricing
from bookstore.services.actors import Actor
from bookstore.services.pricing import Coupon, Line, Quote, Rate, Shipping
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import fill_carts, make_book, make_user

CLASSES = ("books", "ebooks", "shipping")
LINES = st.lists(
    st.builds(
        Line,
        book_id=st.integers(1, 2**63 - 1),
        quantity=st.integers(1, 999),
        unit_price=st.integers(0, 10**8),
        weight=st.integers(0, 5000),
        tax_category=st.sampled_from(CLASSES[:2]),
        category_ids=st.frozensets(st.integers(1, 3)),
    ),
    min_size=1,
    max_size=200,
)
METHODS = st.builds(
    Shipping,
    code=st.just("standard"),
    name=st.just("Standard"),
    price=st.integers(0, 10**6),
    kind=st.sampled_from(["flat", "weight"]),
    price_per_kg=st.integers(0, 10**5),
    free_over=st.none() | st.integers(0, 10**9),
)


def coupon(
    code: str, kind: str, value: int, least: int, only: frozenset[int] | None, stackable: bool
) -> Coupon:
    value = {"percent": 1 + value % 100_000, "fixed": 1 + value, "free_shipping": 0}[kind]
    restricted = only is not None
    return Coupon(code, kind, value, least, restricted, only or frozenset(), stackable=stackable)


COUPONS = st.lists(
    st.builds(
        coupon,
        st.uuids().map(str),
        st.sampled_from(["percent", "fixed", "free_shipping"]),
        st.integers(0, 10**9),
        st.integers(0, 10**6),
        st.none() | st.frozensets(st.integers(1, 3)),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=3,
)
RATES = st.dictionaries(
    st.sampled_from(CLASSES), st.builds(Rate, st.integers(0, 100_000), st.booleans())
)


@given(LINES, METHODS, COUPONS, RATES)
def test_it_adds_up(
    lines: list[Line], method: Shipping, coupons: list[Coupon], rates: dict[str, Rate]
) -> None:
    quote = pricing.quote(lines, method, coupons, rates)
    assert [line.line for line in quote.lines] == lines
    assert quote.subtotal == sum(line.quantity * line.unit_price for line in lines)
    assert quote.total == quote.subtotal - quote.discount + quote.shipping + quote.tax
    parts = (quote.subtotal, quote.discount, quote.shipping, quote.tax, quote.tax_included)
    assert min(*parts, quote.total) >= 0
    # The discount is that of its lines, and that of its coupons.
    assert quote.discount == sum(line.discount for line in quote.lines)
    goods = [d.amount for d in quote.discounts if d.kind != "free_shipping"]
    assert quote.discount == sum(goods)
    for line in quote.lines:
        assert 0 <= line.discount <= line.total
    # Nobody is discounted who is not meant.
    touched = [line.line for line in quote.lines if line.discount]
    assert all(any(one.covers(line) for one in coupons) for line in touched)
    # One that does not like company has none.
    took = [one for one in coupons if one.code not in quote.refusals]
    assert len(took) == len(quote.discounts)
    assert len(took) < 2 or all(one.stackable for one in took)
    # The largest order there can be still fits the column and can be read back.
    assert quote.total < 2**63


@given(LINES, METHODS, COUPONS, RATES)
def test_the_tax_is_that_of_its_rates_and_lines(
    lines: list[Line], method: Shipping, coupons: list[Coupon], rates: dict[str, Rate]
) -> None:
    quote = pricing.quote(lines, method, coupons, rates)
    for inclusive, whole in ((False, quote.tax), (True, quote.tax_included)):
        assert whole == sum(t.tax for t in quote.tax_lines if t.inclusive is inclusive)
    shipping_rate = rates.get("shipping") if quote.shipping else None
    for at in quote.tax_lines:
        rate = Rate(at.percent, at.inclusive)
        taxed = [line for line in quote.lines if line.rate == rate]
        gross = sum(line.total - line.discount for line in taxed)
        gross += quote.shipping if shipping_rate == rate else 0
        assert at.base == gross - (at.tax if at.inclusive else 0)
        # Rounded once, to the nearest: off by half a minor unit at most.
        exact = at.percent * gross, 100_000 + (at.percent if at.inclusive else 0)
        assert abs(2 * (at.tax * exact[1] - exact[0])) <= exact[1]
        of_lines = sum(line.tax for line in taxed)
        assert of_lines <= at.tax
        if shipping_rate != rate:
            assert of_lines == at.tax
    assert all(line.tax == 0 for line in quote.lines if line.rate is None)


@given(LINES, METHODS, COUPONS, RATES, st.sampled_from(["usd", "jpy", "kwd"]))
def test_the_texts_add_up_as_well(
    lines: list[Line],
    method: Shipping,
    coupons: list[Coupon],
    rates: dict[str, Rate],
    currency: str,
) -> None:
    unit = money.unit(currency)
    lines = [replace(line, unit_price=line.unit_price * unit) for line in lines]
    method = replace(method, price=method.price * unit, price_per_kg=method.price_per_kg * unit)
    coupons = [
        replace(one, value=one.value * unit) if one.kind == "fixed" else one for one in coupons
    ]
    quote = pricing.quote(lines, method, coupons, rates, unit)
    shown = [money.to_text(line.total, currency) for line in quote.lines]
    assert sum(money.to_minor(text, currency) for text in shown) == quote.subtotal
    assert money.to_minor(money.to_text(quote.total, currency), currency) == quote.total
    # Down to the parts: Stripe takes none of them by the thousandth.
    for line in quote.lines:
        assert line.discount % unit == line.tax % unit == 0
    assert money.from_stripe(money.to_stripe(quote.total, currency), currency) == quote.total


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=50))
def test_spreading_loses_nothing_and_is_fair(amount: int, weights: list[int]) -> None:
    parts = pricing.spread(amount, weights)
    assert sum(parts) == amount
    whole = sum(weights)
    if whole:
        assert all(
            abs(part * whole - amount * weight) < whole
            for part, weight in zip(parts, weights, strict=True)
        )
        if amount <= whole:
            assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


def test_the_largest_remainders_get_what_is_left() -> None:
    assert pricing.spread(100, [1, 1, 1]) == [34, 33, 33]
    assert pricing.spread(10, [25, 30, 45]) == [3, 3, 4]
    assert pricing.spread(5, [0, 0]) == [5, 0]


def one(price: int = 1000, **more: int) -> list[Line]:
    return [Line(1, 1, price, tax_category="books", **more)]


@pytest.mark.parametrize(
    ("percent", "inclusive", "price", "tax", "total"),
    [
        (19_000, True, 1190, 190, 1190),
        (19_000, False, 1000, 190, 1190),
        (5_500, True, 1055, 55, 1055),
        (7_250, False, 999, 72, 1071),  # 72.4275
        (7_000, True, 4, 0, 4),  # 0.26
        (50_000, False, 1, 1, 2),  # half a unit goes up
        (0, True, 1000, 0, 1000),
    ],
)
def test_taxes(percent: int, inclusive: bool, price: int, tax: int, total: int) -> None:
    quote = pricing.quote(one(price), rates={"books": Rate(percent, inclusive)})
    assert (quote.tax_included if inclusive else quote.tax) == tax
    assert quote.total == total


def test_tax_is_rounded_once_for_a_rate() -> None:
    # 3 × 0.33 at 10 %: 0.099 together; each line by itself would be 0.03 three times.
    lines = [Line(i, 1, 33, tax_category="books") for i in range(3)]
    quote = pricing.quote(lines, rates={"books": Rate(10_000, inclusive=False)})
    assert (quote.tax, [line.tax for line in quote.lines]) == (10, [4, 3, 3])


class TestShipping:
    def quote(self, method: Shipping, *coupons: Coupon, weight: int = 0) -> Quote:
        return pricing.quote(one(1000, weight=weight), method, coupons)

    @pytest.mark.parametrize(
        ("weight", "cost"), [(0, 300), (1000, 300), (1001, 450), (2000, 450), (2001, 600)]
    )
    def test_by_weight_each_kilogram_begun(self, weight: int, cost: int) -> None:
        method = Shipping("w", "By weight", 300, "weight", 150)
        assert self.quote(method, weight=weight).shipping == cost

    @pytest.mark.parametrize(("free_over", "cost"), [(1001, 300), (1000, 0), (None, 300), (0, 0)])
    def test_free_from_a_subtotal_on(self, free_over: int | None, cost: int) -> None:
        assert self.quote(Shipping("s", "S", 300, free_over=free_over)).shipping == cost

    def test_what_counts_is_what_is_left_after_discounts(self) -> None:
        method = Shipping("s", "S", 300, free_over=1000)
        assert self.quote(method, Coupon("A", "fixed", 1)).shipping == 300

    def test_a_coupon_makes_it_free(self) -> None:
        quote = self.quote(Shipping("s", "S", 300), Coupon("A", "free_shipping"))
        assert (quote.shipping, quote.discount, quote.total) == (0, 0, 1000)
        assert [(d.code, d.amount) for d in quote.discounts] == [("A", 300)]

    def test_it_is_taxed_as_shipping(self) -> None:
        rates = {"books": Rate(7_000), "shipping": Rate(19_000)}
        quote = pricing.quote(one(1070), Shipping("s", "S", 119), rates=rates)
        found = [(line.percent, line.base, line.tax) for line in quote.tax_lines]
        assert found == [(19_000, 100, 19), (7_000, 1000, 70)]
        assert quote.total == 1189


def test_an_order_is_what_was_quoted(app: Flask) -> None:
    user, book = make_user(), make_book(price=1999, stock=5)
    fill_carts(app, {user.id: [(book.id, 3)]})
    buyer = Actor(user.id, "user:x")
    quote = checkout.quote(buyer, "standard", ADDRESS)
    order = orders.place(buyer, ADDRESS, expected_total=quote.total)
    for name in ("subtotal", "discount", "shipping", "tax", "tax_included"):
        assert getattr(order, name) == getattr(quote, name)
    assert order.total_amount == quote.total
    assert sum(item.line_total for item in order.items) == order.subtotal
    assert sum(item.discount for item in order.items) == order.discount
    assert sum(line["tax"] for line in order.tax_lines) == order.tax + order.tax_included


def test_only_methods_that_go_there(app: Flask) -> None:
    user, book = make_user(), make_book(stock=5)
    fill_carts(app, {user.id: [(book.id, 1)]})
    for code in ("", "teleport", "Standard"):
        with pytest.raises(errors.Invalid) as refused:
            checkout.quote(Actor(user.id, "user:x"), code)
        assert list(refused.value.extra["errors"]) == ["shipping_method"]


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
