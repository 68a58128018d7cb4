"""ISBNs: the forms people type, and what is stored."""

import pytest
from hypothesis import given, strategies as st

from bookstore import isbn


@pytest.mark.parametrize(
    "text",
    [
        "9780439023481",
        "978-0-439-02348-1",
        "978 0 439 02348 1",
        "978\u20110439023481",
        "0439023483",
        "043942089X",
        "0-439-42089-x",
    ],
)
def test_forms_of_an_isbn(text: str) -> None:
    assert isbn.is_format(text)
    assert isbn.has_valid_checksum(text)


@pytest.mark.parametrize(
    "text", ["", "-", "97804390234", "978043902348X", "X439023483", "04390234834", "９780439023481"]
)
def test_not_an_isbn(text: str) -> None:
    assert not isbn.is_format(text)
    assert not isbn.has_valid_checksum(text)
    assert isbn.to_isbn13(text) is None


def test_a_wrong_check_digit() -> None:
    assert isbn.is_format("9780439023482")
    assert not isbn.has_valid_checksum("9780439023482")
    assert not isbn.has_valid_checksum("0439023484")


def test_what_is_stored() -> None:
    assert isbn.normalise("0-439-02348-3") == "9780439023481"
    assert isbn.normalise("978-0-439-02348-1") == "9780439023481"
    # Converting it would make the wrong digit look right.
    assert isbn.normalise("0-439-02348-4") == "0439023484"


def test_there_and_back() -> None:
    assert isbn.to_isbn10("9780439420891") == "043942089X"
    assert isbn.to_isbn10("9791032305690") is None


def test_lost_zeros() -> None:
    assert isbn.pad("439023483") == "0439023483"
    assert isbn.pad("7442912") == "0007442912"
    assert isbn.pad("") == ""
    assert isbn.pad("9780439023481") == "9780439023481"


@given(st.integers(0, 10**9 - 1))
def test_every_isbn_10_survives_the_conversion(number: int) -> None:
    ten = isbn.to_isbn10(isbn.to_isbn10(f"978{number:09}0") or "")
    assert ten is not None
    assert isbn.has_valid_checksum(ten)
    thirteen = isbn.to_isbn13(ten)
    assert thirteen is not None
    assert isbn.has_valid_checksum(thirteen)
    assert isbn.to_isbn10(thirteen) == ten


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    isbn.normalise(text)
    isbn.pad(text)
    isbn.has_valid_checksum(text)
