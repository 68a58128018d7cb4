"""What a request carries through its resolvers: who acts, and what has been loaded."""

from dataclasses import dataclass, field

import strawberry

from bookstore.graphql.loaders import Loaders
from bookstore.services.actors import Actor


@dataclass(slots=True)
class Context:
    """A request's own state. ``cart_token`` is set when a guest's cart was opened."""

    actor: Actor
    address: str | None = None
    loaders: Loaders = field(default_factory=Loaders)
    cart_token: str | None = None


Info = strawberry.Info[Context, None]
