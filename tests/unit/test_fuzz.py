"""What strangers send, read by functions alone: never an error of ours, never taken wrongly."""

import base64
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from hypothesis import assume, given, strategies as st
from sqlalchemy import Date, column

from bookstore import clock, errors
from bookstore.blueprints.versioning import asked_for
from bookstore.gateways.storage import signing
from bookstore.gateways.storage.contract import Refused
from bookstore.services import paging
from bookstore.services.imports import cells
from bookstore.services.imports.reading import Source
from bookstore.services.imports.rows import Draft, RowError, to_draft

SECRET = "a secret of tests"
FUTURE = datetime(2999, 1, 1, tzinfo=UTC)
ids = st.integers(1, 2**63 - 1)
text = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
# What WSGI hands over: bytes as latin-1.
header = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))


def mutated(draw: Any, value: str) -> str:
    """Return the text with one piece cut out, doubled, turned or put in its place."""
    at = draw(st.integers(0, len(value)))
    to = draw(st.integers(at, min(len(value), at + 8)))
    put = draw(st.one_of(st.just(""), st.just(value[at:to] * 2), st.text(max_size=4)))
    return value[:at] + put + value[to:]


@given(header)
def test_any_accept_asks_for_a_version_there_is_or_none(accept: str) -> None:
    assert asked_for(accept, ["v1", "v2"], "v2") in {"v1", "v2", None}


@given(st.sampled_from(["v1", "v2"]), st.booleans(), st.text("abz/+.-", max_size=6))
def test_a_version_that_is_asked_for_is_given(name: str, vendor: bool, other: str) -> None:
    told = f"vnd.bookstore.{name}+json" if vendor else f"json;version={name}"
    told = f"application/{told}"
    assert asked_for(told, ["v1", "v2"], "v2") == name
    assert asked_for(f"{told}, {other};q=0.1", ["v1", "v2"], "v2") == name


ORDERS: dict[str, tuple[paging.Order, Any]] = {
    "title": (paging.Order("title", column("a"), column("id"), False, paging.parse_text), text),
    "price": (
        paging.Order("price", column("a"), column("id"), True, paging.parse_int),
        st.integers(-(2**63) + 1, 2**63 - 1),
    ),
    "published": (
        paging.Order("published", column("a", Date), column("id"), True, paging.parse_date),
        st.dates(date(1, 1, 1), date(9998, 1, 1)),
    ),
    "created": (
        paging.Order("created", column("a"), column("id"), True, paging.parse_instant),
        st.timedeltas(timedelta(0), timedelta(365 * 9990)).map(
            lambda gap: datetime(2, 1, 1, tzinfo=UTC) + gap
        ),
    ),
}


@pytest.mark.parametrize("name", ORDERS)
@given(data=st.data())
def test_a_cursor_is_read_as_it_was_written(name: str, data: st.DataObject) -> None:
    order, values = ORDERS[name]
    value, number = data.draw(values), data.draw(ids)
    cursor = paging.encode(order, SimpleNamespace(_sort=value, id=number))
    assert paging.decode(order, cursor) == (value, number)
    for other in ORDERS.values():
        if other[0] is not order:
            with pytest.raises(errors.Invalid):
                paging.decode(other[0], cursor)


@pytest.mark.parametrize("name", ORDERS)
@given(data=st.data())
def test_any_other_cursor_is_refused_or_a_place_in_this_list(
    name: str, data: st.DataObject
) -> None:
    order, values = ORDERS[name]
    row = SimpleNamespace(_sort=data.draw(values), id=data.draw(ids))
    good = paging.encode(order, row)
    junk = base64.urlsafe_b64encode(data.draw(st.binary(max_size=40))).decode()
    cursor = data.draw(st.one_of(st.text(), st.just(junk), st.just(mutated(data.draw, good))))
    try:
        value, row_id = paging.decode(order, cursor)
    except errors.Invalid:
        return
    # A cursor says where to go on, not what one may see: that is asked of the database.
    assert type(row_id) is int
    assert type(value) is type(row._sort)


