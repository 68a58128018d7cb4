"""Tables and what is true of them. Import models from here."""

from bookstore.models.accounts import LoginSession, RecoveryCode, Totp, User
from bookstore.models.api_keys import ApiKey
from bookstore.models.audit import AuditEntry
from bookstore.models.cart import CartItem, ShoppingCart
from bookstore.models.catalog import Author, Book, Category, Publisher
from bookstore.models.coupons import CartCoupon, Coupon, CouponRedemption
from bookstore.models.covers import CoverUpload
from bookstore.models.events import Event
from bookstore.models.idempotency import IdempotencyKey
from bookstore.models.jobs import Job
from bookstore.models.notifications import (
    Device,
    Email,
    Notification,
    Preference,
    PushMessage,
)
from bookstore.models.orders import Order, OrderEvent, OrderItem
from bookstore.models.outbox import OutcomeCount
from bookstore.models.payments import Payment, Refund, StripeEvent
from bookstore.models.price_updates import PriceUpdate, PriceUpdateRow
from bookstore.models.recommendations import BookNeighbour, RecommendationFit
from bookstore.models.reviews import Review
from bookstore.models.sales import BookDay, BookTotal, SalesChange, SalesDay
from bookstore.models.search import BookSearch, SearchTerm
from bookstore.models.shipping import ShippingMethod, ShippingZone
from bookstore.models.stock import StockMovement
from bookstore.models.taxes import TaxRate
from bookstore.models.webhooks import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSubscription,
)
from bookstore.models.wishlist import WishList, WishListItem

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Author",
    "Book",
    "BookDay",
    "BookNeighbour",
    "BookSearch",
    "BookTotal",
    "CartCoupon",
    "CartItem",
    "Category",
    "Coupon",
    "CouponRedemption",
    "CoverUpload",
    "Device",
    "Email",
    "Event",
    "IdempotencyKey",
    "Job",
    "LoginSession",
    "Notification",
    "Order",
    "OrderEvent",
    "OrderItem",
    "OutcomeCount",
    "Payment",
    "Preference",
    "PriceUpdate",
    "PriceUpdateRow",
    "Publisher",
    "PushMessage",
    "RecommendationFit",
    "RecoveryCode",
    "Refund",
    "Review",
    "SalesChange",
    "SalesDay",
    "SearchTerm",
    "ShippingMethod",
    "ShippingZone",
    "ShoppingCart",
    "StockMovement",
    "StripeEvent",
    "TaxRate",
    "Totp",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookSubscription",
    "WishList",
    "WishListItem",
]
