"""Which books a search finds, and in which order: its part in a statement.

Those that match are found first: of very many, only those with most readers, since a common word is
in a twentieth of all titles. They are ranked by a second statement. A search has a shape (how many
words, how many other spellings of each), and all of one shape have the same statement: the words,
and the books that match, are its parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    Subquery,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from bookstore.models import BookSearch
from bookstore.services.search_index import books_fts
from bookstore.services.sql import among, ids, planned_anew

# What a word is worth by where it stands, out of 100: (as typed, its beginning, corrected).
_IN_TITLE, _IN_PEOPLE, _IN_MORE = (100, 85, 70), (95, 75, 65), (60, 50, 40)
_ELSEWHERE = 30
# What the parts of the score weigh. ``boost`` reaches about 1,500.
_WORDS, _COVERAGE, _SAME_TITLE, _CODE = 10, 4, 1500, 100_000_000
_BY_AUTHOR = 60  # of 100 covered, when all words are the author's
MAX_HITS = 500  # of more books that match, those with most readers are ranked
# PostgreSQL has an index of the words of the books between each two of them (migration 0018), so
# that a common word is found without a look at all that have it.
_BOOSTS = (840, 760, 680, 600)

_books = BookSearch.__table__.c


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the query and what may stand for it."""

    text: str
    is_prefix: bool = False
    typos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """``words`` must all match, or ``code`` (an ISBN or SKU) must; ``phrase`` is all of it."""

    words: tuple[Word, ...]
    code: str
    phrase: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What searches with the same statement have in common: of each word, whether it may be a
    beginning, and how many other spellings it has."""

    words: tuple[tuple[bool, int], ...]
    sqlite: bool


def shape(query: Query, *, sqlite: bool) -> Shape:
    """Return the shape of a search."""
    return Shape(tuple((word.is_prefix, len(word.typos)) for word in query.words), sqlite)


def values(query: Query, found: Sequence[int], *, sqlite: bool) -> dict[str, Any]:
    """Return the values of the parameters of ``hits`` and ``matching``, of the books found."""
    given: dict[str, Any] = {
        **text(query, sqlite=sqlite),
        "q_books": ids(found, sqlite=sqlite),
        "q_code": f" {query.code} ",
        "q_phrase": query.phrase,
    }
    for number, word in enumerate(query.words):
        given[f"q_whole_{number}"] = f" {word.text} "
        if word.is_prefix:
            given[f"q_begin_{number}"] = f" {word.text}"
        for place, typo in enumerate(word.typos):
            given[f"q_typo_{number}_{place}"] = f" {typo} "
    return given


@lru_cache(maxsize=500)
def hits(of: Shape) -> Subquery:
    """Return the books found, with their scores: (book_id, score)."""
    ranked = select(_books.book_id, _score(of).label("score"))
    found: Subquery = ranked.where(among(_books.book_id, "q_books", sqlite=of.sqlite)).subquery(
        "hits"
    )
    return found


@cache
def matching(*, sqlite: bool) -> Subquery:
    """Return all that match, without scores."""
    found: Subquery = _matching(sqlite).subquery("hits")
    return found


@cache
def found(*, sqlite: bool) -> Any:
    """Return the statement of the ids of what matches, MAX_HITS at most; ``text`` goes to it."""
    return most_read(MAX_HITS, sqlite=sqlite)


def most_read(many: int, *columns: ColumnElement[Any], sqlite: bool) -> Any:
    """Return a select of book_id and ``columns`` of what matches: of more than ``many`` books
    those with most readers.

    Its one parameter is given by ``text``.
    """
    if sqlite:
        return _first(_matching(sqlite, *columns), many)
    # From the best-read down, until there are enough: what stands behind a condition on what was
    # found before is not carried out when that fails.
    bands: list[Any] = []
    counts: list[ColumnElement[int]] = []
    for above, below in zip((*_BOOSTS, None), (None, *_BOOSTS), strict=True):
        band = _matching(sqlite, _books.boost.label("best"), *columns).where(
            *([] if above is None else [_books.boost >= _written(above)]),
            *([] if below is None else [_books.boost < _written(below)]),
            *([sum(counts[1:], counts[0]) < _written(many)] if counts else []),
        )
        bands.append(_first(band, many).cte(f"band_{len(bands)}"))
        there = select(func.count()).select_from(bands[-1]).correlate(None)
        counts.append(there.scalar_subquery())
    all_bands = union_all(*(select(band) for band in bands)).subquery().c
    wanted = [all_bands[str(column.key)] for column in (_books.book_id, *columns)]
    by = (all_bands.best.desc(), all_bands.book_id.desc())
    return planned_anew(select(*wanted).order_by(*by).limit(_written(many)))


@cache
def one(*, sqlite: bool) -> Any:
    """Return a select of the id of a book that matches, if any does; ``text`` goes to it."""
    return _first(_matching(sqlite), 1)


def _first(query: Any, many: int) -> Any:
    by = (_books.boost.desc(), _books.book_id.desc())
    return query.order_by(*by).limit(_written(many))


def text(query: Query, *, sqlite: bool) -> dict[str, str]:
    """Return the one parameter of ``most_read``."""
    return {"q_text": _text(query, sqlite=sqlite)}


# -- finding ----------------------------------------------------------------------------------
def _given(name: str) -> ColumnElement[str]:
    return bindparam(name, type_=String())


def _written(number: int) -> ColumnElement[int]:
    """Return a number that is part of the statement: fifty parameters less to convert and send."""
    return literal_column(str(number), Integer())


def _matching(sqlite: bool, *columns: ColumnElement[Any]) -> Any:
    wanted = select(_books.book_id, *columns)
    if sqlite:
        return wanted.join_from(
            books_fts, BookSearch.__table__, _books.book_id == books_fts.c.rowid
        ).where(books_fts.c.book_search_fts.op("MATCH")(_given("q_text")))
    found = literal_column("book_search.vector").op("@@")(cast(_given("q_text"), TSQUERY))
    return planned_anew(wanted.where(found))


def _text(query: Query, *, sqlite: bool) -> str:
    # Folded words hold letters and digits only, so nothing can be syntax; quotes make sure of
    # words such as "and" or "near".
    if sqlite:
        return _boolean(query, " AND ", " OR ", '"{}"', '"{}"*')
    return _boolean(query, " & ", " | ", "'{}'", "'{}':*")


def _boolean(query: Query, both: str, either: str, whole: str, begin: str) -> str:
    groups = [
        either.join(
            [(begin if word.is_prefix else whole).format(word.text)]
            + [whole.format(typo) for typo in word.typos]
        )
        for word in query.words
    ]
    return f"({both.join(f'({group})' for group in groups)}){either}{whole.format(query.code)}"


# -- ranking ----------------------------------------------------------------------------------
def _score(of: Shape) -> ColumnElement[int]:
    position = func.instr if of.sqlite else func.strpos
    blank: ColumnElement[str] = literal_column("' '", String())
    title, people = blank + _books.title + blank, blank + _books.people + blank
    more, codes = blank + _books.more + blank, blank + _books.codes + blank

    def has(field: ColumnElement[str], name: str) -> ColumnElement[bool]:
        found: ColumnElement[bool] = position(field, _given(name)) > _written(0)
        return found

    def misspelt(field: ColumnElement[str], number: int, typos: int) -> list[ColumnElement[bool]]:
        return [has(field, f"q_typo_{number}_{place}") for place in range(typos)]

    points, in_title, by_author = [], [], []
    for number, (is_prefix, typos) in enumerate(of.words):
        whole, begin = f"q_whole_{number}", f"q_begin_{number}"
        ways: list[tuple[int, ColumnElement[bool]]] = []
        for field, worth in ((title, _IN_TITLE), (people, _IN_PEOPLE), (more, _IN_MORE)):
            ways.append((worth[0], has(field, whole)))
            if is_prefix:
                ways.append((worth[1], has(field, begin)))
            if typos:
                ways.append((worth[2], or_(*misspelt(field, number, typos))))
        ways.sort(key=lambda way: -way[0])
        points.append(
            case(*[(test, _written(worth)) for worth, test in ways], else_=_written(_ELSEWHERE))
        )
        anyhow = begin if is_prefix else whole
        of_title = or_(has(title, anyhow), *misspelt(title, number, typos))
        in_title.append(case((of_title, _written(1)), else_=_written(0)))
        by_author.append(or_(has(people, anyhow), *misspelt(people, number, typos)))
    mean = sum(points[1:], points[0]) * _written(_WORDS) // _written(len(points))
    found_words = sum(in_title[1:], in_title[0])
    covered = case(
        (found_words >= _books.title_words, _written(100)),
        # Who asks for an author wants the books by, before the books about.
        (and_(*by_author), _written(_BY_AUTHOR)),
        else_=found_words * _written(100) // _books.title_words,
    )
    score: ColumnElement[int] = (
        mean
        + covered * _written(_COVERAGE)
        + case((_books.full_title == _given("q_phrase"), _written(_SAME_TITLE)), else_=_written(0))
        + case((has(codes, "q_code"), _written(_CODE)), else_=_written(0))
        + _books.boost
    )
    return score
