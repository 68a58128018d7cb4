"""Which tax applies where: the most specific rate, of the setting or of the database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from bookstore import errors
from bookstore.extensions import db, settings
from bookstore.services import checkout, orders, tax_editing, taxes
from bookstore.services.actors import SYSTEM, Actor
from bookstore.services.pricing import Rate
from tests.clients import ADDRESS
from tests.factories import fill_carts, make_book, make_user

CLASSES = ("books", "maps", "shipping")


def add(country: str, percent: int, **more: Any) -> None:
    """Make a rate of the database, in whole percent."""
    tax_editing.create(SYSTEM, {"country": country, "percent": percent * 1000, **more})


def percents(country: str, region: str = "") -> dict[str, float]:
    """Return class → percent."""
    found = taxes.rates_for(db.session(), country, region, CLASSES)
    return {name: rate.percent / 1000 for name, rate in found.items()}


@pytest.fixture
def setting(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set TAX_RATES."""

    def change(value: str | None) -> None:
        monkeypatch.setitem(app.config, "SETTINGS", replace(settings(), tax_rates=value))

    return change


def test_no_rate_no_tax(app: Flask) -> None:
    for country in ("US", "", "ZZ"):
        assert percents(country) == {}


def test_the_most_specific_wins_the_region_first(app: Flask) -> None:
    add("US", 1)
    assert percents("US", "CA") == {"books": 1, "maps": 1, "shipping": 1}
    add("US", 2, category="books")
    assert percents("US", "CA") == {"books": 2, "maps": 1, "shipping": 1}
    add("US", 3, region="CA")
    # All of the region goes before what the country has for books.
    assert percents("US", "CA") == {"books": 3, "maps": 3, "shipping": 3}
    add("US", 4, region="CA", category="books")
    assert percents("US", "CA") == {"books": 4, "maps": 3, "shipping": 3}
    assert percents("US", "NV") == percents("US") == {"books": 2, "maps": 1, "shipping": 1}
    assert percents("GB", "CA")["books"] == 0


def test_a_zero_rate_is_a_rate(app: Flask) -> None:
    add("US", 9)
    add("US", 0, region="OR")
    assert percents("US", "OR") == {"books": 0, "maps": 0, "shipping": 0}


@pytest.mark.parametrize("region", ["ca", "CA", " Ca ", "cA"])
def test_case_and_blanks_of_a_region_do_not_count(app: Flask, region: str) -> None:
    add("US", 7, region="Ca")
    assert percents("US", region)["books"] == 7


def test_two_clerks_at_once_make_one_rate(app: Flask) -> None:
    def make(region: str) -> bool:
        with app.app_context():
            try:
                add("US", 1, region=region)
            except errors.TaxRateTaken:
                return False
            return True

    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            spelt = [f"Region {number}", f"REGION {number}", f"region {number}", f"rEGION {number}"]
            assert sorted(threads.map(make, spelt)) == [False, False, False, True]


def test_regions_beyond_ascii(app: Flask, setting: Any) -> None:
    add("CA", 9, region="Québec")
    assert percents("CA", "QUÉBEC")["books"] == 9
    setting("CA-QUÉBEC/maps=8")
    assert percents("CA", "québec") == {"books": 9, "maps": 8, "shipping": 9}


def test_the_setting_goes_before_the_database_entry_by_entry(app: Flask, setting: Any) -> None:
    setting("DE=16, US-CA=7.25+, DE/maps=3")
    # The database's rate for books is more specific than the setting's general one.
    assert percents("DE") == {"books": 7, "maps": 3, "shipping": 16}
    assert percents("FR")["books"] == 5.5
    found = taxes.rates_for(db.session(), "US", "ca", ["books"])
    assert found == {"books": Rate(7_250, inclusive=False)}
    assert percents("US", "NV") == {}
    add("US", 1, region="CA", category="books")
    assert percents("US", "CA") == {"books": 1, "maps": 7.25, "shipping": 7.25}
    setting(None)
    assert percents("DE") == {"books": 7, "maps": 19, "shipping": 19}


def test_of_two_entries_that_are_alike_the_last_counts(app: Flask, setting: Any) -> None:
    setting("US=1,us=2")
    assert percents("US")["books"] == 2


def test_orders_keep_what_they_were_taxed(app: Flask, setting: Any) -> None:
    user, book = make_user(), make_book(price=1000, stock=5)
    buyer, address = Actor(user.id, "user:x"), {**ADDRESS, "country": "US", "region": "ny"}
    setting("US-NY=8.875+")
    fill_carts(app, {user.id: [(book.id, 2)]})
    quote = checkout.quote(buyer, "standard", address)
    # 24.99 × 8.875 % is 2.2178625.
    assert (quote.tax, quote.tax_included, quote.total) == (222, 0, 2499 + 222)
    placed = orders.place(buyer, address, expected_total=quote.total)
    setting("US-NY=50")
    kept = orders.get(buyer, placed.id)
    assert (kept.tax, kept.tax_included, kept.total_amount) == (222, 0, 2721)
    assert kept.tax_lines == [{"percent": 8875, "inclusive": False, "base": 2499, "tax": 222}]
