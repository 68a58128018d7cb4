"""Writing a batch of drafts: one unit of work, a fixed number of statements."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bookstore import clock
from bookstore.models import Book, StockMovement
from bookstore.models.catalog import book_authors, book_categories
from bookstore.models.taxes import BOOKS
from bookstore.models.text import sort_key
from bookstore.services import bulk_events, catalog_cache, catalog_editing, search_index, stock
from bookstore.services.imports.references import BookLinks, References, links_of
from bookstore.services.imports.report import Draft, Report, RowError
from bookstore.unit_of_work import unit_of_work

_books = Book.__table__.c
_TEXTS = ("title", "subtitle", "description", "language", "status", "tax_category")
# What an import may set: None in a draft leaves these as they are …
_KEPT = (*_TEXTS, "price", "popularity")
# … and empties these, if the row has such a column.
_EMPTIED = ("isbn", "pages", "publication_date", "cover_url", "weight")
_WRITTEN = (*_KEPT, *_EMPTIED, "title_sort", "author_id", "publisher_id", "stock")
_DEFAULTS = {
    "subtitle": "",
    "description": "",
    "language": "",
    "status": "available",
    "tax_category": BOOKS,
    "popularity": 0,
    "stock": 0,
}
# Of these events tell nothing, or the list that they stand for.
_DERIVED = {"title_sort", "author_id"}
_told = [_books[name] for name in ("id", "title", "isbn", "status", "price", "stock", "version")]
_ATTEMPTS = 3
Transaction = Callable[[], AbstractContextManager[Session]]
_LOCK = 7266638


@dataclass(slots=True)
class _Plan:
    """What a batch comes to."""

    created: list[dict[str, Any]] = field(default_factory=list)
    updated: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, BookLinks] = field(default_factory=dict)  # by sku, where they change
    deltas: dict[str, int] = field(default_factory=dict)  # copies by sku
    ids: dict[str, int] = field(default_factory=dict)  # by sku
    changes: dict[int, list[str]] = field(default_factory=dict)  # by id: what is told of them
    report: Report = field(default_factory=Report)


class Loader:
    """Loads batches of one file.

    Args:
        label: the actor's, for the stock ledger.
        set_stock: also set the stock of books that are there already.
        dry_run: only count.
    """

    def __init__(self, label: str, *, set_stock: bool, dry_run: bool) -> None:
        self.report = Report()
        self._label = label
        self._set_stock, self._dry_run = set_stock, dry_run
        self._references = References(create=not dry_run)
        self._rows_by_key: dict[tuple[str, str], int] = {}
        self._rows_by_book: dict[int, int] = {}

    def pass_over(self, drafts: Iterable[Draft]) -> None:
        """Know drafts that were loaded before an interruption, so that none is loaded twice."""
        self._rows_by_key.update((key, draft.row) for draft in drafts for key in _keys(draft))

    def load(self, drafts: Sequence[Draft], transaction: Transaction = unit_of_work) -> None:
        """Load the drafts, all in one transaction, and add what came of it to ``report``.

        ``transaction`` opens it; what the report will be is known when it is left.
        """
        drafts = [draft for draft in drafts if self._is_first(draft)]
        for attempt in range(1, _ATTEMPTS + 1):
            rows_by_book, report = dict(self._rows_by_book), self.report.copy()
            try:
                with transaction() as session:
                    self._load(session, drafts)
                return
            except IntegrityError:
                # Somebody else created or deleted one of these meanwhile: look again.
                self._references.forget()
                self._rows_by_book, self.report = rows_by_book, report
                if attempt == _ATTEMPTS:
                    raise

    def _load(self, session: Session, drafts: list[Draft]) -> None:
        if not drafts:
            return
        if not self._dry_run and session.get_bind().dialect.name == "postgresql":
            # Two imports at once would each create the same new authors.
            session.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        plan = self._plan(session, drafts)
        if not self._dry_run:
            self._write(session, plan)
        self.report.add(plan.report)

    def _is_first(self, draft: Draft) -> bool:
        keys = _keys(draft)
        for name, key in reversed(keys):
            if (name, key) in self._rows_by_key:
                first = self._rows_by_key[name, key]
                where = name if draft.has_own_sku or name == "isbn" else "title"
                self.report.refuse([RowError(draft.row, where, f"is the same as in row {first}")])
                return False
        self._rows_by_key.update((key, draft.row) for key in keys)
        return True

    # -- deciding -----------------------------------------------------------------------------
    def _plan(self, session: Session, drafts: list[Draft]) -> _Plan:
        plan = _Plan()
        by_sku, by_isbn = self._present(session, drafts)
        good: list[tuple[Draft, Any]] = []
        for draft in drafts:
            book = by_sku.get(draft.sku)
            holder = by_isbn.get(draft.isbn) if draft.isbn else None
            if book is None and not draft.has_own_sku:
                book = holder
            if holder is not None and (book is None or holder.id != book.id):
                reason = f"belongs to another book, SKU {holder.sku}"
                plan.report.refuse([RowError(draft.row, "isbn", reason)])
            elif book is not None and book.id in self._rows_by_book:
                reason = f"is the same book as in row {self._rows_by_book[book.id]}"
                plan.report.refuse([RowError(draft.row, "sku", reason)])
            else:
                good.append((draft, book))
                if book is not None:
                    self._rows_by_book[book.id] = draft.row
        present = links_of(session, [book.id for _, book in good if book is not None])
        self._references.learn(session, [draft for draft, _ in good])
        for draft, book in good:
            if book is None:
                self._plan_new(plan, draft)
            else:
                self._plan_change(plan, draft, book, present[book.id])
        return plan

    def _present(
        self, session: Session, drafts: list[Draft]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        skus = [draft.sku for draft in drafts]
        isbns = [draft.isbn for draft in drafts if draft.isbn]
        columns = [_books[name] for name in ("id", "sku", *_WRITTEN)]
        query = select(*columns).where(or_(_books.sku.in_(skus), _books.isbn.in_(isbns)))
        if self._set_stock and not self._dry_run:
            # No copy may be sold between counting and setting.
            query = query.order_by(_books.id).with_for_update()
        rows = session.execute(query).all()
        return {row.sku: row for row in rows}, {row.isbn: row for row in rows if row.isbn}

    def _plan_new(self, plan: _Plan, draft: Draft) -> None:
        links = self._references.links(draft, None)
        values = {name: getattr(draft, name) for name in (*_KEPT, *_EMPTIED, "stock")}
        for name, default in _DEFAULTS.items():
            if values[name] is None:
                values[name] = default
        plan.created.append(
            {
                **values,
                "sku": draft.sku,
                "title_sort": sort_key(draft.title)[:500],
                "author_id": links.authors[0],
                "publisher_id": links.publisher,
            }
        )
        plan.links[draft.sku] = links
        if values["stock"]:
            plan.deltas[draft.sku] = values["stock"]
        plan.report.created += 1

    def _plan_change(self, plan: _Plan, draft: Draft, book: Any, present: BookLinks) -> None:
        links = self._references.links(draft, present)
        values = {name: getattr(book, name) for name in _WRITTEN}
        for name in _KEPT:
            if getattr(draft, name) is not None:
                values[name] = getattr(draft, name)
        for name in _EMPTIED:
            if name in draft.columns:
                values[name] = getattr(draft, name)
        values["title_sort"] = sort_key(values["title"])[:500]
        values["author_id"] = links.authors[0]
        if "publisher" in draft.columns:
            values["publisher_id"] = links.publisher
        if self._set_stock and draft.stock is not None:
            values["stock"] = draft.stock
        if links.same_lists(present) and all(values[n] == getattr(book, n) for n in _WRITTEN):
            plan.report.unchanged += 1
            return
        # Keyed by the SKU it has, which need not be the one its ISBN would have given it.
        plan.ids[book.sku] = book.id
        plan.updated.append({"b_id": book.id, **{f"b_{n}": v for n, v in values.items()}})
        changed = [n for n in _WRITTEN if n not in _DERIVED and values[n] != getattr(book, n)]
        if not links.same_lists(present):
            plan.links[book.sku] = links
            changed += links.other_lists(present)
        plan.changes[book.id] = sorted(changed)
        if values["stock"] != book.stock:
            plan.deltas[book.sku] = values["stock"] - book.stock
        plan.report.updated += 1

    # -- writing ------------------------------------------------------------------------------
    def _write(self, session: Session, plan: _Plan) -> None:
        changed = set(plan.ids.values())
        if plan.updated:
            # Locked in the order in which carts and changes of prices lock them.
            self._update(session, sorted(plan.updated, key=lambda row: row["b_id"]))
        if plan.created:
            inserted = session.execute(
                insert(Book.__table__).returning(_books.id, _books.sku), plan.created
            )
            plan.ids.update((row.sku, row.id) for row in inserted)
        if not plan.ids:
            return
        self._link(session, plan, changed)
        now = clock.now()
        movements = [
            {
                "book_id": plan.ids[sku],
                "delta": delta,
                "reason": "adjustment" if plan.ids[sku] in changed else "initial",
                "order_id": None,
                "actor": self._label,
                "at": now,
            }
            for sku, delta in plan.deltas.items()
        ]
        if movements:
            session.execute(insert(StockMovement.__table__), movements)
        search_index.index_books(session, list(plan.ids.values()))
        catalog_cache.changed()
        self._tell(session, plan)

    def _tell(self, session: Session, plan: _Plan) -> None:
        # Read again: sales may have gone on until the rows were locked.
        books = session.execute(
            select(*_told).where(_books.id.in_(plan.ids.values())).order_by(_books.id)
        ).all()
        about = {book.id: catalog_editing.event_data(book) for book in books}
        new = {which: data for which, data in about.items() if which not in plan.changes}
        bulk_events.record_many("book.created", new)
        bulk_events.record_many(
            "book.updated",
            {which: {**about[which], "changed": names} for which, names in plan.changes.items()},
        )
        moved = {plan.ids[sku]: delta for sku, delta in plan.deltas.items()}
        low = [
            book
            for book in books
            if book.id in plan.changes
            and stock.is_warning(book.stock - moved.get(book.id, 0), book.stock)
        ]
        warnings = {book.id: stock.warning(book.id, book.title, book.stock) for book in low}
        bulk_events.record_many("book.low_stock", warnings)

    def _update(self, session: Session, rows: list[dict[str, Any]]) -> None:
        # Stock only when asked for: otherwise sales go on while this runs.
        names = [name for name in _WRITTEN if name != "stock" or self._set_stock]
        wanted = {f"b_{name}" for name in names} | {"b_id"}
        values: dict[str, Any] = {name: bindparam(f"b_{name}") for name in names}
        session.connection().execute(
            update(Book.__table__)
            .where(_books.id == bindparam("b_id"))
            .values(**values, version=_books.version + 1, updated_at=clock.now()),
            [{key: value for key, value in row.items() if key in wanted} for row in rows],
        )

    def _link(self, session: Session, plan: _Plan, changed: set[int]) -> None:
        relinked = [plan.ids[sku] for sku in plan.links if plan.ids[sku] in changed]
        authors, categories = [], []
        for sku, links in plan.links.items():
            book_id = plan.ids[sku]
            authors += [
                {"book_id": book_id, "author_id": author_id, "position": place}
                for place, author_id in enumerate(links.authors)
            ]
            categories += [
                {"book_id": book_id, "category_id": category} for category in links.categories
            ]
        for link_table, rows in ((book_authors, authors), (book_categories, categories)):
            if relinked:
                session.execute(delete(link_table).where(link_table.c.book_id.in_(relinked)))
            if rows:
                session.execute(insert(link_table), rows)


def _keys(draft: Draft) -> list[tuple[str, str]]:
    """Return what a draft's book is known by: no two rows may be about one."""
    return [("sku", draft.sku)] + ([("isbn", draft.isbn)] if draft.isbn else [])
