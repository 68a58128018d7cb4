"""What books hang on: finding authors, categories and publishers by name, or creating them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, or_, select
from sqlalchemy.orm import Session

from bookstore.models import Author, Book, Category, Publisher
from bookstore.models.catalog import book_authors, book_categories
from bookstore.models.text import slugify, sort_key
from bookstore.services.imports.names import name_key, name_sort, possible_sorts, split_name
from bookstore.services.imports.report import Draft

# Stands for what a dry run would have created.
_NEW = 0


@dataclass(slots=True)
class BookLinks:
    """Ids of what a book hangs on, and its authors' ids by ``name_key``."""

    authors: list[int] = field(default_factory=list)
    categories: set[int] = field(default_factory=set)
    publisher: int | None = None
    by_key: dict[str, int] = field(default_factory=dict)

    def same_lists(self, other: "BookLinks") -> bool:
        """Whether authors (in order) and categories are the same."""
        return not self.other_lists(other)

    def other_lists(self, other: "BookLinks") -> list[str]:
        """Return which of the two lists differ, as the API names them."""
        return ["author_ids"] * (self.authors != other.authors) + ["category_ids"] * (
            self.categories != other.categories
        )


def links_of(session: Session, book_ids: Sequence[int]) -> dict[int, BookLinks]:
    """Return the present links of books (three statements)."""
    if not book_ids:
        return {}
    found = {book_id: BookLinks() for book_id in book_ids}
    names = (Author.id, Author.first_name, Author.last_name)
    main = (
        select(Book.id.label("book_id"), Book.publisher_id, *names)
        .join(Author, Author.id == Book.author_id)
        .where(Book.id.in_(book_ids))
    )
    others = (
        select(book_authors.c.book_id, *names)
        .join(Author, Author.id == book_authors.c.author_id)
        .where(book_authors.c.book_id.in_(book_ids))
        .order_by(book_authors.c.book_id, book_authors.c.position, Author.id)
    )
    for row in session.execute(main):
        found[row.book_id].publisher = row.publisher_id
        _add_author(found[row.book_id], row)
    for row in session.execute(others):
        _add_author(found[row.book_id], row)
    for book_id, category_id in session.execute(
        select(book_categories.c.book_id, book_categories.c.category_id).where(
            book_categories.c.book_id.in_(book_ids)
        )
    ):
        found[book_id].categories.add(category_id)
    return found


def _add_author(links: BookLinks, row: Any) -> None:
    if row.id not in links.authors:
        links.authors.append(row.id)
        links.by_key.setdefault(name_key(f"{row.first_name} {row.last_name}"), row.id)


class References:
    """Ids by name, remembered from batch to batch; creates what is not there if told so."""

    def __init__(self, *, create: bool) -> None:
        self._create = create
        self.forget()

    def forget(self) -> None:
        """Drop all that is remembered: it may have been rolled back or deleted."""
        self._authors: dict[str, int] = {}
        self._categories: dict[str, int] = {}
        self._publishers: dict[str, int] = {}

    def links(self, draft: Draft, present: BookLinks | None) -> BookLinks:
        """Return what the draft hangs on; of two namesakes, the one the book has already."""
        own = present.by_key if present else {}
        keys = [name_key(name) for name in draft.authors]
        categories = present.categories if present else set()
        if draft.categories is not None:
            categories = {self._categories[slugify(name)] for name in draft.categories}
        return BookLinks(
            authors=[own.get(key) or self._authors[key] for key in keys],
            categories=categories,
            publisher=self._publishers[draft.publisher] if draft.publisher else None,
        )

    def learn(self, session: Session, drafts: Iterable[Draft]) -> None:
        """Find or create all that the drafts name (at most six statements)."""
        authors: dict[str, str] = {}
        categories: dict[str, str] = {}
        publishers: set[str] = set()
        for draft in drafts:
            for name in draft.authors:
                authors.setdefault(name_key(name), name)
            for name in draft.categories or []:
                categories.setdefault(slugify(name), name)
            if draft.publisher:
                publishers.add(draft.publisher)
        self._learn_authors(session, {k: n for k, n in authors.items() if k not in self._authors})
        self._learn_categories(
            session, {s: n for s, n in categories.items() if s not in self._categories}
        )
        self._learn_publishers(session, sorted(publishers - self._publishers.keys()))

    def _learn_authors(self, session: Session, wanted: dict[str, str]) -> None:
        if not wanted:
            return
        sorts = {sort for name in wanted.values() for sort in possible_sorts(name)}
        for row in session.execute(
            select(Author.id, Author.first_name, Author.last_name)
            .where(Author.name_sort.in_(sorts))
            .order_by(Author.id)
        ):
            key = name_key(f"{row.first_name} {row.last_name}".strip())
            if key in wanted:
                self._authors.setdefault(key, row.id)
        new = {key: name for key, name in wanted.items() if key not in self._authors}
        rows = []
        for name in new.values():
            first, last = split_name(name)
            rows.append({"first_name": first, "last_name": last, "name_sort": name_sort(name)})
        self._authors.update(zip(new, self._insert(session, Author, rows), strict=True))

    def _learn_categories(self, session: Session, wanted: dict[str, str]) -> None:
        if not wanted:
            return
        for row in session.execute(
            select(Category.id, Category.slug, Category.name).where(
                or_(Category.slug.in_(wanted), Category.name.in_(wanted.values()))
            )
        ):
            # By name too: staff may have given a category a slug of another sound.
            for slug in (row.slug, slugify(row.name)):
                if slug in wanted:
                    self._categories.setdefault(slug, row.id)
        new = {slug: name for slug, name in wanted.items() if slug not in self._categories}
        rows = [
            {"name": name, "slug": slug, "name_sort": sort_key(name)[:110]}
            for slug, name in new.items()
        ]
        self._categories.update(zip(new, self._insert(session, Category, rows), strict=True))

    def _learn_publishers(self, session: Session, wanted: list[str]) -> None:
        if not wanted:
            return
        for row in session.execute(
            select(Publisher.id, Publisher.name).where(Publisher.name.in_(wanted))
        ):
            self._publishers[row.name] = row.id
        new = [name for name in wanted if name not in self._publishers]
        rows = [{"name": name, "name_sort": sort_key(name)[:210]} for name in new]
        self._publishers.update(zip(new, self._insert(session, Publisher, rows), strict=True))

    def _insert(self, session: Session, model: Any, rows: list[dict[str, Any]]) -> list[int]:
        """Return the new ids in the order of ``rows``."""
        if not rows:
            return []
        if not self._create:
            return [_NEW] * len(rows)
        table = model.__table__
        returning = insert(table).returning(table.c.id, sort_by_parameter_order=True)
        return list(session.scalars(returning, rows))
