"""Books, and whom and what they hang on."""

from datetime import date
from typing import Annotated, Any

import strawberry

from bookstore.graphql.arguments import size
from bookstore.graphql.context import Info
from bookstore.graphql.scalars import Instant, Money, amount, read


def book_id(source: Any) -> Any:
    """Return which book a review or an order's line is of."""
    return read(source, "book_id")


def _author_id(book: Any) -> Any:
    return book["author"]["id"]


First = Annotated[int, strawberry.argument(description="At most 50.")]
Few = Annotated[int, strawberry.argument(description="At most 10.")]


@strawberry.type(description="A shelf.")
class Category:
    """A shelf."""

    id: int
    name: str
    slug: str


@strawberry.type(description="A house that publishes books.")
class Publisher:
    """A publisher."""

    id: int
    name: str
    website: str | None


@strawberry.type(description="Where a book's cover is.")
class Cover:
    """A cover."""

    url: str
    medium_url: str
    thumbnail_url: str


@strawberry.type(description="Who wrote a review: the username only.")
class Reviewer:
    """A reviewer."""

    username: str


@strawberry.type(description="One reader's rating (1 to 5) and words on one book.")
class Review:
    """A review."""

    id: int
    rating: int
    title: str
    comment: str
    user: Reviewer
    created_at: Instant
    updated_at: Instant

    @strawberry.field(graphql_type="Book")
    def book(self: Any, info: Info) -> Any:
        """Return the book."""
        return info.context.loaders.book(self, book_id)


@strawberry.type(description="Somebody who wrote a book.")
class Author:
    """An author."""

    id: int
    first_name: str
    last_name: str
    full_name: str
    biography: str
    birth_date: date | None
    website: str | None

    @strawberry.field(graphql_type=int, description="Books written, also with others.")
    def books_count(self: Any, info: Info) -> Any:
        """Return how many."""
        return info.context.loaders.books_count(self)

    @strawberry.field(graphql_type=list["Book"], description="The newest.")
    def books(self: Any, info: Info, first: First = 10) -> Any:
        """Return the newest."""
        return info.context.loaders.books_by(self, size("first", first, 50))


@strawberry.type(description="A title on sale.")
class Book:
    """A book."""

    id: int
    title: str
    subtitle: str
    isbn: str | None
    description: str = strawberry.field(description="Sanitised HTML.")
    pages: int | None
    language: str
    status: str = strawberry.field(description="available, out_of_stock or coming_soon.")
    price: Money = strawberry.field(resolver=amount("price"), graphql_type=Money)
    currency: str
    stock_state: str = strawberry.field(description="in_stock, low_stock or out_of_stock.")
    publication_date: date | None
    average_rating: float | None
    review_count: int
    cover: Cover | None
    created_at: Instant
    updated_at: Instant

    @strawberry.field(graphql_type=str | None, description="The cover's URL.")
    def cover_image(self: Any) -> Any:
        """Return the URL."""
        return self["cover"] and self["cover"]["url"]

    @strawberry.field(graphql_type=Author, description="The first author.")
    def author(self: Any, info: Info) -> Any:
        """Return the first author."""
        return info.context.loaders.author(self, _author_id)

    @strawberry.field(graphql_type=list[Author], description="All authors, the first one first.")
    def authors(self: Any, info: Info) -> Any:
        """Return all authors."""
        return info.context.loaders.authors(self)

    @strawberry.field(graphql_type=list[Category])
    def categories(self: Any, info: Info) -> Any:
        """Return the shelves."""
        return info.context.loaders.categories(self)

    @strawberry.field(graphql_type=Publisher | None)
    def publisher(self: Any, info: Info) -> Any:
        """Return the publisher."""
        return info.context.loaders.publisher(self)

    @strawberry.field(graphql_type=list[Review], description="The newest.")
    def reviews(self: Any, info: Info, first: First = 10) -> Any:
        """Return the newest."""
        return info.context.loaders.reviews(self, size("first", first, 50))

    @strawberry.field(
        graphql_type=list["Book"],
        description="What its readers also bought or liked, best first: all can be bought now, "
        "and none is the reader's already.",
    )
    def recommendations(self: Any, info: Info, first: Few = 10) -> Any:
        """Return the best."""
        few = size("first", first, 10)
        return info.context.loaders.beside(self, info.context.actor, few)
