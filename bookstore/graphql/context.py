"""What a request carries through its resolvers: who acts, and what has been loaded."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import strawberry
from strawberry.dataloader import DataLoader

from bookstore.services import book_views, catalog_loading
from bookstore.services.actors import Actor

Load = Callable[[Sequence[Any]], dict[Any, Any]]


class Loaders:
    """One loader for each kind of question, made when it is first asked.

    All that a level of the query asks for is loaded by one statement.
    """

    def __init__(self) -> None:
        self._made: dict[Hashable, DataLoader[Any, Any]] = {}

    async def book(self, book_id: int) -> Any:
        """Return a book's view, or None."""
        return await self._load("book", catalog_loading.books, book_id)

    async def author(self, author_id: int) -> Any:
        """Return an author."""
        return await self._load("author", catalog_loading.authors, author_id)

    async def publisher(self, publisher_id: int) -> Any:
        """Return a publisher."""
        return await self._load("publisher", catalog_loading.publishers, publisher_id)

    async def books_count(self, author_id: int) -> int:
        """Return how many books an author wrote."""
        return await self._load("books_count", catalog_loading.books_counts, author_id) or 0

    async def reviews(self, book_id: int, first: int) -> Any:
        """Return a book's newest reviews."""

        def load(ids: Sequence[int]) -> dict[int, Any]:
            return catalog_loading.reviews(ids, first)

        return await self._load(("reviews", first), load, book_id) or []

    async def books_by(self, author_id: int, first: int) -> Any:
        """Return an author's newest books."""

        def load(ids: Sequence[int]) -> dict[int, Any]:
            return catalog_loading.books_by(ids, first)

        return await self._load(("books_by", first), load, author_id) or []

    async def hung_on(self, book_id: int) -> tuple[Any, Any]:
        """Return all authors and all categories of a book."""

        def load(ids: Sequence[int]) -> dict[int, Any]:
            authors, categories = book_views.hung_on(ids)
            return {key: (authors.get(key, []), categories.get(key, [])) for key in ids}

        found: tuple[Any, Any] = await self._load("hung_on", load, book_id)
        return found

    def forget(self) -> None:
        """Load everything anew: something has been written."""
        self._made.clear()

    def _load(self, name: Hashable, load: Load, key: Any) -> Awaitable[Any]:
        if name not in self._made:

            async def load_all(keys: list[Any]) -> list[Any]:
                found = load(keys)
                return [found.get(key) for key in keys]

            self._made[name] = DataLoader(load_all)
        return self._made[name].load(key)


@dataclass(slots=True)
class Context:
    """A request's own state. ``cart_token`` is set when a guest's cart was opened."""

    actor: Actor
    address: str | None = None
    loaders: Loaders = field(default_factory=Loaders)
    cart_token: str | None = None


Info = strawberry.Info[Context, None]
