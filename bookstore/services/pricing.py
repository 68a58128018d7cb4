"""What an order costs. Pure: integers in, integers out, nothing read or written.

The one place that adds money up. Shipping is one flat method and tax is zero for now; when
methods, rates and coupons become data, they are handed in here and the sum stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bookstore import errors


@dataclass(frozen=True, slots=True)
class Line:
    """So many copies of a book at a price each, in minor units."""

    book_id: int
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        """Quantity times price."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class ShippingMethod:
    """A way to send an order; ``price`` in minor units."""

    code: str
    name: str
    price: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced order: total = subtotal − discount + shipping + tax, always."""

    lines: tuple[Line, ...]
    subtotal: int
    discount: int
    shipping: int
    tax: int
    shipping_method: str

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return self.subtotal - self.discount + self.shipping + self.tax


STANDARD = ShippingMethod("standard", "Standard delivery", 499)
METHODS = {STANDARD.code: STANDARD}


def quote(lines: Sequence[Line], shipping_method: str = STANDARD.code) -> Quote:
    """Price an order.

    Raises:
        Invalid: naming ``shipping_method`` when there is no such method.
    """
    method = METHODS.get(shipping_method)
    if method is None:
        raise errors.Invalid({"shipping_method": [f"Must be one of: {', '.join(METHODS)}."]})
    return Quote(
        lines=tuple(lines),
        subtotal=sum(line.total for line in lines),
        discount=0,
        shipping=method.price,
        tax=0,
        shipping_method=method.code,
    )
