"""Guessing which word was meant: the words the shop knows that are one edit away."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, FromClause, func, literal, or_, select
from sqlalchemy.orm import Session

from bookstore.models import SearchTerm
from bookstore.services.search_index import is_sqlite, terms_fts


def neighbours(session: Session, texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the known words within one edit of each text, the likeliest first.

    One edit leaves the first or the second half of a word as it was, unless it swaps the two
    letters in the middle; so these three conditions miss nothing, and each has an index.
    """
    guesses = [text for text in texts if not any(char.isdigit() for char in text)]
    if not guesses:
        return {}
    found: dict[str, list[str]] = {}
    heads = {text: text[: len(text) // 2] for text in guesses}
    tails = {text: text[len(text) // 2 :] for text in guesses}
    conditions: list[ColumnElement[bool]] = []
    if is_sqlite(session):
        term: ColumnElement[str] = func.trim(terms_fts.c.padded)
        for text in guesses:
            middle = _swap_middle(text)
            phrases = f'"  {heads[text]}" OR "{tails[text]} " OR "  {middle} "'
            conditions.append(terms_fts.c.search_terms_fts.op("MATCH")(phrases))
    else:
        term = literal_column("search_terms.term")
        for text in guesses:
            conditions.append(
                or_(
                    SearchTerm.term.startswith(heads[text]),
                    SearchTerm.term.endswith(tails[text]),
                    SearchTerm.term == _swap_middle(text),
                )
            )
    source = terms_fts if is_sqlite(session) else SearchTerm.__table__
    statements = [
        select(literal(text).label("guess"), term.label("term"))
        .select_from(source)
        .where(condition, func.length(term).between(len(text) - 1, len(text) + 1))
        for text, condition in zip(guesses, conditions, strict=True)
    ]
    union = statements[0].union_all(*statements[1:])
    for guess, candidate in session.execute(union):
        if within_one_edit(guess, candidate):
            found.setdefault(guess, []).append(candidate)
    for guess, terms in found.items():
        # People seldom mistype the first letter.
        terms.sort(
            key=lambda term, guess=guess: (term[0] != guess[0], len(term) != len(guess), term)
        )  # type: ignore[misc]
    return found


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


