"""What passes between the steps of an import, and what comes out of it."""

from dataclasses import dataclass, field, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class RowError:
    """Why a row was not loaded. ``row`` counts as a spreadsheet does: the header is row 1."""

    row: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.field}: {self.reason}"


@dataclass(slots=True)
class Report:
    """The outcome of an import, in rows; ``bad`` rows may have several ``errors`` each."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad: int = 0
    errors: list[RowError] = field(default_factory=list)

    def copy(self) -> "Report":
        """Return what is known by now."""
        return replace(self, errors=list(self.errors))

    def add(self, other: "Report") -> None:
        """Add the outcome of more rows."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.bad += other.bad
        self.errors += other.errors

    def refuse(self, complaints: list[RowError]) -> None:
        """Count one bad row."""
        self.bad += 1
        self.errors += complaints

    def __str__(self) -> str:
        return (
            f"{self.created} created, {self.updated} updated, "
            f"{self.unchanged} unchanged, {self.bad} bad"
        )


@dataclass(slots=True, kw_only=True)
class Draft:
    """A good row. None means "not said": a new book gets the default, an old one keeps its own.

    Only ``isbn``, ``pages``, ``publication_date``, ``publisher``, ``cover_url`` and ``weight`` can
    be None and said: where they are among ``columns``, what the row says anything about.
    """

    row: int
    title: str
    authors: list[str]
    price: int
    sku: str
    has_own_sku: bool
    columns: frozenset[str]
    isbn: str | None = None
    subtitle: str | None = None
    publisher: str | None = None
    categories: list[str] | None = None
    stock: int | None = None
    pages: int | None = None
    language: str | None = None
    publication_date: date | None = None
    description: str | None = None
    status: str | None = None
    cover_url: str | None = None
    weight: int | None = None
    tax_category: str | None = None
    popularity: int | None = None
