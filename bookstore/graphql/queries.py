"""Everything that can be read."""

from typing import Annotated, Any

import strawberry

from bookstore import errors
from bookstore.graphql.arguments import checked, size
from bookstore.graphql.context import Info
from bookstore.graphql.types.catalog import Author, Book
from bookstore.graphql.types.connections import Connection, connection, page_request
from bookstore.graphql.types.shop import Cart, Order, User, Wishlist
from bookstore.schemas.v2.catalog import BookQuery
from bookstore.services import accounts, cart, catalog, catalog_records, orders, wishlist
from bookstore.services.actors import require_user
from bookstore.services.catalog import BookFilter
from bookstore.services.catalog_records import AUTHORS
from bookstore.services.paging import Page, PageRequest

Limit = Annotated[int, strawberry.argument(description="At most 100.")]
Sort = Annotated[
    str | None,
    strawberry.argument(
        description="title, price, published, their `-` kinds, -created, -rating, -sales, "
        "relevance (needs q)."
    ),
]
_SEARCH = BookQuery(only=("q", "sort"))


@strawberry.type
class Query:
    """The catalogue, and what is one's own."""

    @strawberry.field(graphql_type=list[Book], description="The newest books, `offset` left out.")
    def all_books(self, info: Info, limit: Limit = 20, offset: int = 0) -> Any:
        """Return some."""
        return _books(info, BookFilter(), limit, offset)

    @strawberry.field(graphql_type=Book | None, description="null: there is none.")
    def book(self, info: Info, id: int) -> Any:
        """Return one."""
        return info.context.loaders.book(id, int)

    @strawberry.field(graphql_type=list[Author], description="By name, `offset` left out.")
    def all_authors(self, info: Info, limit: Limit = 100, offset: int = 0) -> Any:
        """Return some."""
        page = catalog_records.list_records(AUTHORS, None, _some(limit, offset))
        return info.context.loaders.together(page.data)

    @strawberry.field(graphql_type=Author | None, description="null: there is none.")
    def author(self, info: Info, id: int) -> Any:
        """Return one."""
        return info.context.loaders.author(id, int)

    @strawberry.field(graphql_type=list[Book], description="Also those written with others.")
    def books_by_author(
        self, info: Info, author_id: int, limit: Limit = 20, offset: int = 0
    ) -> Any:
        """Return an author's."""
        return _books(info, BookFilter(author_id=author_id), limit, offset)

    @strawberry.field(graphql_type=Connection[Book], description="Search and page by cursor.")
    def books(
        self,
        info: Info,
        first: Limit = 20,
        after: str | None = None,
        q: str | None = None,
        sort: Sort = None,
    ) -> Any:
        """Return a page."""
        checked(_SEARCH, {"q": q, "sort": sort})
        request = page_request(info, first, after)

        def load(page: PageRequest) -> Page:
            found = catalog.list_books(BookFilter(q=q), sort, page, hung=False)
            info.context.loaders.together(found.data)
            return found

        return connection(load, request)

    @strawberry.field(graphql_type=User | None, description="null: nobody is logged in.")
    def me(self, info: Info) -> Any:
        """Return oneself."""
        actor = info.context.actor
        return None if actor.id is None else accounts.get(actor)

    @strawberry.field(graphql_type=Cart, description="A user's, or a guest's by X-Cart-Token.")
    def cart(self, info: Info) -> Any:
        """Return the actor's."""
        return cart.get(info.context.actor)

    @strawberry.field(graphql_type=Wishlist)
    def wishlist(self, info: Info) -> Any:
        """Return the actor's."""
        return wishlist.get(info.context.actor)

    @strawberry.field(graphql_type=Connection[Order], description="One's own, newest first.")
    def orders(self, info: Info, first: Limit = 20, after: str | None = None) -> Any:
        """Return a page."""
        require_user(info.context.actor)
        request = page_request(info, first, after)

        def load(page: PageRequest) -> Page:
            found = orders.list_orders(info.context.actor, page)
            info.context.loaders.together(item for order in found.data for item in order.items)
            return found

        return connection(load, request)

    @strawberry.field(graphql_type=Order | None, description="null: there is none of one's own.")
    def order(self, info: Info, id: int) -> Any:
        """Return one."""
        require_user(info.context.actor)
        try:
            return orders.get(info.context.actor, id)
        except errors.NotFound:
            return None


def _some(limit: int, offset: int) -> PageRequest:
    if not 0 <= offset <= 1_000_000:
        raise errors.Invalid({"offset": ["Must be from 0 to 1000000."]})
    return PageRequest(size("limit", limit), offset=offset)


def _books(info: Info, wanted: BookFilter, limit: int, offset: int) -> Any:
    page = catalog.list_books(wanted, None, _some(limit, offset), hung=False)
    return info.context.loaders.together(page.data)
