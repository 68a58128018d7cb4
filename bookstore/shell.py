"""What ``flask shell`` opens with."""

import builtins
from types import ModuleType
from typing import Any

from flask import Flask
from sqlalchemy import Connection, event, func, select
from sqlalchemy.exc import IntegrityError

from bookstore import clock, errors, models, money
from bookstore.extensions import db
from bookstore.services import (
    accounts,
    api_keys,
    audit,
    audit_log,
    cart,
    catalog,
    catalog_editing,
    catalog_export,
    catalog_import,
    catalog_records,
    checkout,
    coupon_editing,
    coupon_records,
    coupons,
    event_log,
    events,
    notifications,
    orders,
    pricing,
    reports,
    reviews,
    search,
    shipping,
    shipping_editing,
    tax_editing,
    taxes,
    webhook_log,
    webhooks,
    wishlist,
)
from bookstore.services.actors import SYSTEM
from bookstore.services.paging import PageRequest
from bookstore.unit_of_work import unit_of_work

SERVICES: tuple[ModuleType, ...] = (
    accounts,
    api_keys,
    audit_log,
    cart,
    catalog,
    catalog_editing,
    catalog_export,
    catalog_import,
    catalog_records,
    checkout,
    coupon_editing,
    coupon_records,
    coupons,
    event_log,
    events,
    notifications,
    orders,
    pricing,
    reports,
    reviews,
    search,
    shipping,
    shipping_editing,
    tax_editing,
    taxes,
    webhook_log,
    webhooks,
    wishlist,
)

HELP = """\
The bookstore's shell. Type help() to read this again, help(x) for anything else.

  models    {models}
  services  {services}
  db        db.session is the session; db.session.scalars(select(Book).where(...)) reads
  SYSTEM    the actor with staff rights, for services that ask who acts
  errors    what services raise when they refuse, such as errors.CartEmpty
  and       PageRequest, unit_of_work, IntegrityError, select, func, money, clock

Services do what the API does, with the same rules:
  ann = accounts.register("ann", "ann@example.com", "a long password")
  cart.add_item(ann, book_id=1, quantity=2)
  home = {{"name": "Ann", "line1": "1 High Street", "city": "York", "country": "GB"}}
  order = orders.place(ann, home)
  orders.advance(SYSTEM, order.id, "processing")
  print(api_keys.create(ann, "my script", ["orders:read"]).key)

By hand, change rows and db.session.commit(), or use `with unit_of_work() as session:`.
After an error by hand: db.session.rollback(). Rows you hold are read anew after
db.session.expire_all(). Money is whole minor units: 1999 is 19.99.
docs/guide-in-the-shell.md walks through it all."""


class Help:
    """``help`` of the shell: without an argument our text, with one Python's."""

    def __call__(self, *about: object) -> None:
        """Print the help text, or Python's help about something."""
        if about:
            builtins.help(*about)
        else:
            print(self)  # noqa: T201

    def __repr__(self) -> str:
        return HELP.format(
            models=" ".join(models.__all__),
            services=" ".join(module.__name__.rpartition(".")[2] for module in SERVICES),
        )


def context() -> dict[str, Any]:
    """Return the shell's names: every model and service, db, SYSTEM, help and a few tools."""
    names: dict[str, Any] = {name: getattr(models, name) for name in models.__all__}
    names.update({module.__name__.rpartition(".")[2]: module for module in SERVICES})
    names.update(
        db=db,
        SYSTEM=SYSTEM,
        PageRequest=PageRequest,
        IntegrityError=IntegrityError,
        errors=errors,
        clock=clock,
        money=money,
        select=select,
        func=func,
        unit_of_work=unit_of_work,
        help=Help(),
    )
    return names


def init_app(app: Flask) -> None:
    """Give ``flask shell`` its names."""
    app.shell_context_processor(_open)


def _open() -> dict[str, Any]:
    audit.in_shell()
    if db.engine.dialect.name == "postgresql":
        event.listen(db.engine, "begin", _take_your_time)
    return context()


def _take_your_time(connection: Connection) -> None:
    # Between two lines that a person types lies an open transaction; a request may hold one
    # for seconds only, and the server would hang up. Not for longer than the transaction: behind a
    # pooler others have the session next.
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = '1h'")
