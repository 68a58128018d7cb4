"""Accounts on the wire."""

from marshmallow import fields, validate

from bookstore.schemas.common import Flag, Id, Instant, Money, Schema, Text
from bookstore.schemas.v2.api_keys import HeldApiKeySchema
from bookstore.schemas.v2.audit import AuditEntrySchema
from bookstore.schemas.v2.cart import CartCouponSchema, CartItemSchema
from bookstore.schemas.v2.notifications import ChoicesSchema, DeviceSchema, NotificationSchema
from bookstore.schemas.v2.orders import OrderEventSchema, OrderSchema
from bookstore.schemas.v2.payments import RefundSchema
from bookstore.schemas.v2.reviews import ReviewSchema
from bookstore.schemas.v2.sessions import HeldSessionSchema
from bookstore.schemas.v2.totp import TotpStateSchema
from bookstore.schemas.v2.wishlist import WishlistItemSchema

_USERNAME = validate.Regexp(
    r"^[\w.+-]{3,64}\Z", error="3 to 64 letters, digits and the characters . _ + -"
)
_EMAIL = validate.Length(max=254)  # RFC 5321's path, less its brackets


class RegisterSchema(Schema):
    """A new account."""

    username = Text(required=True, validate=_USERNAME)
    email = fields.Email(required=True, validate=_EMAIL)
    password = Text(required=True, min_length=8, max_length=256, load_only=True)
    first_name = Text(max_length=100, load_default="", strip=True)
    last_name = Text(max_length=100, load_default="", strip=True)


class UserSchema(Schema):
    """An account as its owner sees it."""

    id = Id()
    username = fields.String()
    email = fields.String()
    first_name = fields.String()
    last_name = fields.String()
    is_staff = Flag()
    is_premium = Flag()
    email_verified = Flag(
        metadata={"description": "Whether the link that was mailed to the address came back."}
    )
    created_at = Instant()


class ProfileSchema(Schema):
    """Changes of one's own account."""

    username = Text(validate=_USERNAME)
    email = fields.Email(validate=_EMAIL)
    first_name = Text(max_length=100, strip=True)
    last_name = Text(max_length=100, strip=True)
    password = Text(min_length=8, max_length=256, load_only=True)
    current_password = Text(
        max_length=256,
        load_only=True,
        metadata={"description": "Needed to change the password or the email."},
    )


class CredentialsSchema(Schema):
    """A login."""

    username = Text(required=True, max_length=64)
    password = Text(required=True, max_length=256, load_only=True)
    code = Text(
        max_length=64,
        load_only=True,
        metadata={
            "description": "Of the second factor, when the account has one: what the app shows, "
            "or a recovery code."
        },
    )


class RefreshSchema(Schema):
    """A refresh token."""

    refresh = Text(required=True, max_length=4096)


class ForgottenSchema(Schema):
    """Who forgot their password."""

    email = fields.Email(required=True, validate=_EMAIL)


class ResetSchema(Schema):
    """A new password."""

    token = Text(
        required=True,
        max_length=1000,
        load_only=True,
        metadata={"description": "From the link in the mail, behind the `#`."},
    )
    password = Text(required=True, min_length=8, max_length=256, load_only=True)


class VerifySchema(Schema):
    """That a mail has reached its reader."""

    token = Text(
        required=True,
        max_length=1000,
        load_only=True,
        metadata={"description": "From the link in the mail, behind the `#`."},
    )


class TokensSchema(Schema):
    """A pair of tokens."""

    access = fields.String(metadata={"description": "For 60 minutes."})
    refresh = fields.String(metadata={"description": "For 30 days, and for one use."})
    token_type = fields.String(dump_default="Bearer")
    expires_in = fields.Integer(metadata={"description": "Seconds the access token lives."})


class MailSchema(Schema):
    """A mail that was sent, or is to be."""

    template = fields.String(metadata={"description": "Which mail it is."})
    status = fields.String()
    created_at = Instant()


class HeldEventSchema(OrderEventSchema):
    """One line of the history of one's orders."""

    order_id = Id()


class HeldPaymentSchema(Schema):
    """What was paid, or was to be, for one of one's orders."""

    order_id = Id()
    amount = Money()
    currency = fields.String()
    status = fields.String()
    intent_id = fields.String(allow_none=True, metadata={"description": "At Stripe."})
    customer_id = fields.String(metadata={"description": "Who one is at Stripe."})
    created_at = Instant()


class HeldRefundSchema(RefundSchema):
    """What was given back for one of one's orders."""

    order_id = Id()


class ExportSchema(Schema):
    """Everything the shop holds about a person."""

    user = fields.Nested(UserSchema)
    orders = fields.List(fields.Nested(OrderSchema))
    order_events = fields.List(fields.Nested(HeldEventSchema))
    payments = fields.List(fields.Nested(HeldPaymentSchema))
    refunds = fields.List(fields.Nested(HeldRefundSchema))
    reviews = fields.List(fields.Nested(ReviewSchema))
    cart = fields.List(fields.Nested(CartItemSchema))
    cart_coupons = fields.List(fields.Nested(CartCouponSchema))
    wishlist = fields.List(fields.Nested(WishlistItemSchema))
    notifications = fields.List(fields.Nested(NotificationSchema))
    devices = fields.List(fields.Nested(DeviceSchema))
    preferences = fields.Nested(ChoicesSchema)
    api_keys = fields.List(fields.Nested(HeldApiKeySchema))
    sessions = fields.List(fields.Nested(HeldSessionSchema))
    totp = fields.Nested(TotpStateSchema)
    mails = fields.List(fields.Nested(MailSchema))
    audit_entries = fields.List(fields.Nested(AuditEntrySchema))
