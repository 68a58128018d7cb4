"""Workers on the database and the Redis of the app under test, with a data folder of their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from bookstore.config import Settings
from bookstore.services import cart, orders
from tests.clients import ADDRESS
from tests.conftest import Apps
from tests.factories import make_book, make_user
from tests.fakes.receiver import Receiver

Mails = Callable[[], int]


@pytest.fixture
def settings(apps: Apps, app: Flask, database: str, tmp_path: Path) -> Settings:
    """The app's own, but for the data folder: mails and reports are found in it."""
    return apps.settings(
        database,
        bookstore_home=tmp_path,
        redis_url=apps.request.getfixturevalue("redis_server").url,
        webhook_allow_private_networks=True,
    )


@pytest.fixture
def mails(settings: Settings) -> Mails:
    """How many mails have been sent."""
    return lambda: len(list((settings.bookstore_home / "mail").glob("*.eml")))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with Receiver() as running:
        yield running


def place_order() -> None:
    """Have somebody buy something: a mail to be sent."""
    user = make_user()
    cart.add_item(user, make_book().id)
    orders.place(user, ADDRESS)
