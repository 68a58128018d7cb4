"""Guessing which word was meant: the words the shop knows that are one edit away."""

import json
import string
from collections.abc import Callable, Sequence

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    between,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from bookstore.models import SearchTerm
from bookstore.services.search_index import is_sqlite, terms_fts

# Up to here all that one edit makes of a word, some 250 words, is looked up in the key: so few
# letters share hardly a trigram, or share one with half of the words there are.
_SHORT = 4


def neighbours(session: Session, texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the known words within one edit of each text, the likeliest first.

    The candidates miss none. Of a short word they are all that can be made of it. Of a longer
    one, an edit leaves the first or the second half as it was, unless it swaps the two letters
    in the middle: three conditions that each have an index.
    """
    # Numbers are not guessed at: 1985 is no misspelling of 1984.
    guesses = [text for text in texts if not any(char.isdigit() for char in text)]
    if not guesses:
        return {}
    sqlite = is_sqlite(session)
    find = _in_fts5 if sqlite else _in_trigrams
    first, *others = [_in_key(text, sqlite) if _is_short(text) else find(text) for text in guesses]
    found: dict[str, list[str]] = {}
    for guess, candidate in session.execute(first.union_all(*others)):
        if within_one_edit(guess, candidate):
            found.setdefault(guess, []).append(candidate)
    return {guess: sorted(terms, key=_likelihood(guess)) for guess, terms in found.items()}


def _is_short(text: str) -> bool:
    # Of other alphabets there is no telling which letters may be missing.
    return len(text) <= _SHORT and text.isascii()


def _in_key(text: str, sqlite: bool) -> Select[str, str]:
    term, made = SearchTerm.__table__.c.term, sorted(edits(text))
    if sqlite:
        each = func.json_each(json.dumps(made)).table_valued("value")
        return _select(text, term).where(term.in_(select(each.c.value)))
    # Not equality: that the trigram index serves as well, and it is the slower one for a word.
    each = func.unnest(cast(made, ARRAY(String))).table_valued("value").render_derived()
    key = type_coerce(each.c.value, String)
    # Nor a condition on the length: the planner would read all words once for each key.
    return select(literal(text).label("guess"), term.label("term")).join_from(
        each, SearchTerm.__table__, between(term, key, key)
    )


def edits(text: str) -> set[str]:
    """Return ``text`` and all that one edit makes of it with the letters from a to z."""
    splits = [(text[:at], text[at:]) for at in range(len(text) + 1)]
    made = {text}
    made.update(before + after[1:] for before, after in splits)
    made.update(before + after[1::-1] + after[2:] for before, after in splits if len(after) > 1)
    for letter in string.ascii_lowercase:
        made.update(before + letter + after for before, after in splits)
        made.update(before + letter + after[1:] for before, after in splits if after)
    return made


def _in_fts5(text: str) -> Select[str, str]:
    half = len(text) // 2
    phrases = f'"  {text[:half]}" OR "{text[half:]} " OR "  {_swap_middle(text)} "'
    return _select(text, func.trim(terms_fts.c.padded)).where(
        terms_fts.c.search_terms_fts.op("MATCH")(phrases)
    )


def _in_trigrams(text: str) -> Select[str, str]:
    half, term = len(text) // 2, SearchTerm.__table__.c.term
    return _select(text, term).where(
        or_(
            term.startswith(text[:half]),
            term.endswith(text[half:]),
            term == _swap_middle(text),
        )
    )


def _select(text: str, term: ColumnElement[str]) -> Select[str, str]:
    near = func.length(term).between(len(text) - 1, len(text) + 1)
    return select(literal(text).label("guess"), term.label("term")).where(near)


def _likelihood(guess: str) -> Callable[[str], tuple[bool, bool, str]]:
    # People seldom mistype the first letter, and hit a wrong key more often than none.
    return lambda term: (term[0] != guess[0], len(term) != len(guess), term)


def _swap_middle(text: str) -> str:
    half = len(text) // 2
    return text[: half - 1] + text[half] + text[half - 1] + text[half + 1 :]


def within_one_edit(one: str, other: str) -> bool:
    """Whether at most one insertion, deletion, substitution or swap of neighbours parts them."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    start = 0
    while start < len(one) and one[start] == other[start]:
        start += 1
    if len(one) < len(other):
        return one[start:] == other[start + 1 :]
    rest, other_rest = one[start:], other[start:]
    return rest[1:] == other_rest[1:] or (
        rest[:2] == other_rest[1::-1] and rest[2:] == other_rest[2:]
    )
