"""Who bought and reviewed what: drawn twice from the same seed, first only to be counted.

A book's row holds how often it was sold and how it is rated. So that no row has to be written
twice, all that is going to happen is counted before the first is written.
"""

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

CHUNK = 10_000  # rows that share a source of randomness, and one COPY

# With it the best thousandth of the books has a sixteenth of the sales, the best tenth 40 %.
_SKEW = 2.5
_RATINGS = (5, 4, 3, 2, 1)
_HOW_OFTEN = (40, 75, 90, 96, 100)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to be of what; ``seed`` decides all else."""

    books: int
    reviews: int
    orders: int
    users: int
    seed: int

    @property
    def authors(self) -> int:
        """How many people wrote the books."""
        return -(-self.books // 4)

    @property
    def publishers(self) -> int:
        """How many houses published them."""
        return -(-self.books // 200)


@dataclass(frozen=True, slots=True)
class Bought:
    """One order: who, and so many copies of which books (all by their number, from 0)."""

    number: int
    user: int
    status: str
    lines: Sequence[tuple[int, int]]


class Counts:
    """What will have happened to each book: copies out, and how it is rated."""

    def __init__(self, size: Size) -> None:
        self.sold = array("q", bytes(8 * size.books))
        self.rating_sum = array("q", bytes(8 * size.books))
        self.rating_count = array("q", bytes(8 * size.books))
        for book, _, rating in reviews(size):
            self.rating_sum[book] += rating
            self.rating_count[book] += 1
        for order in orders(size):
            if order.status != "cancelled":
                for book, copies in order.lines:
                    self.sold[book] += copies


def source(size: Size, kind: int, number: int) -> Random:
    """Return the source of randomness of one thing or chunk."""
    return Random((size.seed << 48) + (kind << 40) + number)  # noqa: S311 # nosec B311


def reviews(size: Size) -> Iterator[tuple[int, int, int]]:
    """Yield (book, user, rating), no two of one reader and book."""
    had = array("q", bytes(8 * size.books))
    spread, stride = _coprime(size.books, 0.618), _coprime(size.users, 0.382)
    for start in range(0, size.reviews, CHUNK):
        draw = source(size, 1, start).random
        for _ in range(min(CHUNK, size.reviews - start)):
            book = int(size.books * draw() ** _SKEW) * spread % size.books
            while had[book] >= size.users:
                book = (book + 1) % size.books
            user = (book * 7 + had[book] * stride) % size.users
            had[book] += 1
            mark = draw() * 100
            rating = next(r for r, up_to in zip(_RATINGS, _HOW_OFTEN, strict=True) if mark < up_to)
            yield book, user, rating


def orders(size: Size) -> Iterator[Bought]:
    """Yield the orders, oldest first."""
    spread = _coprime(size.books, 0.618)
    recent = size.orders - max(1, size.orders // 50)
    for start in range(0, size.orders, CHUNK):
        draw = source(size, 2, start).random
        for number in range(start, min(start + CHUNK, size.orders)):
            user = int(size.users * draw() ** 1.5)
            lines: dict[int, int] = {}
            for _ in range(1 + int(3 * draw() ** 2)):
                book = int(size.books * draw() ** _SKEW) * spread % size.books
                lines[book] = 1 + int(2 * draw() ** 4)
            yield Bought(number, user, _status(draw(), number >= recent), sorted(lines.items()))


def _status(mark: float, is_recent: bool) -> str:
    if mark < 0.04:
        return "cancelled"
    if not is_recent:
        return "delivered"
    return "shipped" if mark < 0.5 else "processing" if mark < 0.8 else "pending"


def _coprime(size: int, part: float) -> int:
    """Return a step that, taken again and again, comes by every number below ``size``."""
    step = max(1, int(size * part))
    while math.gcd(step, size) != 1:
        step += 1
    return step
