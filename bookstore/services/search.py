"""Full-text search: SQLite's FTS5 and PostgreSQL's tsvector, with one order of results.

The databases only find the candidates, each by its own index (migration 0004). What decides
their order is integer arithmetic on the folded words of ``book_search``, the same on both:
where each word stands, how much of the main title was asked for, and how many readers the
book has. ``search_index`` keeps the tables.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Subquery,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import Session

from bookstore import isbn
from bookstore.extensions import db
from bookstore.models import Author, Book, BookSearch
from bookstore.models.search import MAX_WORD
from bookstore.models.text import sort_key, words as fold_words
from bookstore.services import spelling
from bookstore.services.search_index import (
    STOP_WORDS,
    books_fts,
    index_books,
    is_sqlite,
    reindex,
)

__all__ = ["index_books", "matches", "reindex", "suggest"]

MAX_QUERY = 500
MAX_WORDS = 8
# Words of two letters have so many neighbours that only those no book has are guessed at first.
MIN_GUESSED, MIN_TYPO = 2, 3
# Other spellings of a word: all that are tried, and of those that lead to a book all that are
# ranked. The books that tell which ones do.
MAX_TYPOS, MAX_RANKED, MAX_WITNESSES = 128, 24, 200

# What a word is worth by where it stands, out of 100: (as typed, its beginning, corrected).
_IN_TITLE, _IN_PEOPLE, _IN_MORE = (100, 85, 70), (95, 75, 65), (60, 50, 40)
_ELSEWHERE = 30
# What the parts of the score weigh. ``boost`` reaches about 1,500.
_WORDS, _COVERAGE, _SAME_TITLE, _CODE = 10, 4, 1500, 100_000_000
_BEGINS = 300  # for a title that begins as typed, in suggestions: twenty times the readers
_BY_AUTHOR = 60  # of 100 covered, when all words are the author's

_books = BookSearch.__table__.c


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the query and what may stand for it."""

    text: str
    is_prefix: bool = False
    typos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Query:
    """``words`` must all match, or ``code`` (an ISBN or SKU) must; ``phrase`` is all of it."""

    words: tuple[_Word, ...]
    code: str
    phrase: str


def matches(q: str) -> Subquery | None:
    """Return what matches ``q`` as a subquery of (book_id, score), to be joined.

    Every word must match: as it is, as the beginning of a word if it is the last, or with one
    letter wrong, missing, too many or swapped with the next. Other spellings are only tried
    when nothing matches without. ``score`` is an integer, the higher the better, and the same
    for the same rows and query. None means that ``q`` has no word at all: no book matches.
    """
    query = _parse(q)
    if query is None:
        return None
    session = db.session()
    if not session.scalar(select(exists(_candidates(session, query)))):
        for guess in _corrections(session, query):
            if narrowed := _narrowed(session, guess):
                query = narrowed
                break
    score = _score(session, query).label("score")
    hits: Subquery = _candidates(session, query, score).subquery("hits")
    return hits


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


def _completions(session: Session, query: _Query, limit: int) -> list[dict[str, Any]]:
    begins = func.substr(_books.title, 1, len(query.phrase)) == query.phrase
    rank = (_books.boost + case((begins, _BEGINS), else_=0)).label("rank")
    hits = (
        _candidates(session, query, rank)
        .order_by(rank.desc(), _books.book_id)
        .limit(limit)
        .subquery("hits")
    )
    rows = session.execute(
        select(Book.id, Book.title, Author.first_name, Author.last_name)
        .join(hits, hits.c.book_id == Book.id)
        .join(Author, Author.id == Book.author_id)
        .order_by(hits.c.rank.desc(), Book.id)
    )
    return [
        {
            "id": row.id,
            "title": row.title,
            "author_name": f"{row.first_name} {row.last_name}".strip(),
        }
        for row in rows
    ]


# -- what was asked ---------------------------------------------------------------------------
def _parse(q: str, *, typing: bool = False) -> _Query | None:
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
    return _Query(
        tuple(_Word(word, is_prefix=word == found[-1]) for word in chosen),
        code,
        sort_key(" ".join(found)),
    )


