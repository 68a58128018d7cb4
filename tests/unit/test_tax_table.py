"""Tax rates as text: what is read, and what a shop does not start with."""

import pytest

from bookstore.config import checks, tax_table
from bookstore.config.tax_table import Entry


@pytest.mark.parametrize(
    ("value", "entries"),
    [
        ("", []),
        (" , ,", []),
        ("DE=19", [Entry("DE", "", "", 19_000, True)]),
        ("de/books=7", [Entry("DE", "", "books", 7_000, True)]),
        ("US-CA=7.25+", [Entry("US", "CA", "", 7_250, False)]),
        ("us-New York/e_books2=0.125+", [Entry("US", "New York", "e_books2", 125, False)]),
        ("CA-Québec=9.975+", [Entry("CA", "Québec", "", 9_975, False)]),
        ("ES-Castilla-La Mancha=21", [Entry("ES", "Castilla-La Mancha", "", 21_000, True)]),
        ("GB/a=0, FR=20 ,", [Entry("GB", "", "a", 0, True), Entry("FR", "", "", 20_000, True)]),
        ("XK=100", [Entry("XK", "", "", 100_000, True)]),
    ],
)  # fmt: skip
def test_what_is_read(value: str, entries: list[Entry]) -> None:
    assert tax_table.parse(value) == entries
    assert checks.tax_rates(value) is None


@pytest.mark.parametrize(
    "entry",
    [
        "DE", "DE=", "=19", "DEU=19", "D=19", "DE=19%", "DE=-1", "DE=100.001", "DE=1.0001",
        "DE= 19", "DE =19", "DE-=19", "DE/=19", "DE/Books=7", "DE/e-books=7", "DE=19++", "DE=+19",
        "DE=1.2.3", "DE=.5", "DE=19;AT=20", "DE/books/maps=7", "DE-" + "x" * 101 + "=1", "ÄÖ=1",
        "DE=٧", "DE=1e1",
    ],
)  # fmt: skip
def test_what_is_not_a_rate_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is not a rate") as refused:
        tax_table.parse(f"GB=20, {entry}")
    assert repr(entry) in str(refused.value)
    assert repr(entry) in (checks.tax_rates(f"GB=20, {entry}") or "")


def test_a_country_that_there_is_not_is_named() -> None:
    refused = checks.tax_rates("DE=19, el/books=6")
    assert refused == "'el/books=6': No country has the code EL (ISO 3166-1). Did you mean GR?"


def test_unset_is_no_rates() -> None:
    assert checks.tax_rates(None) is None