@given(st.text("abc/", min_size=1), st.text(max_size=20), st.integers(0, 10**9))
def test_a_signed_form_is_taken_and_no_other(key: str, kind: str, size: int) -> None:
    assume(kind.isascii())
    fields = signing.sign_form(SECRET, key, kind, size, FUTURE)
    assert signing.check_form(SECRET, fields) == (key, size, size)
    with pytest.raises(Refused):
        signing.check_form(SECRET + "!", fields)


@given(st.data())
def test_a_form_that_was_changed_is_refused(data: st.DataObject) -> None:
    fields = signing.sign_form(SECRET, "incoming/1/a", "image/png", 10, FUTURE)
    name = data.draw(st.sampled_from([*fields, "acl", "success_action_redirect"]))
    value = mutated(data.draw, fields.get(name, "public-read"))
    assume(value != fields.get(name))
    try:
        value.encode()
    except UnicodeEncodeError:
        assume(False)
    with pytest.raises(Refused):
        signing.check_form(SECRET, {**fields, name: value})
    if name in fields:
        with pytest.raises(Refused):
            signing.check_form(SECRET, {k: v for k, v in fields.items() if k != name})


@given(st.data())
def test_a_link_that_was_changed_is_refused(data: st.DataObject) -> None:
    query = signing.sign_url(SECRET, "covers/a.webp", 60)
    signing.check_url(SECRET, "covers/a.webp", query)
    name = data.draw(st.sampled_from(["key", "expires", "signature"]))
    whole = {"key": "covers/a.webp", **query}
    changed = {**whole, name: mutated(data.draw, whole[name])}
    assume(changed != whole)
    assume(not any(0xD800 <= ord(char) < 0xE000 for char in changed[name]))
    with pytest.raises(Refused):
        signing.check_url(SECRET, changed.pop("key"), changed)


def test_what_is_signed_for_a_link_is_no_signature_of_a_form() -> None:
    until = clock.now() + timedelta(minutes=1)
    form = signing.sign_form(SECRET, "covers/a.webp", "image/png", 1, until)
    with pytest.raises(Refused):
        signing.check_url(
            SECRET, "covers/a.webp", {"expires": "9" * 10, "signature": form["x-amz-signature"]}
        )


@given(text)
def test_a_cell_says_what_it_said_and_runs_nothing(value: str) -> None:
    shown = cells.guard(value)
    assert cells.unguard(shown) == value
    assert not shown.startswith(("=", "+", "-", "@", "\t", "\r"))


@given(st.lists(text))
def test_names_in_one_cell_come_out_as_they_went_in(names: list[str]) -> None:
    clean = [" ".join(name.split()) for name in names]
    assert cells.split(cells.join(names)) == [name for name in clean if name]


COLUMNS = ("title", "authors", "price", "isbn", "sku", "publisher", "categories", "currency")
COLUMNS += ("stock", "pages", "language", "publication_date", "description", "cover_url", "status")


@pytest.mark.parametrize("database", ["sqlite"])
def test_any_row_is_a_book_or_tells_what_is_wrong(app: Flask) -> None:
    likely = ["1.00", "2020-01-02", "9" * 400, "-1", "\u0663", "usd", "ISBN 9780306406157"]
    cell = st.one_of(text, st.sampled_from(likely))

    @given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cell)))
    def check(row: dict[str, str]) -> None:
        made = to_draft(7, row)
        if isinstance(made, Draft):
            assert made.price >= 0
        else:
            assert {type(one) for one in made} == {RowError}

    check()


@pytest.mark.parametrize("database", ["sqlite"])
def test_any_file_is_read_or_refused(app: Flask, tmp_path: Any) -> None:
    file = tmp_path / "books.csv"

    @given(st.one_of(st.binary(), st.binary().map(lambda raw: b"title,authors,price\n" + raw)))
    def check(raw: bytes) -> None:
        file.write_bytes(raw)
        try:
            source = Source(file)
            source.require({"title", "authors", "price"})
            rows = list(source.rows())
        except errors.Invalid:
            return
        assert all(number > 1 for number, _ in rows)

    check()
