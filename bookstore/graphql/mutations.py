"""Everything that can be done: each calls the service that the REST doors call."""

from dataclasses import replace
from typing import Any

import strawberry

from bookstore.graphql.arguments import checked
from bookstore.graphql.context import Info
from bookstore.graphql.scalars import Money
from bookstore.graphql.types.catalog import Book, Review
from bookstore.graphql.types.shop import Cart, Order, ShippingAddressInput, Wishlist, money_field
from bookstore.schemas.v2.cart import CartItemInput, CouponCodeInput, QuantityInput
from bookstore.schemas.v2.catalog import BookInput
from bookstore.schemas.v2.orders import CancelInput, OrderInput, StatusInput
from bookstore.schemas.v2.reviews import ReviewInput
from bookstore.schemas.v2.wishlist import NotesInput, WishlistItemInput
from bookstore.services import cart, catalog_editing, orders, paying, reviews, wishlist


@strawberry.type
class BookPayload:
    """A book that was written."""

    book: Book


@strawberry.type(description="A cart after a write.")
class CartPayload:
    """A cart that was written."""

    cart: Cart
    cart_token: str | None = strawberry.field(
        description="A guest's, when this opened the cart: send it as X-Cart-Token from then on."
    )


@strawberry.type
class WishlistPayload:
    """A wishlist that was written."""

    wishlist: Wishlist


@strawberry.type
class ReviewPayload:
    """A review that was written."""

    review: Review


@strawberry.type
class DeletedPayload:
    """What is gone."""

    deleted_id: int


@strawberry.type
class OrderPayload:
    """An order that was written."""

    order: Order


@strawberry.type(description="What a browser needs to pay an order.")
class PaymentIntentPayload:
    """A payment intent."""

    client_secret: str
    amount: Money = money_field("amount")
    currency: str


