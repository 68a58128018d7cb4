"""What a buyer has: an account, a cart, a wishlist, orders."""

from typing import Any

import strawberry
from strawberry import Parent

from bookstore.graphql.arguments import size
from bookstore.graphql.context import Info
from bookstore.graphql.scalars import Instant, Money, amount, read
from bookstore.graphql.types.catalog import Book, Few, book_id


def money_field(name: str, description: str | None = None) -> Any:
    """Return a field for an amount that is always there."""
    return strawberry.field(resolver=amount(name), graphql_type=Money, description=description)


def items_field(kind: Any) -> Any:
    """Return a field for the items of something: what hangs on them is loaded at once."""

    def items(root: Parent[Any], info: Info) -> Any:
        """Return the items."""
        return info.context.loaders.together(read(root, "items"))

    return strawberry.field(resolver=items, graphql_type=list[kind])


def _book_of_item() -> Any:
    def book(root: Parent[Any], info: Info) -> Any:
        """Return the whole book: an item has a summary only."""
        return info.context.loaders.book(root, lambda item: item["book"]["id"])

    return strawberry.field(resolver=book, graphql_type=Book)


@strawberry.type(description="An account as its owner sees it.")
class User:
    """A user."""

    id: int
    username: str
    email: str
    first_name: str
    last_name: str
    is_staff: bool
    is_premium: bool
    created_at: Instant

    @strawberry.field(
        graphql_type=list[Book],
        description="What one may like, best first, by what one bought, liked or wants.",
    )
    def recommendations(self: Any, info: Info, first: Few = 10) -> Any:
        """Return the best: a user is only ever shown to themselves."""
        few = size("first", first, 10)
        return info.context.loaders.recommended_to(info.context.actor, few)


@strawberry.type(description="One line of a cart.")
class CartItem:
    """A line."""

    book: Book = _book_of_item()
    quantity: int
    unit_price: Money = money_field("unit_price")
    line_total: Money = money_field("line_total")
    price_changed_from: Money | None = strawberry.field(
        resolver=amount("price_changed_from"),
        graphql_type=Money | None,
        description="The price when it was put in, if that was another.",
    )


@strawberry.type(description="A coupon on a cart, whether it applies or not.")
class CartCoupon:
    """A coupon."""

    code: str
    kind: str
    discount: Money = money_field("discount")
    applies: bool
    reason: str | None
    detail: str | None


@strawberry.type(description="A cart at present prices.")
class Cart:
    """A cart."""

    items: list[CartItem] = items_field(CartItem)
    coupon: CartCoupon | None
    coupons: list[CartCoupon]
    discount: Money = money_field("discount", "What the coupons take off the books.")
    subtotal: Money = money_field("subtotal", "The lines, before the discount.")
    total_items: int
    currency: str


@strawberry.type(description="A book somebody wants.")
class WishlistItem:
    """An item."""

    book: Book = _book_of_item()
    notes: str
    added_at: Instant


@strawberry.type(description="A wishlist, oldest first.")
class Wishlist:
    """A wishlist."""

    items: list[WishlistItem] = items_field(WishlistItem)


@strawberry.type(description="Where an order goes.")
class ShippingAddress:
    """An address."""

    name: str
    line1: str
    line2: str
    city: str
    region: str
    postal_code: str
    country: str


@strawberry.input(description="Where to send an order; country is ISO 3166-1 alpha-2.")
class ShippingAddressInput:
    """An address."""

    name: str
    line1: str
    line2: str = ""
    city: str
    region: str = ""
    postal_code: str = ""
    country: str


@strawberry.type(description="One line of an order, at the price it was bought for.")
class OrderItem:
    """A line."""

    book_id: int
    title: str
    isbn: str | None
    quantity: int
    price: Money = money_field("price")
    line_total: Money = money_field("line_total")

    @strawberry.field(graphql_type=Book, description="The book as it is now.")
    def book(self: Any, info: Info) -> Any:
        """Return the book."""
        return info.context.loaders.book(self, book_id)


@strawberry.type(description="An order.")
class Order:
    """An order."""

    id: int
    number: str
    status: str
    payment_status: str
    items: list[OrderItem] = items_field(OrderItem)
    subtotal: Money = money_field("subtotal")
    discount: Money = money_field("discount")
    shipping: Money = money_field("shipping")
    tax: Money = money_field("tax", "Tax that was added to the prices.")
    tax_included: Money = money_field("tax_included", "Tax that the prices contain.")
    total_amount: Money = money_field("total_amount")
    currency: str
    shipping_method: str
    tracking_number: str | None
    version: int
    created_at: Instant
    updated_at: Instant

    @strawberry.field(graphql_type=ShippingAddress)
    def shipping_address(self: Any) -> Any:
        """Return the address; what was never told is empty."""
        address = read(self, "shipping_address")
        names = ("name", "line1", "line2", "city", "region", "postal_code", "country")
        return {name: address.get(name) or "" for name in names}
