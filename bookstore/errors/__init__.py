"""Everything that can be refused, as one tree without HTTP.

``code`` is stable: clients branch on it, so it never changes once released. ``detail`` is for
people. ``bookstore.problems`` gives each branch its status; nothing here knows about it.
"""

from bookstore.errors.accounts import (
    EmailVerified as EmailVerified,
    LoginsBusy as LoginsBusy,
    TotpEnabled as TotpEnabled,
    TotpInvalid as TotpInvalid,
    TotpNotEnabled as TotpNotEnabled,
    TotpRequired as TotpRequired,
    VerificationTokenInvalid as VerificationTokenInvalid,
)
from bookstore.errors.base import (
    BookstoreError as BookstoreError,
    Conflict as Conflict,
    Forbidden as Forbidden,
    Invalid as Invalid,
    NotFound as NotFound,
    Unauthenticated as Unauthenticated,
)
from bookstore.errors.covers import (
    CoverNotUploaded as CoverNotUploaded,
    StorageRefused as StorageRefused,
    StorageUnavailable as StorageUnavailable,
    UploadSize as UploadSize,
)
from bookstore.errors.keys import (
    AmbiguousCredentials as AmbiguousCredentials,
    ApiKeyExpired as ApiKeyExpired,
    ApiKeyInvalid as ApiKeyInvalid,
    ApiKeyLimit as ApiKeyLimit,
    ApiKeyRevoked as ApiKeyRevoked,
    InsufficientScope as InsufficientScope,
    LoginRequired as LoginRequired,
)
from bookstore.errors.limits import RateLimited as RateLimited
from bookstore.errors.money import (
    AlreadyPaid as AlreadyPaid,
    AlreadyRestocked as AlreadyRestocked,
    CardDeclined as CardDeclined,
    CouponInvalid as CouponInvalid,
    CouponTaken as CouponTaken,
    CouponUsed as CouponUsed,
    OrderInReview as OrderInReview,
    OrderNotPayable as OrderNotPayable,
    PaymentsUnavailable as PaymentsUnavailable,
    RefundExceedsPayment as RefundExceedsPayment,
    ShippingZoneTaken as ShippingZoneTaken,
    SignatureInvalid as SignatureInvalid,
    TaxRateTaken as TaxRateTaken,
)
from bookstore.errors.parts import PartUnavailable as PartUnavailable, from_problem as from_problem
from bookstore.errors.recommendations import FitRunning as FitRunning


# -- who ----------------------------------------------------------------------------------
class TokenExpired(Unauthenticated):
    """The token has expired."""

    code = "token_expired"


class TokenRevoked(Unauthenticated):
    """The token has been revoked."""

    code = "token_revoked"


class TokenReused(Unauthenticated):
    """This refresh token was used before, so its whole family has been revoked."""

    code = "token_reused"


class BadCredentials(Unauthenticated):
    """The username or the password is wrong."""

    code = "bad_credentials"


class OriginNotAllowed(Forbidden):
    """A page of another site may not open sockets here."""

    code = "origin_not_allowed"


# -- what ---------------------------------------------------------------------------------
class UrlNotAllowed(BookstoreError):
    """Webhooks may not be sent to this URL."""

    code = "url_not_allowed"
    title = "URL not allowed"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.extra["errors"] = {"url": [self.detail]}


class ResetTokenInvalid(Invalid):
    """The link is not good (any more): links to a new password work once, for an hour."""

    code = "reset_token_invalid"


class IdempotencyKeyReused(BookstoreError):
    """This Idempotency-Key was used before with another request."""

    code = "idempotency_key_reused"
    title = "Idempotency key reused"


# -- the state of things ------------------------------------------------------------------
class IdempotencyInProgress(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "idempotency_in_progress"


class UsernameTaken(Conflict):
    """This username is taken."""

    code = "username_taken"


class EmailTaken(Conflict):
    """There is an account with this email address already."""

    code = "email_taken"


class BookInOrders(Conflict):
    """The book stands in an order and cannot be deleted."""

    code = "book_in_orders"


class IsbnTaken(Conflict):
    """Another book has this ISBN."""

    code = "isbn_taken"


class SkuTaken(Conflict):
    """Another book has this SKU."""

    code = "sku_taken"


class SlugTaken(Conflict):
    """Another category has this slug."""

    code = "slug_taken"


class NameTaken(Conflict):
    """Another record has this name."""

    code = "name_taken"


class HasBooks(Conflict):
    """There are books that refer to it, so it cannot be deleted."""

    code = "has_books"


class AlreadyReviewed(Conflict):
    """You have reviewed this book already."""

    code = "already_reviewed"


class AlreadyInWishlist(Conflict):
    """The book is on your wishlist already."""

    code = "already_in_wishlist"


class CartEmpty(Conflict):
    """The cart is empty."""

    code = "cart_empty"


class QuantityLimit(Conflict):
    """A cart line holds at most 999 copies."""

    code = "quantity_limit"


class CartLimit(Conflict):
    """A cart holds at most 200 different books."""

    code = "cart_limit"


class BookUnavailable(Conflict):
    """The book cannot be bought at present."""

    code = "book_unavailable"


class OutOfStock(Conflict):
    """Some books are not in stock in the quantity asked for; see items."""

    code = "out_of_stock"


class TotalChanged(Conflict):
    """The total is not the expected one; see expected_total and total_amount."""

    code = "total_changed"


class InvalidTransition(Conflict):
    """The order cannot move from its present status to that one."""

    code = "invalid_transition"


class SecretUnreadable(Conflict):
    """The secret was encrypted under another SECRET_KEY; rotate it to get a new one."""

    code = "secret_unreadable"


class EndpointDisabled(Conflict):
    """The webhook endpoint is disabled; enable it first."""

    code = "endpoint_disabled"


class EndpointLimit(Conflict):
    """There are as many webhook endpoints as may be."""

    code = "endpoint_limit"


class DeviceLimit(Conflict):
    """An account has at most 20 devices; remove one first."""

    code = "device_limit"


class JobFinished(Conflict):
    """The job has ended; there is nothing left to call off."""

    code = "job_finished"


class PreconditionFailed(BookstoreError):
    """The resource has changed since the version named in If-Match."""

    code = "precondition_failed"
    title = "Precondition failed"


class PreconditionRequired(BookstoreError):
    """Send If-Match with the ETag of the version you are changing."""

    code = "precondition_required"
    title = "Precondition required"


# -- sockets ------------------------------------------------------------------------------
class UpgradeRequired(BookstoreError):
    """This is a WebSocket: connect with a WebSocket client (RFC 6455, version 13)."""

    code = "upgrade_required"
    title = "Upgrade required"


class TooManySockets(BookstoreError):
    """A user may have 20 sockets and streams at once."""

    code = "too_many_sockets"
    title = "Too many sockets"


class SocketsUnsupported(BookstoreError):
    """This server cannot hold sockets; the shop's own gunicorn.conf.py can."""

    code = "sockets_unsupported"
    title = "Not supported by this server"


class LiveUnavailable(BookstoreError):
    """Live updates are not available for the moment; try again."""

    code = "live_unavailable"
    title = "Live updates unavailable"
