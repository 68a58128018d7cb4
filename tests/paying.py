"""What tests of payments share: orders, and how they and their payments stand."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from bookstore import clock
from bookstore.extensions import db
from bookstore.gateways.payments import RETRIES
from bookstore.models import Email, Event, Order, Payment, Refund, StripeEvent, User
from bookstore.services import cart, orders, paying
from bookstore.services.paying import Payable
from bookstore.unit_of_work import new_snapshot, unit_of_work
from tests.clients import ADDRESS, Client, ok
from tests.factories import make_book, make_user
from tests.fakes.stripe import FakeStripe

GOOD, DECLINED = "4242424242424242", "4000000000000002"
ASKS_BACK, DISPUTED, BANK = "4000000000003220", "4000000000000259", "us_bank_account"


def place(
    user: User | None = None, *, price: int = 1999, stock: int = 10, copies: int = 1
) -> Order:
    """Return a new order of a new book; with shipping it costs 4.99 more, below 50.00."""
    user = user or make_user()
    cart.add_item(user, make_book(price=price, stock=stock).id, copies)
    return orders.place(user, ADDRESS)


def buy(client: Client, book_id: int, copies: int = 1) -> dict[str, Any]:
    """Return an order, placed over HTTP."""
    ok(client.post("/cart/items", {"book_id": book_id, "quantity": copies}), 201)
    return dict(ok(client.post("/orders", {"shipping_address": ADDRESS}), 201))


def intent(order: Order) -> Payable:
    """Return the order's payment intent."""
    return paying.open_intent(order.user, order.id)


def lose_the_answer(stripe: FakeStripe, pattern: str) -> None:
    """Have the next request be done, and its answer get lost, however often the library tries."""
    stripe.fail(pattern, "timeout_after_commit")
    stripe.fail(pattern, "timeout_before", times=RETRIES)


def paid(stripe: FakeStripe, order: Order, card: str = GOOD) -> Order:
    """Pay an order, have the events come, and return it as it stands then."""
    stripe.pay(intent(order).client_secret, card)
    stripe.settle()
    return now(order)


def now(order: Order) -> Order:
    """Return the order as it is in the database."""
    new_snapshot()
    return db.session.get_one(Order, order.id, populate_existing=True)


def stands(order: Order | int) -> tuple[str, str]:
    """Return (status, payment_status) as in the database."""
    new_snapshot()
    which = order if isinstance(order, int) else order.id
    row = db.session.execute(select(Order.status, Order.payment_status).where(Order.id == which))
    return tuple(row.one())  # type: ignore[return-value]


def rows(of: type[Any], *which: Any) -> list[Any]:
    """Return rows of a table by id, as they are now."""
    new_snapshot()
    query = select(of).where(*which).order_by(of.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))


def payment(order: Order) -> Payment:
    """Return the only payment of an order."""
    [found] = rows(Payment, Payment.order_id == order.id)
    return found


def refunds(order: Order) -> list[tuple[int, str]]:
    """Return (amount, status) of an order's refunds."""
    return [(row.amount, row.status) for row in rows(Refund, Refund.order_id == order.id)]


def told(order: Order) -> list[str]:
    """Return the types of an order's events, in order."""
    which = Event.aggregate.in_(("order", "payment")), Event.aggregate_id == order.id
    new_snapshot()
    return list(db.session.scalars(select(Event.type).where(*which).order_by(Event.id)))


def mails(template: str) -> list[Email]:
    """Return mails of a template."""
    return rows(Email, Email.template == template)


def let_time_run_out(order: Order) -> None:
    """Have the order's time to be paid be over."""
    with unit_of_work() as session:
        past = clock.now() - timedelta(seconds=1)
        session.execute(update(Order).where(Order.id == order.id).values(expires_at=past))


def state(app: Flask) -> dict[str, Any]:
    """Return all that an event may change."""
    with app.app_context():
        return {
            "orders": [(o.id, o.status, o.payment_status, o.version) for o in rows(Order)],
            "payments": [(p.id, p.status, p.amount_received) for p in rows(Payment)],
            "events": [e.id for e in rows(StripeEvent)],
            "told": [e.type for e in rows(Event)],
        }
