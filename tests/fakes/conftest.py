"""A Stripe for each test, and its own library to ask it with."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.stripe import FakeStripe


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with FakeStripe() as running:
        yield running


@pytest.fixture
def api(fake: FakeStripe) -> Any:
    return fake.client().v1