def _corrections(session: Session, query: _Query) -> Iterator[_Query]:
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


def _narrowed(session: Session, query: _Query) -> _Query | None:
    """Leave out the spellings that lead to no book; None if there is no book at all.

    Where a guess fits very many books, those with most readers tell which spellings stay.
    """
    fields = (_books.title, _books.more, _books.people)
    rows = session.execute(
        _candidates(session, query, *fields)
        .order_by(_books.boost.desc(), _books.book_id)
        .limit(MAX_WITNESSES)
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


# -- finding ----------------------------------------------------------------------------------
def _candidates(session: Session, query: _Query, *columns: ColumnElement[Any]) -> Any:
    """Return a select of book_id and ``columns`` over the rows that match, in no order."""
    wanted = select(_books.book_id, *columns)
    # Folded words hold letters and digits only, so nothing can be syntax; quotes make sure of
    # words such as "and" or "near".
    if is_sqlite(session):
        text = _boolean(query, " AND ", " OR ", '"{}"', '"{}"*')
        return wanted.join_from(
            books_fts, BookSearch.__table__, _books.book_id == books_fts.c.rowid
        ).where(books_fts.c.book_search_fts.op("MATCH")(text))
    text = _boolean(query, " & ", " | ", "'{}'", "'{}':*")
    return wanted.where(literal_column("book_search.vector").op("@@")(cast(text, TSQUERY)))


def _boolean(query: _Query, both: str, either: str, whole: str, begin: str) -> str:
    groups = [
        either.join(
            [(begin if word.is_prefix else whole).format(word.text)]
            + [whole.format(typo) for typo in word.typos]
        )
        for word in query.words
    ]
    return f"({both.join(f'({group})' for group in groups)}){either}{whole.format(query.code)}"


# -- ranking ----------------------------------------------------------------------------------
def _score(session: Session, query: _Query) -> ColumnElement[int]:
    position = func.instr if is_sqlite(session) else func.strpos
    title, people, more, codes = (
        literal(" ") + field + literal(" ")
        for field in (_books.title, _books.people, _books.more, _books.codes)
    )

    def has(field: ColumnElement[str], word: str, *, prefix: bool = False) -> ColumnElement[bool]:
        found: ColumnElement[bool] = position(field, f" {word}" if prefix else f" {word} ") > 0
        return found

    def anyhow(field: ColumnElement[str], word: _Word) -> ColumnElement[bool]:
        whole = has(field, word.text, prefix=word.is_prefix)
        return or_(whole, *[has(field, typo) for typo in word.typos])

    points, in_title, by_author = [], [], []
    for word in query.words:
        ways: list[tuple[int, ColumnElement[bool]]] = []
        for field, worth in ((title, _IN_TITLE), (people, _IN_PEOPLE), (more, _IN_MORE)):
            ways.append((worth[0], has(field, word.text)))
            if word.is_prefix:
                ways.append((worth[1], has(field, word.text, prefix=True)))
            if word.typos:
                ways.append((worth[2], or_(*[has(field, typo) for typo in word.typos])))
        ways.sort(key=lambda way: -way[0])
        points.append(case(*[(test, worth) for worth, test in ways], else_=_ELSEWHERE))
        in_title.append(case((anyhow(title, word), 1), else_=0))
        by_author.append(anyhow(people, word))
    mean = sum(points[1:], points[0]) * _WORDS // len(points)
    hits = sum(in_title[1:], in_title[0])
    covered = case(
        (hits >= _books.title_words, 100),
        # Who asks for an author wants the books by, before the books about.
        (and_(*by_author), _BY_AUTHOR),
        else_=hits * 100 // _books.title_words,
    )
    score: ColumnElement[int] = (
        mean
        + covered * _COVERAGE
        + case((_books.full_title == query.phrase, _SAME_TITLE), else_=0)
        + case((has(codes, query.code), _CODE), else_=0)
        + _books.boost
    )
    return score