@strawberry.type
class Mutation:
    """One's cart, wishlist, reviews and orders; and what staff may do."""

    @strawberry.mutation(graphql_type=BookPayload, description="Put a book on sale (staff).")
    def create_book(
        self, info: Info, title: str, author_id: int, price: Money, isbn: str | None = None
    ) -> Any:
        """Make a book."""
        fields = checked(
            BookInput(),
            {"title": title, "author_id": author_id, "price": price, "isbn": isbn},
        )
        book = catalog_editing.create_book(info.context.actor, fields)
        return {"book": _fresh(info).book(book.id, int)}

    # -- cart --------------------------------------------------------------------------------
    @strawberry.mutation(graphql_type=CartPayload, description="Again adds up.")
    def add_to_cart(self, info: Info, book_id: int, quantity: int = 1) -> Any:
        """Add copies."""
        fields = checked(CartItemInput(), {"book_id": book_id, "quantity": quantity})
        return _written(info, cart.add_item(info.context.actor, **fields))

    @strawberry.mutation(graphql_type=CartPayload)
    def set_cart_quantity(self, info: Info, book_id: int, quantity: int) -> Any:
        """Set how many copies there are."""
        fields = checked(QuantityInput(), {"quantity": quantity})
        return _cart(cart.set_quantity(info.context.actor, book_id, fields["quantity"]))

    @strawberry.mutation(graphql_type=CartPayload)
    def remove_from_cart(self, info: Info, book_id: int) -> Any:
        """Take a book out."""
        return _cart(cart.remove_item(info.context.actor, book_id))

    @strawberry.mutation(graphql_type=CartPayload, description="The coupons go too.")
    def clear_cart(self, info: Info) -> Any:
        """Empty it."""
        return _cart(cart.clear(info.context.actor))

    @strawberry.mutation(graphql_type=CartPayload)
    def put_coupon(self, info: Info, code: str) -> Any:
        """Put a coupon on the cart."""
        fields = checked(CouponCodeInput(), {"code": code})
        return _written(info, cart.put_coupon(info.context.actor, fields["code"]))

    @strawberry.mutation(graphql_type=CartPayload)
    def remove_coupons(self, info: Info) -> Any:
        """Take every coupon off the cart."""
        return _cart(cart.remove_coupons(info.context.actor))

    # -- wishlist ----------------------------------------------------------------------------
    @strawberry.mutation(graphql_type=WishlistPayload)
    def add_to_wishlist(self, info: Info, book_id: int, notes: str = "") -> Any:
        """Add a book."""
        fields = checked(WishlistItemInput(), {"book_id": book_id, "notes": notes})
        return {"wishlist": wishlist.add_item(info.context.actor, **fields)}

    @strawberry.mutation(graphql_type=WishlistPayload)
    def set_wishlist_notes(self, info: Info, book_id: int, notes: str) -> Any:
        """Change a book's notes."""
        fields = checked(NotesInput(), {"notes": notes})
        return {"wishlist": wishlist.set_notes(info.context.actor, book_id, fields["notes"])}

    @strawberry.mutation(graphql_type=WishlistPayload)
    def remove_from_wishlist(self, info: Info, book_id: int) -> Any:
        """Take a book off."""
        return {"wishlist": wishlist.remove_item(info.context.actor, book_id)}

    @strawberry.mutation(graphql_type=CartPayload, description="From the wishlist, one copy.")
    def move_to_cart(self, info: Info, book_id: int) -> Any:
        """Move a book into the cart."""
        return _cart(wishlist.move_to_cart(info.context.actor, book_id))

    # -- reviews -----------------------------------------------------------------------------
    @strawberry.mutation(graphql_type=ReviewPayload, description="One a book and reader.")
    def post_review(
        self, info: Info, book_id: int, rating: int, title: str = "", comment: str = ""
    ) -> Any:
        """Post one's review."""
        fields = checked(ReviewInput(), {"rating": rating, "title": title, "comment": comment})
        review = reviews.post(info.context.actor, book_id, **fields)
        _fresh(info)
        return {"review": review}

    @strawberry.mutation(graphql_type=ReviewPayload, description="One's own.")
    def update_review(
        self,
        info: Info,
        id: int,
        rating: int | None = None,
        title: str | None = None,
        comment: str | None = None,
    ) -> Any:
        """Change one's review."""
        values = {"rating": rating, "title": title, "comment": comment}
        changes = checked(ReviewInput(partial=True), values)
        review = reviews.update_review(info.context.actor, None, id, changes)
        _fresh(info)
        return {"review": review}

    @strawberry.mutation(graphql_type=DeletedPayload, description="One's own; staff: anybody's.")
    def delete_review(self, info: Info, id: int) -> Any:
        """Remove a review."""
        reviews.delete_review(info.context.actor, None, id)
        _fresh(info)
        return {"deleted_id": id}

    # -- orders ------------------------------------------------------------------------------
    @strawberry.mutation(graphql_type=OrderPayload, description="Order everything in the cart.")
    def place_order(
        self,
        info: Info,
        shipping_address: ShippingAddressInput,
        shipping_method: str = "standard",
        expected_total: Money | None = None,
    ) -> Any:
        """Order."""
        values = {
            "shipping_address": strawberry.asdict(shipping_address),
            "shipping_method": shipping_method,
            "expected_total": expected_total,
        }
        fields = checked(OrderInput(), values)
        order = orders.place(info.context.actor, **fields)
        _fresh(info)
        return {"order": order}

    @strawberry.mutation(graphql_type=OrderPayload, description="While pending or processing.")
    def cancel_order(self, info: Info, id: int, note: str = "") -> Any:
        """Cancel."""
        fields = checked(CancelInput(), {"note": note})
        return {"order": orders.cancel(info.context.actor, id, fields["note"])}

    @strawberry.mutation(graphql_type=OrderPayload, description="Move it along (staff).")
    def advance_order(
        self,
        info: Info,
        id: int,
        status: str,
        tracking_number: str | None = None,
        note: str = "",
    ) -> Any:
        """Move an order along."""
        values = {"status": status, "tracking_number": tracking_number, "note": note}
        fields = checked(StatusInput(), values)
        return {"order": orders.advance(info.context.actor, id, **fields)}

    @strawberry.mutation(
        graphql_type=PaymentIntentPayload,
        description="The payment of one's order; asked again, it is the same.",
    )
    def create_payment_intent(self, info: Info, order_id: int) -> Any:
        """Open a payment intent."""
        return paying.open_intent(info.context.actor, order_id)


def _fresh(info: Info) -> Any:
    """Forget what was loaded before the write; return the loaders."""
    info.context.loaders.forget()
    return info.context.loaders


def _cart(view: dict[str, Any]) -> dict[str, Any]:
    return {"cart": view, "cart_token": None}  # nosec B105


def _written(info: Info, written: cart.Written) -> dict[str, Any]:
    if written.token is not None:
        # What follows in the same request is the same guest's.
        info.context.cart_token = written.token
        info.context.actor = replace(info.context.actor, cart_token=written.token)
    return {"cart": written.cart, "cart_token": written.token}
