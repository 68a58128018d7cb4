"""What can be refused about money: coupons, delivery, payments, refunds."""

from bookstore.errors.base import BookstoreError, Conflict, Invalid


class CouponInvalid(Invalid):
    """This coupon does not apply; ``reason`` is a word for why."""

    code = "coupon_invalid"
    title = "Coupon not valid"

    def __init__(self, detail: str, *, coupon: str, reason: str) -> None:
        super().__init__({"code": [detail]}, detail)
        self.extra.update(coupon=coupon, reason=reason)


class CouponTaken(Conflict):
    """There is a coupon with this code already."""

    code = "coupon_taken"


class CouponUsed(Conflict):
    """Orders have used this coupon: switch it off instead."""

    code = "coupon_used"


class ShippingZoneTaken(Conflict):
    """Another method of this code goes to one of these countries already."""

    code = "shipping_zone_taken"


class TaxRateTaken(Conflict):
    """There is a rate for this place and class already."""

    code = "tax_rate_taken"


class OrderNotPayable(Conflict):
    """This order cannot be paid (any more)."""

    code = "order_not_payable"


class OrderInReview(Conflict):
    """The payment of this order is being looked into; until then only staff may cancel it."""

    code = "order_in_review"


class AlreadyPaid(Conflict):
    """This order is paid already."""

    code = "already_paid"


class RefundExceedsPayment(Conflict):
    """More than what was paid and has not been given back."""

    code = "refund_exceeds_payment"


class AlreadyRestocked(Conflict):
    """The copies of this order are on sale again already."""

    code = "already_restocked"


class CardDeclined(BookstoreError):
    """The card was declined; ``decline_code`` says why."""

    code = "card_declined"
    title = "Card declined"


class SignatureInvalid(BookstoreError):
    """The event is not signed with the secret of this endpoint, or too long ago."""

    code = "signature_invalid"
    title = "Signature not valid"


class PaymentsUnavailable(BookstoreError):
    """Payments cannot be taken for the moment; try again."""

    code = "payments_unavailable"
    title = "Payments unavailable"
