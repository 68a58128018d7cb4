"""Books, for tests of any version of the API."""

import pytest
from flask import Flask

from tests.factories import make_book


@pytest.fixture
def book_ids(shop: Flask) -> list[int]:
    with shop.app_context():
        return [
            make_book(f"A book with a title of the usual length, volume {n}").id for n in range(20)
        ]
