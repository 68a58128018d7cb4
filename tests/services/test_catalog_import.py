"""Imports: what goes in, and that doing it twice changes nothing."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select, update

from bookstore import errors
from bookstore.extensions import db
from bookstore.models import Author, Book, Category, Publisher, StockMovement
from bookstore.services import catalog_import, search
from bookstore.services.actors import SYSTEM
from bookstore.services.imports.names import split_name
from bookstore.services.imports.shelves import categories_of
from bookstore.unit_of_work import unit_of_work
from tests.services.imports import GOOD, book, counts, ledger_agrees, load


def test_loads_all_of_a_row(app: Flask, tmp_path: Path) -> None:
    assert counts(load(tmp_path, GOOD)) == (2, 0, 0, 0)
    omens = book("Good Omens")
    assert (omens.isbn, omens.sku, omens.price) == ("9780552137034", "9780552137034", 999)
    assert [author.full_name for author in omens.authors] == ["Terry Pratchett", "Neil Gaiman"]
    assert omens.author.full_name == "Terry Pratchett"
    assert omens.publisher is not None
    assert omens.publisher.name == "Gollancz"
    assert [shelf.slug for shelf in omens.categories] == ["fantasy", "humour"]
    assert omens.description == "<p>An <b>end</b></p>"
    assert str(omens.publication_date) == "1990-05-01"
    assert (omens.pages, omens.language, omens.stock) == (288, "en", 5)
    mort = book("Mort")
    assert (mort.pages, mort.isbn, mort.stock) == (None, None, 0)
    assert mort.sku.startswith("auto:")
    assert mort.author_id == omens.author_id
    assert db.session.scalar(select(func.count()).select_from(Author)) == 2
    assert ledger_agrees()
    movement = db.session.scalars(select(StockMovement)).one()
    assert (movement.delta, movement.reason, movement.actor) == (5, "initial", "system")
    assert search.suggest("good om")[0]["id"] == omens.id


def test_again_changes_nothing_not_even_stock(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    with unit_of_work() as session:
        # As if three had been sold and the price were the same.
        session.execute(update(Book).where(Book.title == "Good Omens").values(stock=2, sold=3))
    before = book("Good Omens").updated_at
    assert counts(load(tmp_path, GOOD)) == (0, 0, 2, 0)
    omens = book("Good Omens")
    assert (omens.stock, omens.version, omens.updated_at) == (2, 1, before)


def test_only_what_changed_moves(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    changed = GOOD.replace("9.99", "8.99").replace("Terry Pratchett;Neil", "Neil")
    changed = changed.replace("Fantasy;Humour", "Humour")
    assert counts(load(tmp_path, changed)) == (0, 1, 1, 0)
    omens = book("Good Omens")
    assert (omens.price, omens.version, omens.stock) == (899, 2, 5)
    assert omens.author.full_name == "Neil Gaiman"
    assert [author.full_name for author in omens.authors] == ["Neil Gaiman"]
    assert [shelf.slug for shelf in omens.categories] == ["humour"]
    assert book("Mort").version == 1
    assert search.suggest("gaiman")[0]["id"] == omens.id


def test_books_are_locked_in_the_order_of_ids(app: Flask, tmp_path: Path) -> None:
    names = [f"{name},A Name,1.00" for name in ("One", "Two", "Three")]
    load(tmp_path, "\n".join(["title,authors,price", *names]))
    turned = [name.replace("1.00", "2.00") for name in reversed(names)]
    seen: list[list[int]] = []

    def note(_c: object, _cursor: object, statement: str, given: Any, *_rest: object) -> None:
        if statement.startswith("UPDATE books"):
            assert isinstance(given, list)
            key = "b_id" if isinstance(given[0], dict) else -1
            seen.append([one[key] for one in given])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert counts(load(tmp_path, "\n".join(["title,authors,price", *turned]))) == (0, 3, 0, 0)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert seen == [sorted(book(name).id for name in ("One", "Two", "Three"))]


def test_absent_columns_are_left_alone_and_blank_ones_emptied(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    short = "title,authors,price,isbn\nGood Omens,Terry Pratchett;Neil Gaiman,9.99,9780552137034\n"
    assert counts(load(tmp_path, short)) == (0, 0, 1, 0)
    blank = short.replace("isbn", "isbn,publisher,pages,categories").replace("034\n", "034,,,\n")
    assert counts(load(tmp_path, blank)) == (0, 1, 0, 0)
    omens = book("Good Omens")
    assert (omens.publisher, omens.pages, list(omens.categories)) == (None, None, [])
    assert omens.language == "en"


def test_weight_and_tax_category(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, "title,authors,price,weight,tax_category\nA,Ann,1,350,maps\nB,Ann,1,,\n")
    assert [(book(t).weight, book(t).tax_category) for t in "AB"] == [
        (350, "maps"),
        (None, "books"),
    ]
    assert counts(load(tmp_path, "title,authors,price\nA,Ann,1\n")) == (0, 0, 1, 0)
    blank = "title,authors,price,weight,tax_category\nA,Ann,1,,\n"
    assert counts(load(tmp_path, blank)) == (0, 1, 0, 0)
    assert (book("A").weight, book("A").tax_category) == (None, "books")


def test_stock_is_set_only_when_asked(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, GOOD)
    more = GOOD.replace("USD,5,", "USD,12,")
    assert counts(load(tmp_path, more)) == (0, 0, 2, 0)
    assert book("Good Omens").stock == 5
    assert counts(load(tmp_path, more, set_stock=True)) == (0, 1, 1, 0)
    assert book("Good Omens").stock == 12
    assert ledger_agrees()
    last = db.session.scalars(select(StockMovement).order_by(StockMovement.id.desc())).first()
    assert last is not None
    assert (last.delta, last.reason) == (7, "adjustment")


def test_dry_run_counts_and_writes_nothing(app: Flask, tmp_path: Path) -> None:
    bad = GOOD + "No Price,Ann,,,,,,,,,,,\n"
    assert counts(load(tmp_path, bad, dry_run=True)) == (2, 0, 0, 1)
    for model in (Book, Author, Category, Publisher):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    load(tmp_path, GOOD)
    changed = GOOD.replace("Fantasy;Humour", "Fantasy;Satire")
    assert counts(load(tmp_path, changed, dry_run=True)) == (0, 1, 1, 0)


def test_finds_a_book_by_isbn_that_has_a_sku_of_its_own(app: Flask, tmp_path: Path) -> None:
    load(tmp_path, "title,authors,price,isbn,sku\nOmens,Ann,1,9780552137034,SHELF-1\n")
    assert counts(load(tmp_path, GOOD)) == (1, 1, 0, 0)
    assert book("Good Omens").sku == "SHELF-1"


def test_names_are_matched_however_they_are_spelt(app: Flask, tmp_path: Path) -> None:
    with unit_of_work() as session:
        session.add(Author(first_name="Ursula K.", last_name="Le Guin"))
        session.add(Author(first_name="Gabriel", last_name="García Márquez"))
        session.add(Category(name="Science Fiction", slug="sf"))
    text = (
        "title,authors,price,categories\n"
        "A,ursula k le guin,1,Science Fiction\n"
        "B,Gabriel Garcia Marquez;Gabriel García Márquez,1,\n"
    )
    assert counts(load(tmp_path, text)) == (2, 0, 0, 0)
    assert db.session.scalar(select(func.count()).select_from(Author)) == 2
    assert [shelf.slug for shelf in book("A").categories] == ["sf"]
    assert counts(load(tmp_path, text)) == (0, 0, 2, 0)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Kurt Vonnegut Jr.", ("Kurt", "Vonnegut Jr.")),
        ("Plato", ("", "Plato")),
        ("Andre Dubus III", ("Andre", "Dubus III")),
        ("J.R.R. Tolkien", ("J.R.R.", "Tolkien")),
    ],
)
def test_names_are_cut(name: str, parts: tuple[str, str]) -> None:
    assert split_name(name) == parts


def test_the_sample_is_loaded_once(app: Flask) -> None:
    report = catalog_import.load_sample(SYSTEM)
    assert report.created > 50
    assert report.bad == 0
    assert counts(catalog_import.load_sample(SYSTEM)) == (0, 0, 0, 0)
    assert ledger_agrees()


GOODBOOKS = """\
book_id,goodreads_book_id,isbn,authors,original_publication_year,title,language_code,ratings_count,image_url
1,11,439023483,"Suzanne Collins, Kurt Vonnegut, Jr.",2008.0,Games,eng,100,https://x/1.jpg
2,22,,Homer,-720.0,Odyssey,,5,https://x/nophoto/2.png
3,33,1234567890,Nobody,,Wrong Digit,en-US,,
4,44,,Somebody,1999.0,No Price,fre,1,
"""


def test_goodbooks(app: Flask, tmp_path: Path) -> None:
    prices, genres = tmp_path / "prices.csv", tmp_path / "genres.csv.gz"
    prices.write_text("book_id,price,stock\n1,12.50,7\n2,3.00,0\n3,1.00,2\n")
    genres.write_bytes(gzip.compress(b'book_id,goodreads_book_id,genres\n1,11,"ya,to-read-sci-fi"'))
    options = {"format": "goodbooks", "prices": prices, "genres": genres}
    report = load(tmp_path, GOODBOOKS, **options)
    assert [str(error) for error in report.errors] == ["row 5: price: book_id 4 has none"]
    games, odyssey, wrong = book("Games"), book("Odyssey"), book("Wrong Digit")
    assert (games.isbn, games.sku, games.price, games.stock) == (
        "9780439023481",
        "9780439023481",
        1250,
        7,
    )
    assert [author.full_name for author in games.authors] == [
        "Suzanne Collins",
        "Kurt Vonnegut Jr.",
    ]
    assert [shelf.name for shelf in games.categories] == ["Science Fiction", "Young Adult"]
    assert (games.language, games.popularity, games.cover_url) == ("en", 100, "https://x/1.jpg")
    assert (odyssey.sku, odyssey.publication_date, odyssey.cover_url) == (
        "goodreads:22",
        None,
        None,
    )
    assert (wrong.isbn, wrong.sku) == (None, "goodreads:33")
    assert counts(load(tmp_path, GOODBOOKS, **options)) == (0, 0, 3, 1)
    with pytest.raises(errors.Invalid, match="prices"):
        load(tmp_path, GOODBOOKS, format="goodbooks")


def test_shelves_become_categories() -> None:
    assert categories_of("ya-books,sci-fi-to-read,fiction,mystery-thriller-horror,ya") == [
        "Science Fiction",
        "Young Adult",
    ]
    assert categories_of("") == []
