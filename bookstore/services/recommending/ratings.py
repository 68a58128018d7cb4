"""Ratings from elsewhere, as goodbooks-10k has them, and which of the shop's books they are of.

``ratings.csv`` is user_id, book_id, rating, where book_id is a number of the data set's own. What
it stands for says ``books.csv``: a book's ISBN, or its id at Goodreads, which the catalogue's
import has made an SKU of.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from bookstore import errors, isbn
from bookstore.extensions import db
from bookstore.models import Book
from bookstore.services.imports import goodbooks
from bookstore.services.imports.reading import Source
from bookstore.services.imports.rows import author_names
from bookstore.services.recommending.taste import Likes, Traits

_YEAR = re.compile(r"(-?[0-9]{1,4})(\.0*)?")
# Readers of a file are nobody's customers: they are counted downwards.
_STRANGERS = -1


@dataclass(frozen=True, slots=True)
class Files:
    """A file of ratings, and what tells of its books; unset, those beside it, if they are there."""

    ratings: Path
    books: Path | None = None
    genres: Path | None = None

    def beside(self, given: Path | None, *names: str) -> Path | None:
        """Return the file that was given, or the first of these names that is there."""
        if given is not None:
            return given
        found = (self.ratings.with_name(name) for name in names)
        return next((path for path in found if path.exists()), None)

    @property
    def about_books(self) -> Path | None:
        """Where it says what the books are."""
        return self.beside(self.books, "books.csv", "books.csv.gz")

    @property
    def about_genres(self) -> Path | None:
        """Where it says on which shelves readers put them."""
        return self.beside(self.genres, "genres.csv", "genres.csv.gz")


@dataclass(slots=True)
class Found:
    """The ratings of books that are known; ``unknown`` counts the others, ``bad`` rows of none."""

    likes: Likes = field(default_factory=Likes)
    unknown: int = 0
    bad: int = 0


def read(path: Path) -> Found:
    """Read a file of ratings as it is.

    Raises:
        Invalid: it is no such file, or no row of it is a rating.
    """
    source = Source(path)
    source.require({"user_id", "book_id", "rating"})
    found = Found()
    for _, cells in source.rows():
        try:
            if isinstance(cells, tuple):
                raise ValueError
            numbers = [_natural(cells[name]) for name in ("user_id", "book_id", "rating")]
            if not 1 <= numbers[2] <= 5:
                raise ValueError
        except ValueError:
            found.bad += 1
            continue
        found.likes.add(*numbers)
    if not len(found.likes):
        reason = "no row has a user_id, a book_id and a rating (1 to 5)"
        raise errors.Invalid({"ratings": [reason]}, f"{path}: {reason}")
    return found


def of_shop(files: Files) -> Found:
    """Read ratings, as of books of the shop.

    Raises:
        Invalid: a file is no such file; or there is none that says what the books are.
    """
    raw = read(files.ratings)
    path = files.about_books
    if path is None:
        reason = "needed: it says which books the ratings are of"
        raise errors.Invalid({"books": [reason]}, f"books: {reason}")
    book_of = _shop_ids(path)
    found = Found(bad=raw.bad)
    for reader, book, stars in zip(
        raw.likes.readers, raw.likes.books, raw.likes.stars, strict=True
    ):
        known = book_of.get(book)
        if known is None:
            found.unknown += 1
        else:
            found.likes.add(_STRANGERS - reader, known, stars)
    return found


def traits(files: Files) -> Traits:
    """Return what the books of a file have in common, by the numbers it has for them.

    Raises:
        Invalid: a file is no such file.
    """
    found = Traits()
    if files.about_books is not None:
        for number, cells in _described(files.about_books):
            for name in author_names(cells["authors"].replace(",", ";")):
                found.add("author", number, name)
            found.add_title(number, cells["title"])
            if language := cells["language_code"][:2].lower():
                found.add("language", number, language)
            if year := _YEAR.fullmatch(cells["original_publication_year"].strip()):
                found.add_year(number, int(year[1]))
    if files.about_genres is not None:
        source = Source(files.about_genres)
        source.require({"book_id", "genres"})
        for _, row in source.rows():
            if isinstance(row, tuple) or (book := _number(row["book_id"])) is None:
                continue
            for genre in filter(None, row["genres"].split(",")):
                found.add("genre", book, genre)
    return found


def _shop_ids(path: Path) -> dict[int, int]:
    """Return the shop's id by the file's, of those that the shop has."""
    wanted = {}
    for number, cells in _described(path):
        padded = isbn.pad(cells["isbn"].strip())
        known = isbn.to_isbn13(padded) if isbn.has_valid_checksum(padded) else None
        wanted[number] = known or f"goodreads:{cells['goodreads_book_id'].strip()}"
    there: dict[str, int] = {}
    for book_id, sku, isbn13 in db.session.execute(select(Book.id, Book.sku, Book.isbn)):
        there[sku] = book_id
        if isbn13 is not None:
            there[isbn13] = book_id
    return {number: there[name] for number, name in wanted.items() if name in there}


def _described(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    source = Source(path)
    source.require(goodbooks.COLUMNS)
    for _, cells in source.rows():
        if isinstance(cells, tuple):
            continue
        if (number := _number(cells["book_id"])) is not None:
            yield number, cells


def _number(text: str) -> int | None:
    try:
        return _natural(text)
    except ValueError:
        return None


def _natural(text: str) -> int:
    # int() takes "1_0", "+1" and digits of other scripts too.
    if not (text.isascii() and text.strip().isdecimal() and len(text) < 18):
        raise ValueError(text)
    return int(text)
