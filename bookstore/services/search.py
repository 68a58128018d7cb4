"""Full-text search: SQLite's FTS5 and PostgreSQL's tsvector, with one order of results.

The databases only find the candidates, each by its own index (migration 0004). What decides
their order is integer arithmetic on the folded words of ``book_search``, the same on both:
where each word stands, how much of the main title was asked for, and how many readers the
book has (``search_ranking``). ``search_index`` keeps the tables.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import Integer, String, Subquery, bindparam, case, func, select
from sqlalchemy.orm import Session

from bookstore import isbn
from bookstore.extensions import db
from bookstore.models import Author, Book, BookSearch
from bookstore.models.search import MAX_WORD
from bookstore.models.text import sort_key, words as fold_words
from bookstore.services import search_ranking, spelling
from bookstore.services.search_index import STOP_WORDS, index_books, reindex
from bookstore.services.search_ranking import Query, Shape, Word
from bookstore.services.sql import on_sqlite, planned_anew
from bookstore.unit_of_work import reading

__all__ = ["index_books", "matches", "reindex", "suggest"]

MAX_QUERY = 500
MAX_WORDS = 8
# Words of two letters have so many neighbours that only those no book has are guessed at first.
MIN_GUESSED, MIN_TYPO = 2, 3
# Other spellings of a word: all that are tried, and of those that lead to a book all that are
# ranked. The books that tell which ones do.
MAX_TYPOS, MAX_RANKED, MAX_WITNESSES = 128, 24, 200
MAX_COMPLETED = 200  # of more books that match, completions are made of those with most readers

_BEGINS = 300  # for a title that begins as typed, in suggestions: twenty times the readers

_books = BookSearch.__table__.c


@dataclass(frozen=True, slots=True)
class Found:
    """What a search matches: ``hits`` is a subquery of (book_id, score), to be joined.

    It is the same for all searches of one shape; what was searched for stands in ``values``, which
    go to the statement. ``score`` is an integer, the higher the better, and the same for the same
    rows and query. Of very many books that match, ``hits`` are the MAX_HITS with most readers.
    """

    shape: Shape
    values: dict[str, Any]

    @property
    def hits(self) -> Subquery:
        """The subquery."""
        return search_ranking.hits(self.shape)


def matches(q: str, *, ranked: bool = True) -> Found | None:
    """Return what matches ``q``; None means that it has no word at all: no book matches.

    Every word must match: as it is, as the beginning of a word if it is the last, or with one
    letter wrong, missing, too many or swapped with the next. Other spellings are only tried
    when nothing matches without.

    Takes one statement, four when only another spelling matches.

    Args:
        q: what was typed.
        ranked: whether ``hits`` are asked for; if not, that anything matches is enough to know.
    """
    query = _parse(q)
    if query is None:
        return None
    sqlite = on_sqlite()
    found = _most_read(query, ranked, sqlite=sqlite)
    if not found:
        session = db.session()
        guesses = (_narrowed(session, guess) for guess in _corrections(session, query))
        better = next(filter(None, guesses), None)
        if better is not None:
            query, found = better, _most_read(better, ranked, sqlite=sqlite)
    shape = search_ranking.shape(query, sqlite=sqlite)
    return Found(shape, search_ranking.values(query, found, sqlite=sqlite))


def _most_read(query: Query, ranked: bool, *, sqlite: bool) -> Sequence[int]:
    statement = (search_ranking.found if ranked else search_ranking.one)(sqlite=sqlite)
    return reading(db.session()).scalars(statement, search_ranking.text(query, sqlite=sqlite)).all()


def suggest(q: str, limit: int = 10) -> list[dict[str, Any]]:
    """Return up to ``limit`` books for what is being typed, those with most readers first.

    Args:
        q: some words; the last may be a beginning.
        limit: how many.

    Returns:
        {"id", "title", "author_name"} each. Takes one statement, three when ``q`` has a word
        that no book has, up to five when nothing is found.
    """
    query = _parse(q, typing=True)
    if query is None:
        return []
    session = db.session()
    found = _completions(session, query, limit)
    guesses = () if found else _corrections(session, query)
    for guess in guesses:
        if found := _completions(session, guess, limit):
            break
    return found


def _completions(session: Session, query: Query, limit: int) -> list[dict[str, Any]]:
    sqlite = on_sqlite()
    values = {
        **search_ranking.text(query, sqlite=sqlite),
        "q_phrase": query.phrase,
        "q_length": len(query.phrase),
        "q_limit": limit,
    }
    rows = session.execute(_completing(sqlite=sqlite), values)
    return [
        {
            "id": row.id,
            "title": row.title,
            "author_name": f"{row.first_name} {row.last_name}".strip(),
        }
        for row in rows
    ]


@cache
def _completing(*, sqlite: bool) -> Any:
    columns = (_books.title, _books.boost)
    most = search_ranking.most_read(MAX_COMPLETED, *columns, sqlite=sqlite).subquery("most").c
    length, phrase = bindparam("q_length", type_=Integer()), bindparam("q_phrase", type_=String())
    begins = func.substr(most.title, 1, length) == phrase
    rank = (most.boost + case((begins, _BEGINS), else_=0)).label("rank")
    hits = (
        select(most.book_id, rank)
        .order_by(rank.desc(), most.book_id)
        .limit(bindparam("q_limit", type_=Integer()))
        .subquery("hits")
    )
    return planned_anew(
        select(Book.id, Book.title, Author.first_name, Author.last_name)
        .join(hits, hits.c.book_id == Book.id)
        .join(Author, Author.id == Book.author_id)
        .order_by(hits.c.rank.desc(), Book.id)
    )


# -- what was asked ---------------------------------------------------------------------------
def _parse(q: str, *, typing: bool = False) -> Query | None:
    q = q[:MAX_QUERY]
    found = [word[:MAX_WORD] for word in fold_words(q)]
    if not found:
        return None
    number = q.strip().upper().removeprefix("ISBN").lstrip(":- ")
    code = isbn.normalise(number).lower() if isbn.is_format(number) else "".join(found)[:MAX_WORD]
    # Words that stand in half of all titles say nothing, unless there are no others.
    ends = found[-1:] if typing else []
    telling = [word for word in found[: len(found) - len(ends)] if word not in STOP_WORDS] + ends
    chosen = list(dict.fromkeys(telling or found))[:MAX_WORDS]
    return Query(
        tuple(Word(word, is_prefix=word == found[-1]) for word in chosen),
        code,
        sort_key(" ".join(found)),
    )


def _corrections(session: Session, query: Query) -> Iterator[Query]:
    """Yield ever bolder guesses: words may also match the known words one edit away.

    First those that no book has, then all but the shortest, then all.
    """
    texts = [word.text for word in query.words if len(word.text) >= MIN_GUESSED]
    near = spelling.neighbours(session, texts)
    tried = query
    for unknown_only, shortest in ((True, MIN_GUESSED), (False, MIN_TYPO), (False, MIN_GUESSED)):
        words = []
        for word in query.words:
            terms = near.get(word.text, [])
            if len(word.text) >= shortest and not (unknown_only and word.text in terms):
                typos = [term for term in terms if term != word.text]
                word = replace(word, typos=tuple(typos[:MAX_TYPOS]))
            words.append(word)
        guess = replace(query, words=tuple(words))
        if guess != tried:
            yield guess
            tried = guess


def _narrowed(session: Session, query: Query) -> Query | None:
    """Leave out the spellings that lead to no book; None if there is no book at all.

    Where a guess fits very many books, those with most readers tell which spellings stay.
    """
    sqlite = on_sqlite()
    fields = (_books.title, _books.more, _books.people)
    rows = session.execute(
        search_ranking.most_read(MAX_WITNESSES, *fields, sqlite=sqlite),
        search_ranking.text(query, sqlite=sqlite),
    ).all()
    if not rows:
        return None
    counts = Counter(
        term for row in rows for term in set(f"{row.title} {row.more} {row.people}".split())
    )
    words = [
        replace(
            word,
            typos=tuple(
                sorted(
                    (typo for typo in word.typos if counts[typo]), key=lambda typo: -counts[typo]
                )[:MAX_RANKED]
            ),
        )
        for word in query.words
    ]
    return replace(query, words=tuple(words))
