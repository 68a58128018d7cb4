"""What each way costs, how long it takes, and that two clerks do not both get a country."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, strategies as st
from sqlalchemy import event, insert, select

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import ShippingMethod, ShippingZone
from bookstore.services import pricing, shipping, shipping_editing
from bookstore.services.actors import SYSTEM
from bookstore.services.pricing import Coupon, Line, Shipping
from bookstore.services.shipping import after_working_days
from tests.services.test_pricing import COUPONS, LINES, METHODS

MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("weekday", "days", "later"),
    [
        (0, 0, 0),  # Monday, at once
        (0, 1, 1),
        (0, 4, 4),
        (0, 5, 7),
        (4, 0, 0),  # Friday
        (4, 1, 3),
        (4, 6, 10),
        (5, 0, 2),  # Saturday: nothing moves before Monday
        (5, 1, 2),
        (5, 5, 6),
        (6, 0, 1),  # Sunday
        (6, 1, 1),
        (6, 10, 12),
    ],
)
def test_working_days(weekday: int, days: int, later: int) -> None:
    start = MONDAY + timedelta(days=weekday)
    assert after_working_days(start, days) == start + timedelta(days=later)


@given(st.dates(date(2020, 1, 1), date(2100, 1, 1)), st.integers(0, 365))
def test_as_counting_on_the_fingers(start: date, days: int) -> None:
    day, left = start, days
    while left or day.weekday() > 4:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and left > 0
    assert after_working_days(start, days) == day


@given(LINES, st.lists(METHODS, min_size=1, max_size=3), COUPONS)
def test_an_option_costs_what_the_order_would(
    lines: list[Line], methods: list[Shipping], coupons: list[Coupon]
) -> None:
    quote = pricing.quote(lines, methods[0], coupons)
    prices = [option.price for option in shipping.options(methods, quote, MONDAY)]
    assert prices == [pricing.quote(lines, way, coupons).shipping for way in methods]


def test_one_statement_finds_what_goes_there(app: Flask) -> None:
    fields = {"code": "standard", "name": "Home", "price": 1, "countries": ["GB", "IE"]}
    home = shipping_editing.create(SYSTEM, fields)
    assert home.countries == ["GB", "IE"]
    session = db.session()
    assert [way.price for way in shipping.methods_for(session, "IE").values()] == [1, 1499, 299]
    assert [way.price for way in shipping.methods_for(session, "FR").values()] == [499, 1499, 299]
    assert [way.price for way in shipping.methods_for(session, "").values()] == [499, 1499, 299]


@pytest.mark.parametrize("database", ["postgresql"])
def test_of_two_at_once_one_gets_the_country(app: Flask) -> None:
    # SQLite has one writer; here another commits between the look and the leap.
    def overtake(_session: Any, *_: Any) -> None:
        with db.engine.begin() as other:
            other.execute(insert(ShippingZone).values(method_id=1, country="FR", code="van"))

    session = db.session()
    event.listen(session, "before_flush", overtake, once=True)
    with pytest.raises(errors.ShippingZoneTaken):
        shipping_editing.create(
            SYSTEM, {"code": "van", "name": "Van", "price": 1, "countries": ["FR"]}
        )
    codes = db.session.scalars(select(ShippingMethod.code)).all()
    assert "van" not in codes
