"""Money: exact both ways, whatever the currency."""

import pytest
from hypothesis import given, strategies as st

from bookstore import money
from tests.fakes.stripe import Refused, currencies


@given(st.integers(0, money.MAX_MINOR), st.sampled_from(["usd", "EUR", "jpy", "kwd"]))
def test_there_and_back(minor: int, currency: str) -> None:
    minor -= minor % money.unit(currency)
    text = money.to_text(minor, currency)
    if len(text.partition(".")[0]) <= 12:
        assert money.to_minor(text, currency) == minor


def test_every_price_below_100_is_exact() -> None:
    for cents in range(1, 10_000):
        assert money.to_minor(f"{cents // 100}.{cents % 100:02}", "usd") == cents


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("19.999", "usd"),
        ("1.5", "jpy"),
        ("1.2345", "kwd"),
        ("1.234", "kwd"),  # the third place has to be 0
        ("-1", "usd"),
        ("1e3", "usd"),
        ("NaN", "usd"),
        ("", "usd"),
        ("1,50", "usd"),
        (" 1", "usd"),
        ("١", "usd"),
        (".5", "usd"),
        ("1" * 13, "usd"),
    ],
)
def test_what_is_not_an_amount(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"Not a decimal|More than|third decimal"):
        money.to_minor(text, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (1999, "usd", "19.99"),
        (5, "usd", "0.05"),
        (-5, "usd", "-0.05"),
        (7, "jpy", "7"),
        (1234, "kwd", "1.234"),
    ],
)
def test_text(minor: int, currency: str, text: str) -> None:
    assert money.to_text(minor, currency) == text


def test_what_stripe_counts() -> None:
    # https://docs.stripe.com/currencies#special-cases
    for currency, minor, amount in (
        ("usd", 1999, 1999),
        ("jpy", 500, 500),
        ("kwd", 1230, 1230),
        ("isk", 5, 500),
        ("ugx", 5, 500),
    ):
        assert money.to_stripe(minor, currency) == amount
        assert money.from_stripe(amount, currency) == minor


@pytest.mark.parametrize("currency", sorted(currencies.KNOWN))
def test_what_a_card_can_be_charged(currency: str) -> None:
    least, most = money.charge_limits(currency)
    for minor in (least, most):
        currencies.check(money.to_stripe(minor, currency), currency)
    step = money.unit(currency)
    for minor in (least - step, most + step):
        with pytest.raises(Refused):
            currencies.check(money.to_stripe(minor, currency), currency)


def test_limits_by_hand() -> None:
    assert money.charge_limits("USD") == (50, 99_999_999)
    assert money.charge_limits("jpy") == (50, 99_999_999)
    assert money.charge_limits("huf") == (17_500, 99_999_999)
    assert money.charge_limits("kwd") == (10, 99_999_990)
    assert money.charge_limits("isk") == (1, 999_999)


@given(st.integers(0, 100_000))
def test_percentages_there_and_back(thousandths: int) -> None:
    assert money.to_thousandths(money.percent_text(thousandths)) == thousandths


@pytest.mark.parametrize("text", ["100.001", "5.5555", "-1", "5,5", "", "1e1", " 5"])
def test_what_is_not_a_percentage(text: str) -> None:
    with pytest.raises(ValueError, match="Not a percentage"):
        money.to_thousandths(text)
