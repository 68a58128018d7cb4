"""What the parts of the shop tell each other, as plain values; amounts in minor units."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerUser:
    """Who a user is; ``is_active`` is false for an account that is gone."""

    id: int
    username: str
    email: str
    first_name: str
    last_name: str
    is_active: bool

    @property
    def name(self) -> str:
        """How to call them."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


@dataclass(frozen=True, slots=True)
class PeerBook:
    """What a book is called and costs now; ``status`` as readers see it."""

    id: int
    title: str
    isbn: str | None
    price: int
    currency: str
    status: str


@dataclass(frozen=True, slots=True)
class PeerItem:
    """One line of an order."""

    book_id: int
    title: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class PeerOrder:
    """An order, and whose it is."""

    id: int
    number: str
    user_id: int
    status: str
    payment_status: str
    items: tuple[PeerItem, ...]
    total_amount: int
    currency: str
    version: int
