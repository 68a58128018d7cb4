"""What a made-up book is: the same for its number and the seed, whoever asks and however often."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import NamedTuple

from bookstore.models.catalog import LOW_STOCK
from bookstore.services.generating import words
from bookstore.services.generating.choices import Size, source

# Fixed, so that a seed gives the same rows on every day; and past what `flask doctor` compares
# with Stripe, which knows nothing of made-up payments.
UNTIL = datetime(2026, 6, 30, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=3 * 365)

_LANGUAGES = ("en",) * 17 + ("de", "fr", "es")


class OnSale(NamedTuple):
    """What an order line takes from a book; ``price`` in minor units."""

    title: str
    isbn: str
    price: int


@dataclass(slots=True)
class Made:
    """A whole book; the names are those of its row, the records by their number from 0."""

    id: int
    title: str
    isbn: str
    sku: str
    price: int
    pages: int
    language: str
    publication_date: date
    description: str
    status: str
    stock: int
    authors: list[int]
    publisher: int
    shelves: list[int]
    created_at: datetime
    subtitle: str = ""
    popularity: int = 0
    sold: int = 0
    rating_count: int = 0


def on_sale(size: Size, number: int) -> OnSale:
    """Return the first that is drawn of a book."""
    return _on_sale(source(size, 3, number), number)


def whole(size: Size, number: int, id_: int) -> Made:
    """Return a book but for what happens to it."""
    chance = source(size, 3, number)
    title, isbn, price = _on_sale(chance, number)
    authors = {int(size.authors * chance.random() ** 1.5): None}
    if chance.random() < 0.15:
        authors[int(size.authors * chance.random())] = None
    shelves = {
        int(len(words.SHELVES) * chance.random() ** 1.5) for _ in range(chance.randint(1, 3))
    }
    status, stock = _offered(chance)
    return Made(
        id=id_,
        title=title,
        isbn=isbn,
        sku=f"GEN-{number:07}",
        price=price,
        pages=chance.randint(80, 900),
        language=chance.choice(_LANGUAGES),
        publication_date=date(chance.randint(1950, 2025), chance.randint(1, 12), 1),
        description=words.description(chance),
        status=status,
        stock=stock,
        authors=list(authors),
        publisher=int(size.publishers * chance.random() ** 1.5),
        shelves=sorted(shelves),
        created_at=SINCE - timedelta(minutes=size.books - number),
    )


def _on_sale(chance: Random, number: int) -> OnSale:
    # Around 15, seldom above 60: cheap ones are many.
    price = 399 + 100 * int(chance.lognormvariate(2.4, 0.6))
    return OnSale(words.title(chance), isbn_13(number), price)


def _offered(chance: Random) -> tuple[str, int]:
    """Return what staff says of a book, and how many copies are left."""
    mark = chance.random()
    if mark < 0.03:
        return "out_of_stock", 0
    if mark < 0.06:
        return "coming_soon", 0
    if mark < 0.10:
        return "available", 0
    if mark < 0.15:
        return "available", chance.randint(1, LOW_STOCK)
    return "available", int(LOW_STOCK + 1 + chance.expovariate(0.02))


def isbn_13(number: int) -> str:
    """Return the ISBN-13 of a number: valid, and no two the same below a thousand million."""
    digits = f"978{number * 618_033_989 % 10**9:09}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
