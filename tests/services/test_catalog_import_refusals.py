"""Imports: bad rows are reported, bad files refused, nothing is left half done."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Author, Book, Category, Publisher, StockMovement
from bookstore.services import catalog_import, search_index
from bookstore.services.actors import GUEST, SYSTEM
from tests.services.imports import GOOD, complaints, counts, ledger_agrees, load, table


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("isbn", ["12345", "978055213703X", "abc"]),
        ("stock", ["-1", "1.5", "1000001", "many"]),
        ("pages", ["0", "100001", "x"]),
        ("currency", ["eur", "USDX"]),
        ("publication_date", ["2024-13-01", "01/02/2024", "20240101", "0000-01-01"]),
        ("status", ["sold", "Available"]),
        ("cover_url", ["javascript:alert(1)", "ftp://x/y", "http://"]),
        ("language", ["x" * 21]),
        ("subtitle", ["x" * 501]),
        ("publisher", ["x" * 201]),
        ("sku", ["x" * 65]),
        ("categories", ["x" * 101, "!!!"]),
        ("weight", ["-1", "1.5", "100001", "heavy"]),
        ("tax_category", ["Books", "e-books", "x" * 41]),
    ],
)
def test_bad_cells(app: Flask, tmp_path: Path, name: str, values: list[str]) -> None:
    report = load(tmp_path, table(name, *values, "") + "\n")
    assert complaints(report) == [(row, name) for row in range(2, 2 + len(values))]
    assert report.created == 1


def test_bad_rows_are_told_with_every_reason_and_good_ones_loaded(
    app: Flask, tmp_path: Path
) -> None:
    text = (
        "title,authors,price,stock\n"
        "Good,Ann,1.00,1\n"
        ",,free,x\n"
        "Too,many,1.00,1,1\n"
        "Few,Ann\n"
        "\n"
        f"{'x' * 501},{'y' * 151},-1,\n"
        '"Quoted, ""well""",Ann,1.00,1\n'
        '"Badly" quoted,Ann,1.00,1\n'
        "Last,; ;,1.001,1\n"
    )
    report = load(tmp_path, text)
    assert counts(report) == (2, 0, 0, 6)
    assert complaints(report) == [
        (3, "authors"),
        (3, "title"),
        (3, "price"),
        (3, "stock"),
        (4, "row"),
        (5, "row"),
        (7, "title"),
        (7, "authors"),
        (7, "price"),
        (9, "row"),
        (10, "authors"),
        (10, "price"),
    ]
    assert str(report.errors[4]) == "row 4: row: has 5 cells, the header 4"


def test_the_second_of_two_equal_rows_is_bad(app: Flask, tmp_path: Path) -> None:
    text = (
        "title,authors,price,isbn,sku\n"
        "A,Ann,1,9780552137034,\n"
        "B,Ann,1,0552137030,B-1\n"
        "C,Ann,1,,C-1\n"
        "D,Ann,1,,C-1\n"
        "E,Ann,1,,\n"
        "e!,ANN,1,,\n"
    )
    report = load(tmp_path, text)
    assert [str(error) for error in report.errors] == [
        "row 3: isbn: is the same as in row 2",
        "row 5: sku: is the same as in row 4",
        "row 7: title: is the same as in row 6",
    ]
    assert counts(report) == (3, 0, 0, 3)


def test_an_isbn_of_another_book_is_bad(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, "title,authors,price,isbn,sku\nA,Ann,1,9780552137034,A-1\nB,Ann,1,,B-1\n")
    report = load(
        tmp_path, "title,authors,price,isbn,sku\nB,Ann,1,9780552137034,B-1\nA,Ann,2,,A-1\n"
    )
    assert [str(error) for error in report.errors] == [
        "row 2: isbn: belongs to another book, SKU A-1"
    ]
    assert report.updated == 1


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("byte", "reason"),
    [
        (b"\0", "has a NUL character"),
        (b"\xff", "is not UTF-8 text"),
        (b"\xe9", "is not UTF-8 text"),
        (b"\xed\xa0\x80", "is not UTF-8 text"),
    ],
)
def test_one_broken_byte_is_one_bad_row(
    app: Flask, tmp_path: Path, byte: bytes, reason: str, end: bytes
) -> None:
    lines = [
        b"title,authors,price,description",
        b"Mort,Pratchett,1,",
        b"Na" + byte + b"na,Zola,1,",
        b"Emma,Austen,1,",
        b'Persuasion,Austen,1,"On two' + end + b"lines" + byte + b'"',
        b"Dune,Herbert" + byte + b",1,",
        b"It,King,1,",
    ]
    report = load(tmp_path, end.join(lines))
    assert [str(error) for error in report.errors] == [
        f"row 3: title: {reason}",
        f"row 5: description: {reason}",
        f"row 6: authors: {reason}",
    ]
    assert counts(report) == (3, 0, 0, 3)
    titles = db.session.scalars(select(Book.title).order_by(Book.title))
    assert list(titles) == ["Emma", "It", "Mort"]


