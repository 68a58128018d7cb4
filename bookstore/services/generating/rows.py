"""The rows of each table, in the order of their ids, as ``copying.write`` takes them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from bookstore.models.text import slugify, sort_key
from bookstore.services import search_index
from bookstore.services.actors import SYSTEM
from bookstore.services.generating import choices, words
from bookstore.services.generating.books import SINCE, UNTIL, Made, OnSale, on_sale, whole
from bookstore.services.generating.choices import Bought, Counts, Size, source
from bookstore.services.generating.copying import Row

ADDRESS = {
    "name": "Ann Reader",
    "line1": "1 High Street",
    "line2": "",
    "city": "York",
    "region": "",
    "postal_code": "YO1 7HH",
    "country": "GB",
}
_DELIVERY = 399
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # pragma: allowlist secret


@dataclass(frozen=True, slots=True)
class Bases:
    """The highest id that each table had before: number 0 gets the next."""

    users: int = 0
    categories: int = 0
    publishers: int = 0
    authors: int = 0
    books: int = 0
    orders: int = 0
    carts: int = 0


@dataclass(slots=True)
class Rows:
    """Makes the rows of a shop of this size in this currency."""

    size: Size
    bases: Bases
    counts: Counts
    currency: str

    def users(self) -> Iterator[Row]:
        """Yield readers, who have no password that fits."""
        for number in range(self.size.users):
            name, mail = f"reader{number:07}", f"reader{number:07}@example.com"
            yield (
                self.bases.users + 1 + number,
                name,
                name,
                mail,
                mail,
                "none",
                "",
                "",
                SINCE,
                SINCE,
            )

    def categories(self) -> Iterator[Row]:
        """Yield the shelves."""
        for number, name in enumerate(words.SHELVES, self.bases.categories + 1):
            yield number, name, slugify(name), sort_key(name), "", 1, SINCE, SINCE

    def publishers(self) -> Iterator[Row]:
        """Yield publishing houses, whose names are all different."""
        for number in range(self.size.publishers):
            name = words.publisher(source(self.size, 4, number))
            if number >= len(words.SHELVES):
                name = f"{name} {number}"
            else:
                name = f"{name} {words.PLACES[number]}"
            yield self.bases.publishers + 1 + number, name, sort_key(name), 1, SINCE, SINCE

    def authors(self) -> Iterator[Row]:
        """Yield people."""
        for number in range(self.size.authors):
            first, last = author(self.size, number)
            key = sort_key(f"{last} {first}")
            yield self.bases.authors + 1 + number, first, last, key, "", 1, SINCE, SINCE

    def books(self) -> Iterator[Made]:
        """Yield the books, with what happens to them."""
        for number in range(self.size.books):
            made = whole(self.size, number, self.bases.books + 1 + number)
            made.sold = self.counts.sold[number]
            made.rating_count = self.counts.rating_count[number]
            made.popularity = made.rating_count * 25
            yield made

    def book(self, made: Made) -> Row:
        """Return a book's row."""
        number = made.id - self.bases.books - 1
        return (
            made.id, made.title, sort_key(made.title)[:500], "", made.isbn, made.sku,
            made.description, made.pages, made.language, made.publication_date, made.status,
            made.price, made.stock, made.sold, self.counts.rating_sum[number], made.rating_count,
            made.popularity, self.bases.authors + 1 + made.authors[0],
            self.bases.publishers + 1 + made.publisher, 1, made.created_at, made.created_at,
        )  # fmt: skip

    def book_authors(self, made: Made) -> Iterator[Row]:
        """Yield who wrote a book."""
        for place, number in enumerate(made.authors):
            yield made.id, self.bases.authors + 1 + number, place

    def book_categories(self, made: Made) -> Iterator[Row]:
        """Yield on which shelves a book stands."""
        for number in made.shelves:
            yield made.id, self.bases.categories + 1 + number

    def search(self, made: Made) -> dict[str, Any]:
        """Return a book's row of ``book_search``."""
        names = [
            word
            for number in made.authors
            for word in search_index.name_words(" ".join(author(self.size, number)))
        ]
        return search_index.row_of(made, names)

    def delivered(self, made: Made) -> Iterator[Row]:
        """Yield the first entry of a book's ledger: what came, of which some is sold."""
        if copies := made.stock + made.sold:
            yield made.id, copies, "initial", None, SYSTEM.label, made.created_at

    def reviews(self) -> Iterator[Row]:
        """Yield what readers say."""
        step = (UNTIL - SINCE) / max(1, self.size.reviews)
        chance = source(self.size, 5, 0)
        for number, (book, user, rating) in enumerate(choices.reviews(self.size)):
            at = SINCE + number * step
            said = words.opinion(chance)
            yield (
                self.bases.books + 1 + book, self.bases.users + 1 + user, rating,
                said[: said.index(".")], said, at, at,
            )  # fmt: skip

    def order(self, bought: Bought) -> Row:
        """Return an order's row."""
        subtotal = sum(copies * self._offer(book).price for book, copies in bought.lines)
        is_paid = bought.status not in ("pending", "cancelled")
        placed = self._placed(bought)
        return (
            self.bases.orders + 1 + bought.number, _number(bought.number),
            self.bases.users + 1 + bought.user, bought.status, "paid" if is_paid else "unpaid",
            subtotal, 0, _DELIVERY, 0, 0, [], [], subtotal + _DELIVERY, self.currency, "standard",
            ADDRESS, placed if is_paid else None, bought.status == "cancelled", 2, placed, placed,
        )  # fmt: skip

    def order_items(self, bought: Bought) -> Iterator[Row]:
        """Yield an order's lines."""
        for book, copies in bought.lines:
            offer = self._offer(book)
            yield (
                self.bases.orders + 1 + bought.number, self.bases.books + 1 + book, offer.title,
                offer.isbn, copies, offer.price,
            )  # fmt: skip

    def order_events(self, bought: Bought) -> Iterator[Row]:
        """Yield an order's history: where it began, and where it is."""
        order, placed = self.bases.orders + 1 + bought.number, self._placed(bought)
        yield order, None, "pending", SYSTEM.label, "", placed
        if bought.status != "pending":
            yield order, "pending", bought.status, SYSTEM.label, "made up", placed

    def taken(self, bought: Bought) -> Iterator[Row]:
        """Yield what the ledger says of an order's copies."""
        order, placed = self.bases.orders + 1 + bought.number, self._placed(bought)
        moves = [("order", -1)] + [("cancellation", 1)] * (bought.status == "cancelled")
        for reason, sign in moves:
            for book, copies in bought.lines:
                yield (
                    self.bases.books + 1 + book,
                    sign * copies,
                    reason,
                    order,
                    SYSTEM.label,
                    placed,
                )

    def payments(self, bought: Bought) -> Iterator[Row]:
        """Yield the payment of a paid order."""
        if bought.status in ("pending", "cancelled"):
            return
        order, placed = self.order(bought), self._placed(bought)
        total = order[12]
        yield (
            order[0], 1, True, f"cus_made_up_{order[2]}", f"pi_made_up_{order[0]}", total,
            self.currency, "succeeded", total, 0, 0, False, placed, placed,
        )  # fmt: skip

    def carts(self) -> Iterator[Row]:
        """Yield the cart of every fifth reader."""
        for number, user in enumerate(range(0, self.size.users, 5)):
            at = UNTIL - timedelta(minutes=number)
            yield self.bases.carts + 1 + number, self.bases.users + 1 + user, 1, at, at

    def cart_items(self) -> Iterator[Row]:
        """Yield a book or two in each cart."""
        for number in range(len(range(0, self.size.users, 5))):
            chance = source(self.size, 6, number)
            for book in {int(self.size.books * chance.random()) for _ in range(2)}:
                price = self._offer(book).price
                yield self.bases.carts + 1 + number, self.bases.books + 1 + book, 1, price, UNTIL

    def _placed(self, bought: Bought) -> Any:
        return SINCE + bought.number * ((UNTIL - SINCE) / self.size.orders)

    def _offer(self, book: int) -> OnSale:
        return _offer(self.size, book)


@lru_cache(maxsize=50_000)
def _offer(size: Size, book: int) -> OnSale:
    return on_sale(size, book)


@lru_cache(maxsize=50_000)
def author(size: Size, number: int) -> Sequence[str]:
    """Return the first and last name of an author."""
    chance = source(size, 7, number)
    return words.first_name(chance), words.surname(chance)


def _number(order: int) -> str:
    """Return a number as orders have: no two alike, and no telling which came first."""
    rest, code = (order * 694_847_533 + 7) % 32**10, ""
    for _ in range(10):
        rest, digit = divmod(rest, 32)
        code += _DIGITS[digit]
    return f"00-{code[:5]}-{code[5:]}"
