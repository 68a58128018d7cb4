"""What the search looks through; the database keeps its full-text index beside it.

On PostgreSQL ``book_search`` has a generated ``tsvector`` column with a GIN index and
``search_terms`` a trigram index; on SQLite two FTS5 tables stand beside them, written by
``services/search_index.py``. Those parts live in the migrations, since no ORM describes them.
"""

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from bookstore.extensions import Model
from bookstore.models.types import BigId, sort_text

MAX_WORD = 64  # letters of a word that count


class BookSearch(Model):
    """One book's folded words."""

    __tablename__ = "book_search"

    book_id: Mapped[int] = mapped_column(
        ForeignKey("books.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    # Folded words, split by single spaces: the main title; its remainder (series) and the
    # subtitle; authors; ISBN-13, ISBN-10 and SKU, each one word.
    title: Mapped[str] = mapped_column(Text)
    more: Mapped[str] = mapped_column(Text)
    people: Mapped[str] = mapped_column(Text)
    codes: Mapped[str] = mapped_column(Text)
    # Main title and subtitle as sorted by: what was asked for exactly comes first.
    full_title: Mapped[str] = mapped_column(Text, server_default="")
    # Words in the main title that count (not "the", "of"): a short title fully matched beats
    # a long one partly matched.
    title_words: Mapped[int]
    # Hundredths of the natural logarithm of how many readers it has.
    boost: Mapped[int] = mapped_column(BigId)

    # Of very many that match, those with most readers are looked at.
    __table_args__ = (Index("ix_book_search_boost_book_id", "boost", "book_id"),)


class SearchTerm(Model):
    """A word that some title or author has; a mistyped word is matched against these."""

    __tablename__ = "search_terms"

    # By code point, so that the key also serves what a word begins with.
    term: Mapped[str] = mapped_column(sort_text(MAX_WORD), primary_key=True)