def test_rows_of_another_encoding_are_told_one_by_one(app: Flask, tmp_path: Path) -> None:
    text = "title,authors,price\nÉmile,Zola,1\nNana,Zola,1\nL'œuvre,Zola,1\n"
    report = load(tmp_path, text.encode("cp1252"))
    assert complaints(report) == [(2, "title"), (4, "title")]
    assert report.created == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "has no header"),
        (b"title,authors,pr\0ice\nA,B,1\n", "NUL"),
        ("title,authors,price\nA,B,1\n".encode("utf-16"), "NUL"),
        ("title,authors,price,éditeur\nA,B,1,C\n".encode("latin-1"), "not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not UTF-8"),
        (b'title,authors,price\n"A,B,1\nC,D,2\n', "inside a quoted cell"),
        (b"title,authors\nA,B\n", "price"),
        (b"title,authors,price,titel\nA,B,1,C\n", "titel"),
        (b"title,authors,price,price\nA,B,1,1\n", "'price' is there twice"),
        (b"title;authors;price\nA;B;1\n", "authors"),
        (b'{"title": "A"}', "title"),
        (b"a" * 2_000_000, "a line of more than"),
        (b"title,authors,price\n" + b"a" * 2_000_000, "a line of more than"),
    ],
)
def test_a_bad_file_loads_nothing(app: Flask, tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(errors.Invalid, match=reason) as caught:
        load(tmp_path, content)
    assert "\n" not in caught.value.detail
    assert db.session.scalar(select(func.count()).select_from(Book)) == 0


def test_a_file_that_cannot_be_opened(app: Flask, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv.gz"
    broken.write_bytes(gzip.compress(GOOD.encode())[:-20])
    for path in (tmp_path / "missing.csv", tmp_path, broken):
        with pytest.raises(errors.Invalid):
            catalog_import.import_file(SYSTEM, path)


def test_byte_order_mark_and_spreadsheet_line_ends(app: Flask, tmp_path: Path) -> None:
    assert load(tmp_path, ("\ufeff" + GOOD.replace("\n", "\r\n")).encode()).created == 2
    assert counts(load(tmp_path, GOOD)) == (0, 0, 2, 0)


def test_only_staff(app: Flask, tmp_path: Path) -> None:
    with pytest.raises(errors.Forbidden):
        catalog_import.import_file(GUEST, tmp_path / "x.csv")
    with pytest.raises(errors.Forbidden):
        catalog_import.load_sample(GUEST)


def test_a_batch_that_fails_leaves_nothing(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise IntegrityError("", {}, Exception("somebody was faster"))

    with monkeypatch.context() as patch:
        patch.setattr(search_index, "index_books", fail)
        with pytest.raises(IntegrityError):
            load(tmp_path, GOOD)
    for model in (Book, Author, Category, Publisher, StockMovement):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    # And one that only fails the first time is done whole.
    index, calls = search_index.index_books, []

    def fail_once(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            fail()
        index(*args)

    monkeypatch.setattr(search_index, "index_books", fail_once)
    assert counts(load(tmp_path, GOOD)) == (2, 0, 0, 0)
    assert ledger_agrees()


def test_batches(app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_import, "BATCH", 3)
    rows = [f"Book {n},Ann Author;Bob {n % 2},{n}.00,{n}" for n in range(10)]
    text = "\n".join(["title,authors,price,stock", *rows, "Book 0,Ann Author;Bob 0,1,1"])
    seen: list[tuple[int, int]] = []
    report = load(tmp_path, text, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(3, 11), (6, 11), (9, 11), (11, 11)]
    assert counts(report) == (10, 0, 0, 1)
    assert complaints(report) == [(12, "title")]
    assert db.session.scalar(select(func.count()).select_from(Author)) == 3
    assert ledger_agrees()
