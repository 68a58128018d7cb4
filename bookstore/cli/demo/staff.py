"""The clerk of the demo: made for it, and gone afterwards."""

import secrets
from contextlib import AbstractContextManager
from typing import Any, Self

from bookstore.cli.demo.spoken_v2 import SpokenV2
from bookstore.cli.refusals import shown
from bookstore.services import accounts, webhooks


class Clerk:
    """A staff account, for as long as the context lasts."""

    def __init__(self, spoken: SpokenV2) -> None:
        self._spoken = spoken
        self._journey = spoken.journey
        self._token: dict[str, str] = {}

    def __enter__(self) -> Self:
        name, password = f"clerk-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
        with shown():  # by the database: this needs the shop's own settings, not only its address
            self._user = accounts.register(
                name, f"{name}@bookstore.example", password, is_staff=True, is_verified=True
            )
        with self._journey.acting({}):
            self._token = self._spoken.log_in(name, password)
        return self

    def __exit__(self, *_: object) -> None:
        # By the database as well: also when what ended the demo is that the shop does not answer.
        with shown():
            accounts.delete_account(self._user)

    def acting(self) -> AbstractContextManager[None]:
        """Be the one who calls, for a while."""
        return self._journey.acting(self._token)

    def listen(self, url: str) -> dict[str, Any]:
        """Have the events of orders sent there; return the endpoint with its secret."""
        hook = {"url": url, "events": ["order.*"], "description": "flask demo"}
        with self.acting():
            return dict(self._journey.call("POST", "/api/v2/webhooks/endpoints", hook).json())

    def listen_no_more(self, endpoint_id: int) -> None:
        """Remove the endpoint, whether the shop answers or not."""
        with shown():
            webhooks.remove(self._user, endpoint_id)

    def refund(self, order_id: int, amount: str) -> None:
        """Give so much of an order's money back."""
        body = {"amount": amount, "reason": "The book arrived with a torn page"}
        with self.acting():
            self._journey.call("POST", f"/api/v2/orders/{order_id}/refunds", body)
