"""Keeping what the search looks through in step with the books."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import column, delete, insert, select, table
from sqlalchemy.orm import Session

from bookstore import isbn
from bookstore.models import Author, Book, BookSearch, SearchTerm
from bookstore.models.catalog import book_authors
from bookstore.models.search import MAX_WORD
from bookstore.models.text import sort_key, words as fold_words
from bookstore.services.actors import Acting, require_staff
from bookstore.services.sql import upsert
from bookstore.unit_of_work import unit_of_work

STOP_WORDS = frozenset({"a", "an", "and", "of", "the"})
_BATCH = 1000

# SQLite's full-text tables (migration 0004); the words of a book, and each term with spaces
# around it, so that its beginning and its end have trigrams of their own.
books_fts = table("book_search_fts", column("rowid"), column("words"), column("book_search_fts"))
terms_fts = table("search_terms_fts", column("padded"), column("search_terms_fts"))

# "The Hobbit: There and Back Again", "The Hunger Games (The Hunger Games, #1)".
_TITLE = re.compile(r"([^:(]+)(:[^(]*)?(.*)", re.DOTALL)


def is_sqlite(session: Session) -> bool:
    """Whether the words are in SQLite's tables rather than in PostgreSQL's columns."""
    return session.get_bind().dialect.name == "sqlite"


def index_books(session: Session, book_ids: Sequence[int]) -> None:
    """Rebuild what the search knows of these books (about six statements a thousand)."""
    for start in range(0, len(book_ids), _BATCH):
        _index(session, list(book_ids[start : start + _BATCH]))


def reindex(actor: Acting) -> int:
    """Rebuild everything, batch by batch, while the shop stays open; return how many books.

    Raises:
        Forbidden: not staff.
    """
    require_staff(actor)
    last, count = 0, 0
    while True:
        with unit_of_work() as session:
            ids = list(
                session.scalars(
                    select(Book.id).where(Book.id > last).order_by(Book.id).limit(_BATCH)
                )
            )
            if not ids:
                if is_sqlite(session):
                    gone = books_fts.c.rowid.not_in(select(BookSearch.book_id))
                    session.execute(delete(books_fts).where(gone))
                return count
            index_books(session, ids)
        last, count = ids[-1], count + len(ids)


def _index(session: Session, book_ids: list[int]) -> None:
    people = _people(session, book_ids)
    rows: list[dict[str, Any]] = []
    terms: set[str] = set()
    for book in session.execute(
        select(
            Book.id,
            Book.title,
            Book.subtitle,
            Book.isbn,
            Book.sku,
            Book.popularity,
            Book.sold,
            Book.rating_count,
        ).where(Book.id.in_(book_ids))
    ):
        row = row_of(book, people[book.id])
        rows.append(row)
        terms |= terms_of(row)
    session.execute(delete(BookSearch.__table__).where(BookSearch.book_id.in_(book_ids)))
    if is_sqlite(session):
        # Rows of deleted books stay until their id is used again or everything is reindexed;
        # they are never found, since book_search has no such row.
        session.execute(delete(books_fts).where(books_fts.c.rowid.in_(book_ids)))
    insert_rows(session, rows)
    add_terms(session, terms)


def row_of(book: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return the row of ``book_search`` for a book, given the words of its authors' names.

    Args:
        book: has id, title, subtitle, isbn, sku, popularity, sold and rating_count.
        names: as ``name_words`` returns them, the main author's first.
    """
    main, subtitle, series = _parts(book.title)
    whole = _words(main)
    title = sort_key(" ".join(whole)).split()
    # The leading article can be found, but "The Hobbit" is "hobbit" when compared.
    more = whole[: len(whole) - len(title)] + _words(f"{subtitle} {series} {book.subtitle}")
    return {
        "book_id": book.id,
        "title": " ".join(title),
        "more": " ".join(more),
        "people": " ".join(names),
        "codes": " ".join(_codes(book.isbn, book.sku)),
        "full_title": sort_key(f"{main} {subtitle}"),
        "title_words": sum(word not in STOP_WORDS for word in title) or max(len(title), 1),
        # A copy sold or a review written here says more than a reader elsewhere.
        "boost": round(100 * math.log1p(book.popularity + 20 * (book.sold + book.rating_count))),
    }


def terms_of(row: Mapping[str, Any]) -> set[str]:
    """Return the words of such a row that ``add_terms`` is to know."""
    return set(f"{row['title']} {row['more']} {row['people']}".split())


def insert_rows(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write such rows, which are not there yet."""
    if not rows:
        return
    session.execute(insert(BookSearch.__table__), rows)
    if is_sqlite(session):
        fields = ("title", "more", "people", "codes")
        words = [
            {"rowid": row["book_id"], "words": " ".join(row[name] for name in fields)}
            for row in rows
        ]
        session.execute(insert(books_fts), words)


def _people(session: Session, book_ids: list[int]) -> dict[int, list[str]]:
    """Return the words of all author names by book, the main author's first."""
    main = select(Book.id.label("book_id"), Author.id, Author.first_name, Author.last_name)
    names: dict[int, dict[int, str]] = {
        row.book_id: {row.id: f"{row.first_name} {row.last_name}"}
        for row in session.execute(
            main.join(Author, Author.id == Book.author_id).where(Book.id.in_(book_ids))
        )
    }
    for row in session.execute(
        select(book_authors.c.book_id, Author.id, Author.first_name, Author.last_name)
        .join(Author, Author.id == book_authors.c.author_id)
        .where(book_authors.c.book_id.in_(book_ids))
        .order_by(book_authors.c.book_id, book_authors.c.position, Author.id)
    ):
        names[row.book_id][row.id] = f"{row.first_name} {row.last_name}"
    return {
        book_id: [word for name in by_author.values() for word in name_words(name)]
        for book_id, by_author in names.items()
    }


def _parts(title: str) -> tuple[str, str, str]:
    """Return a title's main part, its subtitle and the series (what stands in brackets)."""
    found = _TITLE.fullmatch(title)
    if found is None or not fold_words(found[1]):
        return title, "", ""
    return found[1], found[2] or "", found[3]


def _words(words: str) -> list[str]:
    return [word[:MAX_WORD] for word in fold_words(words)]


def name_words(name: str) -> list[str]:
    """Return the words of a name, runs of initials also as one: "J.R.R." → "j r r jrr"."""
    words = _words(name)
    runs = ("".join(run) for single, run in groupby(words, lambda w: len(w) == 1) if single)
    return words + [run for run in runs if len(run) > 1]


def _codes(number: str | None, sku: str) -> Iterable[str]:
    codes = [number, number and isbn.to_isbn10(number), "".join(fold_words(sku))]
    return dict.fromkeys(code.lower()[:MAX_WORD] for code in codes if code)


def add_terms(session: Session, terms: set[str]) -> None:
    """Make words known that may be what a mistyped one means."""
    # Only what ``spelling`` may propose.
    wanted = {term for term in terms if len(term) >= 2 and term.isalpha()}
    known = session.scalars(select(SearchTerm.term).where(SearchTerm.term.in_(wanted)))
    new = sorted(wanted - set(known))
    if not new:
        return
    session.execute(
        upsert(session, SearchTerm.__table__).on_conflict_do_nothing(),
        [{"term": term} for term in new],
    )
    if is_sqlite(session):
        session.execute(insert(terms_fts), [{"padded": f"  {term} "} for term in new])
