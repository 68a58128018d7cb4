"""Who acts. Use cases are told; they never look at a request.

A ``User`` row serves as an actor too (in the shell, say): both have ``id``, ``is_staff`` and
``label``.
"""

from dataclasses import dataclass
from typing import Protocol

from bookstore import errors


class Acting(Protocol):
    """What a use case needs to know of whoever acts."""

    @property
    def id(self) -> int | None:
        """The user's id; None for a guest or the system."""

    @property
    def is_staff(self) -> bool:
        """Whether staff rights apply."""

    @property
    def label(self) -> str:
        """How histories name the actor."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A plain value for whoever acts.

    It acts by a login (``session_id``), or by an API key (``key_id``) and then within the key's
    ``scopes`` alone; ``is_service`` is a key that stands for a program of the shop's own, and
    ``key_version`` says which of the key's secrets it was. Of a guest nothing is known but the IP
    ``address``. ``name`` is what who logged in is called there: shown to them, written nowhere.
    """

    id: int | None
    label: str
    is_staff: bool = False
    is_premium: bool = False
    session_id: str | None = None
    cart_token: str | None = None
    key_id: int | None = None
    key_version: int = 0
    scopes: frozenset[str] = frozenset()
    is_service: bool = False
    address: str | None = None
    name: str | None = None

    @property
    def is_unlimited(self) -> bool:
        """Whether it may ask as often as it likes."""
        return self.is_premium or self.is_service

    @property
    def login(self) -> str:
        """What a socket stands and falls with: a session, or a key's very secret."""
        if self.key_id is not None:
            return f"key:{self.key_id}:{self.key_version}"
        return self.session_id or ""


GUEST = Actor(None, "guest")
SYSTEM = Actor(None, "system", is_staff=True)
# Another part of the shop, known by SERVICE_TOKEN: it acts for the shop itself.
SERVICE = Actor(None, "service", is_staff=True, is_service=True)
# What happened at Stripe, and the shop writes down.
STRIPE = Actor(None, "stripe", is_staff=True)


def require_staff(actor: Acting) -> None:
    """Raise Forbidden unless staff acts."""
    if not actor.is_staff:
        raise errors.Forbidden("Only staff may do this.")


def require_user(actor: Acting) -> int:
    """Return the acting user's id; raise Unauthenticated for a guest."""
    if actor.id is None:
        raise errors.Unauthenticated
    return actor.id
