"""Clients of the shop's other parts: plain values in and out, see ``peer_http`` for how."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flask import current_app

from bookstore import money
from bookstore.config.parts import CATALOG, ORDERS, USERS
from bookstore.extensions import settings
from bookstore.gateways.peer_http import Peer
from bookstore.gateways.peer_values import PeerBook, PeerItem, PeerOrder, PeerUser


class Users:
    """The users part."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def get_user(self, user_id: int) -> PeerUser:
        """Return who a user is.

        Raises:
            NotFound: there is no such user.
            PartUnavailable: nobody can say now.
        """
        return PeerUser(**self._peer.get(f"/internal/users/{user_id}"))


class Catalog:
    """The catalog part."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def get_books(self, book_ids: Sequence[int]) -> list[PeerBook]:
        """Return books, by id; those that there are not are left out.

        Raises:
            PartUnavailable: nobody can say now.
        """
        if not book_ids:
            return []
        asked = ",".join(map(str, sorted(set(book_ids))))
        found = self._peer.get("/internal/books", {"ids": asked})["data"]
        return [
            PeerBook(**{**book, "price": money.to_minor(book["price"], book["currency"])})
            for book in found
        ]


class Orders:
    """The orders part."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def create_order(self, asked: Mapping[str, Any], key: str) -> PeerOrder:
        """Order copies for a user.

        Args:
            asked: user_id, items of {book_id, quantity}, shipping_address, shipping_method.
            key: the same key is the same order.

        Raises:
            PartUnavailable: it may be there or not; ask again with the same key.
            BookstoreError: as ``order_creation.create``.
        """
        return order_from(self._peer.post("/internal/orders", asked, key))

    def get_order(self, order_id: int) -> PeerOrder:
        """Return an order.

        Raises:
            NotFound: there is no such order.
            PartUnavailable: nobody can say now.
        """
        return order_from(self._peer.get(f"/internal/orders/{order_id}"))


def users() -> Users | None:
    """Return the client of the users part; None when it is here."""
    peer = _peer(USERS)
    return None if peer is None else Users(peer)


def catalog() -> Catalog | None:
    """Return the client of the catalog part; None when it is here."""
    peer = _peer(CATALOG)
    return None if peer is None else Catalog(peer)


def orders() -> Orders | None:
    """Return the client of the orders part; None when it is here."""
    peer = _peer(ORDERS)
    return None if peer is None else Orders(peer)


def order_from(body: Mapping[str, Any]) -> PeerOrder:
    """Return the order that an answer has."""
    currency = body["currency"]
    items = tuple(
        PeerItem(**{**item, "price": money.to_minor(item["price"], currency)})
        for item in body["items"]
    )
    total = money.to_minor(body["total_amount"], currency)
    return PeerOrder(**{**body, "items": items, "total_amount": total})


def _peer(part: str) -> Peer | None:
    """Return the process's one client of a part: it remembers how the part has been doing."""
    url = settings().url_of(part)
    if url is None:
        return None
    made: dict[str, Peer] = current_app.extensions.setdefault("bookstore_peers", {})
    if part not in made:
        # Two threads at once make two; the first to be kept is everybody's.
        made.setdefault(part, Peer(part, url, cast(str, settings().service_token)))
    return made[part]
