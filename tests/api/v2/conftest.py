"""An account that has registered and logged in over HTTP."""

from typing import Any

import pytest

from tests.clients import Client, ok
from tests.factories import PASSWORD

ANN = {"username": "ann", "email": "ann@example.com", "password": PASSWORD}
LOGIN = {"username": "ann", "password": PASSWORD}


@pytest.fixture
def ann(client: Client) -> dict[str, Any]:
    """An account; returns the tokens of its first login."""
    ok(client.post("/auth/register", ANN), 201)
    return dict(ok(client.post("/auth/token", LOGIN)))
