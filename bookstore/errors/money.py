"""What can be refused about money: coupons, delivery, payments, refunds."""

from bookstore.errors.base import BookstoreError, Conflict, Invalid


class CouponInvalid(Invalid):
    """This coupon does not apply; ``reason`` is a word for why.

    Tell the buyer why by `reason`, and remove it from the cart or use another one.
    """

    code = "coupon_invalid"
    title = "Coupon not valid"

    def __init__(self, detail: str, *, coupon: str, reason: str) -> None:
        super().__init__({"code": [detail]}, detail)
        self.extra.update(coupon=coupon, reason=reason)


class CouponTaken(Conflict):
    """There is a coupon with this code already.

    Choose another code, or change the coupon that there is.
    """

    code = "coupon_taken"


class CouponUsed(Conflict):
    """Orders have used this coupon: switch it off instead.

    Set `is_active` to false (PATCH).
    """

    code = "coupon_used"


class ShippingZoneTaken(Conflict):
    """Another method of this code goes to one of these countries already.

    Change the row that there is, or take the country out of it first.
    """

    code = "shipping_zone_taken"


class TaxRateTaken(Conflict):
    """There is a rate for this place and class already.

    Change the rate that there is.
    """

    code = "tax_rate_taken"


class OrderNotPayable(Conflict):
    """This order cannot be paid (any more).

    Read the order: it is cancelled, in review or too late. `detail` says which; place a new
    order if it is wanted.
    """

    code = "order_not_payable"


class OrderInReview(Conflict):
    """The payment of this order is being looked into; until then only staff may cancel it.

    Wait for staff; the order's events tell what they decide.
    """

    code = "order_in_review"


class AlreadyPaid(Conflict):
    """This order is paid already.

    Read the order and show that it is paid.
    """

    code = "already_paid"


class RefundExceedsPayment(Conflict):
    """More than what was paid and has not been given back.

    Ask for no more than `refundable`.
    """

    code = "refund_exceeds_payment"


class AlreadyRestocked(Conflict):
    """The copies of this order are on sale again already.

    Refund without `restock`.
    """

    code = "already_restocked"


class CardDeclined(BookstoreError):
    """The card was declined; ``decline_code`` says why.

    Let the buyer try another card, or ask their bank.
    """

    code = "card_declined"
    title = "Card declined"


class SignatureInvalid(BookstoreError):
    """The event is not signed with the secret of this endpoint, or too long ago.

    For Stripe's events: compare `STRIPE_WEBHOOK_SECRET` with the one of the endpoint at Stripe,
    and the machine's clock.
    """

    code = "signature_invalid"
    title = "Signature not valid"


class PaymentsUnavailable(BookstoreError):
    """Payments cannot be taken for the moment; try again.

    Repeat the same request after `Retry-After`; nobody is charged twice.
    """

    code = "payments_unavailable"
    title = "Payments unavailable"
