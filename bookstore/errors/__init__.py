"""Everything that can be refused, as one tree without HTTP.

``code`` is stable: clients branch on it, so it never changes once released. ``detail`` is for
people. ``bookstore.problems`` gives each branch its status; nothing here knows about it.

The first line of a docstring says why it was refused, and is what clients read as ``detail``. The
paragraph after it says what to do about it: the documentation and ``/problems/<code>`` show both.
"""

from bookstore.errors.accounts import (
    BadCredentials as BadCredentials,
    DeviceLimit as DeviceLimit,
    EmailTaken as EmailTaken,
    EmailVerified as EmailVerified,
    LoginsBusy as LoginsBusy,
    ResetTokenInvalid as ResetTokenInvalid,
    TokenExpired as TokenExpired,
    TokenReused as TokenReused,
    TokenRevoked as TokenRevoked,
    TotpEnabled as TotpEnabled,
    TotpInvalid as TotpInvalid,
    TotpNotEnabled as TotpNotEnabled,
    TotpRequired as TotpRequired,
    UsernameTaken as UsernameTaken,
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
from bookstore.errors.catalog import (
    AlreadyInWishlist as AlreadyInWishlist,
    AlreadyReviewed as AlreadyReviewed,
    BookInOrders as BookInOrders,
    HasBooks as HasBooks,
    IsbnTaken as IsbnTaken,
    NameTaken as NameTaken,
    PreconditionFailed as PreconditionFailed,
    PreconditionRequired as PreconditionRequired,
    SkuTaken as SkuTaken,
    SlugTaken as SlugTaken,
)
from bookstore.errors.covers import (
    CoverNotUploaded as CoverNotUploaded,
    StorageRefused as StorageRefused,
    StorageUnavailable as StorageUnavailable,
    UploadSize as UploadSize,
)
from bookstore.errors.files import (
    FileUnavailable as FileUnavailable,
    PriceUpdateBusy as PriceUpdateBusy,
    PriceUpdateStatus as PriceUpdateStatus,
)
from bookstore.errors.idempotency import (
    IdempotencyInProgress as IdempotencyInProgress,
    IdempotencyKeyReused as IdempotencyKeyReused,
)
from bookstore.errors.jobs import (
    JobFinished as JobFinished,
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
from bookstore.errors.limits import (
    RateLimited as RateLimited,
)
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
from bookstore.errors.orders import (
    BookUnavailable as BookUnavailable,
    CartEmpty as CartEmpty,
    CartLimit as CartLimit,
    InvalidTransition as InvalidTransition,
    OutOfStock as OutOfStock,
    QuantityLimit as QuantityLimit,
    TotalChanged as TotalChanged,
)
from bookstore.errors.parts import (
    PartUnavailable as PartUnavailable,
    from_problem as from_problem,
)
from bookstore.errors.recommendations import (
    FitKnowsLess as FitKnowsLess,
    FitRunning as FitRunning,
)
from bookstore.errors.sockets import (
    LiveUnavailable as LiveUnavailable,
    OriginNotAllowed as OriginNotAllowed,
    SocketsUnsupported as SocketsUnsupported,
    TooManySockets as TooManySockets,
    UpgradeRequired as UpgradeRequired,
)
from bookstore.errors.webhooks import (
    EndpointDisabled as EndpointDisabled,
    EndpointLimit as EndpointLimit,
    SecretUnreadable as SecretUnreadable,
    UrlNotAllowed as UrlNotAllowed,
)
