"""What coupons take off: each by itself, and several at once."""

from dataclasses import replace

import pytest

from bookstore.services import pricing
from bookstore.services.pricing import Coupon, Line


def one(price: int) -> list[Line]:
    return [Line(1, 1, price)]


def test_a_coupon_for_certain_books() -> None:
    lines = [Line(1, 2, 1000), Line(2, 1, 500, category_ids=frozenset({7}))]
    for terms in (
        Coupon("A", "percent", 10_000, restricted=True, category_ids=frozenset({7})),
        Coupon("A", "fixed", 50, restricted=True, book_ids=frozenset({2})),
    ):
        quote = pricing.quote(lines, coupons=[terms])
        assert [line.discount for line in quote.lines] == [0, 50]
    nothing = pricing.quote(lines, coupons=[Coupon("A", "fixed", 50, restricted=True)])
    assert (nothing.discount, nothing.refusals) == (0, {"A": "not_for_these_books"})


def test_a_fixed_coupon_takes_no_more_than_there_is() -> None:
    two = [Coupon("A", "fixed", 500, stackable=True), Coupon("B", "fixed", 5, stackable=True)]
    quote = pricing.quote(one(300), coupons=two)
    assert (quote.discount, quote.total) == (300, 0)
    assert quote.refusals == {}


def test_a_minimum_is_of_the_whole_order() -> None:
    terms = Coupon("A", "fixed", 100, min_subtotal=1000)
    assert pricing.quote(one(999), coupons=[terms]).refusals == {"A": "min_subtotal"}
    assert pricing.quote(one(1000), coupons=[terms]).discount == 100


def test_coupons_together_each_take_of_what_is_left() -> None:
    two = [Coupon(code, "percent", 50_000, stackable=True) for code in "AB"]
    quote = pricing.quote(one(1000), coupons=two)
    assert [discount.amount for discount in quote.discounts] == [500, 250]


@pytest.mark.parametrize("alone", ["A", "B"])
def test_one_that_is_not_stackable_stands_alone(alone: str) -> None:
    two = [Coupon(code, "fixed", 100, stackable=code != alone) for code in "AB"]
    quote = pricing.quote(one(1000), coupons=two)
    assert (quote.discount, quote.refusals) == (100, {"B": "not_with_others"})
    # One that does not apply is not in the way.
    least = [replace(two[0], min_subtotal=5000), two[1]]
    quote = pricing.quote(one(1000), coupons=least)
    assert (quote.discount, quote.refusals) == (100, {"A": "min_subtotal"})


def test_an_empty_cart() -> None:
    terms = [
        Coupon("A", "percent", 10_000, stackable=True),
        Coupon("B", "fixed", 100, restricted=True, stackable=True),
        Coupon("C", "fixed", 100, min_subtotal=1, stackable=True),
        Coupon("D", "free_shipping", stackable=True),
    ]
    quote = pricing.quote([], coupons=terms)
    assert (quote.total, quote.lines, quote.discount) == (0, (), 0)
    assert quote.refusals == {"B": "not_for_these_books", "C": "min_subtotal"}
