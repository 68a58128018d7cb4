"""Tables and what is true of them. Import models from here."""

from bookstore.models.accounts import LoginSession, User
from bookstore.models.cart import CartItem, ShoppingCart
from bookstore.models.catalog import Author, Book, Category, Publisher
from bookstore.models.idempotency import IdempotencyKey
from bookstore.models.orders import Order, OrderEvent, OrderItem
from bookstore.models.reviews import Review
from bookstore.models.search import BookSearch, SearchTerm
from bookstore.models.stock import StockMovement
from bookstore.models.wishlist import WishList, WishListItem

__all__ = [
    "Author",
    "Book",
    "BookSearch",
    "CartItem",
    "Category",
    "IdempotencyKey",
    "LoginSession",
    "Order",
    "OrderEvent",
    "OrderItem",
    "Publisher",
    "Review",
    "SearchTerm",
    "ShoppingCart",
    "StockMovement",
    "User",
    "WishList",
    "WishListItem",
]
