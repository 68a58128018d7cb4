"""Customers: who pays, for the record."""

import json
import sqlite3

from bookstore.gateways.stripe_twin import params as given
from bookstore.gateways.stripe_twin.refusals import missing
from bookstore.gateways.stripe_twin.store import Json, Work, dumps, new_id


def create(work: Work, params: Json) -> Json:
    """Make a customer and return it."""
    given.only(params, "email", "name", "metadata")
    customer: Json = {
        "id": new_id("cus"),
        "object": "customer",
        "created": int(work.now),
        "email": given.text(params, "email"),
        "livemode": False,
        "metadata": given.metadata(params),
        "name": given.text(params, "name"),
    }
    work.db.execute(
        "INSERT INTO customers (id, created, body) VALUES (?, ?, ?)",
        [customer["id"], customer["created"], dumps(customer)],
    )
    return customer


def retrieve(db: sqlite3.Connection, customer_id: str) -> Json:
    """Return a customer."""
    row = db.execute("SELECT body FROM customers WHERE id = ?", [customer_id]).fetchone()
    if row is None:
        raise missing("customer", customer_id, "customer")
    return dict(json.loads(row["body"]))
