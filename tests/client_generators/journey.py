"""A reader's whole journey by the generated Python client.

mypy holds it against the client's types (``test_python.py``), and it is run against a live shop.
"""

import secrets
from typing import NamedTuple, TypeVar

from bookstore_client import AuthenticatedClient, Client
from bookstore_client.api.accounts import accounts_get_me, accounts_log_in, accounts_register
from bookstore_client.api.cart import cart_add_item, cart_get_cart, cart_quote
from bookstore_client.api.catalog import catalog_get_book, catalog_list_books
from bookstore_client.api.orders import (
    orders_get_events,
    orders_get_invoice,
    orders_get_order,
    orders_place,
)
from bookstore_client.api.payments import payments_open_intent
from bookstore_client.api.sandbox import sandbox_confirm
from bookstore_client.api.wishlist import wishlist_add_item, wishlist_move_to_cart
from bookstore_client.models import (
    Address,
    Cart,
    CartItemInput,
    CatalogGetBookView,
    Confirmed,
    ConfirmedStatus,
    ConfirmInput,
    Credentials,
    MobileBook,
    Order,
    OrderEvents,
    OrderInput,
    OrderStatus,
    PaymentIntent,
    PaymentStatus,
    Problem,
    Quote,
    QuoteInput,
    Register,
    StaffBook,
    StaffBookPage,
    Tokens,
    User,
    Wishlist,
    WishlistItemInput,
)

from tests.clients import wait_until

T = TypeVar("T")
GOOD_CARD = "4242 4242 4242 4242"
ADDRESS = Address(
    name="Ann Reader", line1="1 High Street", city="York", postal_code="YO1 7HH", country="GB"
)


class Bought(NamedTuple):
    """What the reader has in the end."""

    order: Order
    history: list[tuple[str | None, str]]  # (from, to)
    invoice: str


def expect(kind: type[T], answer: object) -> T:
    """Return the answer if it is of this kind; a problem, or anything else, ends the journey."""
    assert isinstance(answer, kind), answer
    return answer


def refused(answer: object, code: str) -> Problem:
    """Return the problem that an answer has to be."""
    problem = expect(Problem, answer)
    assert problem.code == code, problem
    return problem


def walk(url: str, title: str, other: str) -> Bought:
    """Search and fill a cart as a guest, register, log in, order once, pay, look at it all."""
    with Client(base_url=url) as guest:
        cart_token = _fill_a_cart(guest, title)
        tokens = _register(guest, cart_token)
        wish = _find(guest, other)
    # No token, no account: a problem by its type, not an exception.
    with AuthenticatedClient(base_url=url, token="none") as nobody:
        refused(accounts_get_me.sync(client=nobody), "unauthenticated")
    with AuthenticatedClient(base_url=url, token=tokens.access) as ann:
        cart = expect(Cart, cart_get_cart.sync(client=ann))
        assert [(line.book.title, line.quantity) for line in cart.items] == [(title, 2)]
        wished = wishlist_add_item.sync(
            client=ann, body=WishlistItemInput(book_id=wish.id, notes="For May")
        )
        assert [item.notes for item in expect(Wishlist, wished).items] == ["For May"]
        moved = expect(Cart, wishlist_move_to_cart.sync(wish.id, client=ann))
        assert {line.book.title for line in moved.items} == {title, other}
        return _buy(ann)


def _fill_a_cart(guest: Client, title: str) -> str:
    book = _find(guest, title)
    added = cart_add_item.sync_detailed(
        client=guest, body=CartItemInput(book_id=book.id, quantity=2)
    )
    assert expect(Cart, added.parsed).total_items == 2
    return added.headers["X-Cart-Token"]


def _register(guest: Client, cart_token: str) -> Tokens:
    password = secrets.token_urlsafe(12)
    account = Register(username="ann", email="ann@example.com", password=password)
    assert expect(User, accounts_register.sync(client=guest, body=account)).username == "ann"
    weak = Register(username="x", email="no address", password="short")
    errors = refused(accounts_register.sync(client=guest, body=weak), "validation_failed").errors
    assert errors
    assert set(errors.to_dict()) == {"email", "password", "username"}
    who = Credentials(username="ann", password=password)
    return expect(Tokens, accounts_log_in.sync(client=guest, body=who, x_cart_token=cart_token))


def _find(guest: Client, words: str) -> StaffBook:
    page = expect(StaffBookPage, catalog_list_books.sync(client=guest, q=words, limit=1))
    [book] = page.data
    # The document says which shape each view has; the client tells them apart.
    small = catalog_get_book.sync(book.id, client=guest, view=CatalogGetBookView.MOBILE)
    assert expect(MobileBook, small).author_name == book.author.full_name
    return book


def _buy(ann: AuthenticatedClient) -> Bought:
    asked = QuoteInput(shipping_address=ADDRESS)
    quote = expect(Quote, cart_quote.sync(client=ann, body=asked))
    form = OrderInput(shipping_address=ADDRESS, expected_total=quote.total)
    key = secrets.token_hex(8)
    order = expect(Order, orders_place.sync(client=ann, body=form, idempotency_key=key))
    assert order.status is OrderStatus.PENDING
    assert order.total_amount == quote.total
    replayed = orders_place.sync_detailed(client=ann, body=form, idempotency_key=key)
    assert expect(Order, replayed.parsed).id == order.id
    assert replayed.headers["Idempotency-Replayed"] == "true"
    refused(orders_place.sync(client=ann, body=form), "cart_empty")

    intent = expect(PaymentIntent, payments_open_intent.sync(order.id, client=ann))
    card = ConfirmInput(client_secret=intent.client_secret, card_number=GOOD_CARD)
    paid = expect(Confirmed, sandbox_confirm.sync(client=ann, body=card))
    assert paid.status is ConfirmedStatus.SUCCEEDED

    def get() -> Order:
        return expect(Order, orders_get_order.sync(order.id, client=ann))

    wait_until(lambda: get().payment_status is PaymentStatus.PAID)
    events = expect(OrderEvents, orders_get_events.sync(order.id, client=ann))
    history = [(event.from_, event.to) for event in events.data]
    return Bought(get(), history, expect(str, orders_get_invoice.sync(order.id, client=ann)))
