"""Countries' codes: which are taken, what is said of others, and that the page has the same."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

import bookstore
from bookstore import countries


def test_the_codes_are_those_of_iso_3166_and_kosovos() -> None:
    # The time zone database has a copy of the standard's list.
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = [line for line in table.splitlines() if not line.startswith("#")]
    assigned = {row.partition("\t")[0] for row in rows}
    assert assigned | {"XK"} == countries.CODES


def test_the_checkout_page_offers_the_same() -> None:
    script = (Path(bookstore.__file__).parent / "static" / "countries.js").read_text()
    offered = re.findall(r"\b[A-Z]{2}\b", script.partition("`")[2].partition("`")[0])
    assert sorted(offered) == sorted(countries.CODES)


@pytest.mark.parametrize("code", ["GB", "GR", "XK", "AQ"])
def test_a_country(code: str) -> None:
    assert countries.complaint(code) is None


@pytest.mark.parametrize(
    ("code", "hint"),
    [("UK", "Did you mean GB?"), ("EL", "Did you mean GR?"), ("ZZ", ""), ("EU", ""), ("XX", "")],
)
def test_what_no_country_has(code: str, hint: str) -> None:
    said = f"No country has the code {code} (ISO 3166-1)."
    assert countries.complaint(code) == f"{said} {hint}".strip()


@pytest.mark.parametrize("code", ["", "gb", "G", "GBR", "GB\n", "ÄÖ", "G1"])
def test_what_is_no_code(code: str) -> None:
    assert countries.complaint(code) == "Two capital letters (ISO 3166-1)."
