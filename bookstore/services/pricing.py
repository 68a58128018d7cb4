"""What an order costs. Pure: integers in, integers out, nothing read or written.

The one place that adds money up. It rounds at two points only: a percentage coupon once over
the lines it is for, and tax once for each rate over everything that is taxed at it (half a minor
unit goes up). What is rounded as a whole is spread over the lines by the largest remainder, so
that the parts always add to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

# Percentages are whole numbers: thousandths of a percent.
HUNDRED_PERCENT = 100_000
GRAMS_PER_KG = 1000
SHIPPING_CATEGORY = "shipping"


@dataclass(frozen=True, slots=True)
class Line:
    """So many copies of a book at a price each, in minor units; ``weight`` in grams each."""

    book_id: int
    quantity: int
    unit_price: int
    weight: int = 0
    tax_category: str = ""
    category_ids: frozenset[int] = frozenset()

    @property
    def total(self) -> int:
        """Quantity times price."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Shipping:
    """A way to send an order, as it is for its destination; amounts in minor units.

    ``price`` is for the order, and with kind ``weight`` for its first kilogram, ``price_per_kg``
    for each one begun after it. Nothing from a subtotal after discounts of ``free_over`` on.
    """

    code: str
    name: str
    price: int
    kind: str = "flat"
    price_per_kg: int = 0
    free_over: int | None = None
    days: tuple[int, int] = (0, 0)

    def cost(self, weight: int, goods: int) -> int:
        """Return what it costs for ``weight`` grams worth ``goods``."""
        if self.free_over is not None and goods >= self.free_over:
            return 0
        if self.kind == "flat":
            return self.price
        begun = max(0, -(-weight // GRAMS_PER_KG) - 1)
        return self.price + begun * self.price_per_kg


@dataclass(frozen=True, slots=True)
class Coupon:
    """What a coupon takes off. ``value``: thousandths of a percent, or minor units.

    ``restricted``: only for lines of these books or categories. ``stackable``: beside others that
    are; one that is not stands alone.
    """

    code: str
    kind: str
    value: int = 0
    min_subtotal: int = 0
    restricted: bool = False
    category_ids: frozenset[int] = frozenset()
    book_ids: frozenset[int] = frozenset()
    stackable: bool = False

    def covers(self, line: Line) -> bool:
        """Return whether it is for this line."""
        if not self.restricted:
            return True
        return line.book_id in self.book_ids or not self.category_ids.isdisjoint(line.category_ids)

    def refusal(self, lines: Sequence[Line]) -> str | None:
        """Return why these lines do not get it: min_subtotal, not_for_these_books; None if so."""
        if sum(line.total for line in lines) < self.min_subtotal:
            return "min_subtotal"
        wanted = any(map(self.covers, lines)) or not self.restricted
        return None if wanted else "not_for_these_books"


@dataclass(frozen=True, slots=True)
class Rate:
    """A tax rate: thousandths of a percent, contained in the price or added to it."""

    percent: int
    inclusive: bool = True

    def on(self, amount: int, unit: int = 1) -> int:
        """Return the tax on (or in) an amount in whole ``unit``, half of one rounded up."""
        whole = HUNDRED_PERCENT + (self.percent if self.inclusive else 0)
        return _rounded(amount * self.percent, whole, unit)


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line with its share of the discount, and its tax: added, or contained in what is left."""

    line: Line
    discount: int
    tax: int
    rate: Rate | None

    @property
    def book_id(self) -> int:
        """The line's."""
        return self.line.book_id

    @property
    def quantity(self) -> int:
        """The line's."""
        return self.line.quantity

    @property
    def unit_price(self) -> int:
        """The line's."""
        return self.line.unit_price

    @property
    def total(self) -> int:
        """Quantity times price, before the discount."""
        return self.line.total


@dataclass(frozen=True, slots=True)
class TaxLine:
    """The tax at one rate: ``base`` is what it is worked out from, without the tax."""

    percent: int
    inclusive: bool
    base: int
    tax: int


@dataclass(frozen=True, slots=True)
class Discount:
    """What one coupon took off; with free shipping, what that would have cost."""

    code: str
    kind: str
    amount: int


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced order: total = subtotal − discount + shipping + tax, always.

    ``tax_included`` is contained in the other amounts and adds nothing; ``tax_lines`` have both.
    """

    lines: tuple[PricedLine, ...]
    subtotal: int
    discount: int
    shipping: int
    tax: int
    tax_included: int
    tax_lines: tuple[TaxLine, ...]
    discounts: tuple[Discount, ...]
    shipping_method: str | None
    # Coupons that were handed in and do not apply: code → why.
    refusals: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """What the buyer pays."""
        return self.subtotal - self.discount + self.shipping + self.tax


def quote(
    lines: Sequence[Line],
    shipping: Shipping | None = None,
    coupons: Sequence[Coupon] = (),
    rates: Mapping[str, Rate] | None = None,
    unit: int = 1,
) -> Quote:
    """Price an order, or a cart.

    Args:
        lines: what is bought.
        shipping: how it is sent; None: not known yet, nothing is charged for it.
        coupons: in the order in which they take effect, each on what the ones before have left.
            Where one is not stackable, the first that applies is the only one.
        rates: tax category → rate, ``shipping`` among them; no entry, no tax.
        unit: what is rounded comes out as a multiple of it, in minor units; if prices are too,
            so is everything else.
    """
    left = [line.total for line in lines]
    applied: list[Discount] = []
    refusals: dict[str, str] = {}
    good: list[Coupon] = []
    for coupon in coupons:
        why = coupon.refusal(lines)
        if why is None and good and not all(one.stackable for one in (*good, coupon)):
            why = "not_with_others"
        if why is not None:
            refusals[coupon.code] = why
            continue
        good.append(coupon)
        if coupon.kind != "free_shipping":
            covered = [
                amount if coupon.covers(at) else 0 for at, amount in zip(lines, left, strict=True)
            ]
            shares = spread(_reduction(coupon, sum(covered), unit), covered, unit)
            left = [amount - share for amount, share in zip(left, shares, strict=True)]
            applied.append(Discount(coupon.code, coupon.kind, sum(shares)))
    goods = sum(left)
    cost = shipping.cost(sum(at.quantity * at.weight for at in lines), goods) if shipping else 0
    cost += -cost % unit  # its price may be older than the shop's currency
    for coupon in (one for one in good if one.kind == "free_shipping"):
        applied.append(Discount(coupon.code, coupon.kind, cost))
        cost = 0
    subtotal = sum(line.total for line in lines)
    rates = rates or {}
    line_rates = [rates.get(line.tax_category) for line in lines]
    taxes, tax_lines = _tax(
        [*left, cost], [*line_rates, rates.get(SHIPPING_CATEGORY) if cost else None], unit
    )
    return Quote(
        lines=tuple(
            PricedLine(line, line.total - amount, tax, rate)
            # The last tax is the shipping's.
            for line, amount, tax, rate in zip(lines, left, taxes[:-1], line_rates, strict=True)
        ),
        subtotal=subtotal,
        discount=subtotal - goods,
        shipping=cost,
        tax=sum(line.tax for line in tax_lines if not line.inclusive),
        tax_included=sum(line.tax for line in tax_lines if line.inclusive),
        tax_lines=tuple(tax_lines),
        discounts=tuple(applied),
        shipping_method=shipping.code if shipping else None,
        refusals=refusals,
    )


def spread(amount: int, weights: Sequence[int], unit: int = 1) -> list[int]:
    """Split ``amount`` in proportion to ``weights``, by the largest remainder.

    In steps of ``unit``; what of the amount is no multiple of it goes to the first.

    The parts are whole, not negative, add to ``amount``, and none is above its weight while the
    amount is not above their sum. Of equal remainders the first gets more. No weight: all to the
    first, if there is anything.

    >>> spread(100, [1, 1, 1])
    [34, 33, 33]
    """
    whole = sum(weights)
    if whole == 0:
        return [amount if not i else 0 for i in range(len(weights))]
    units = amount // unit
    parts = [units * weight // whole for weight in weights]
    rests = [units * weight % whole for weight in weights]
    for i in sorted(range(len(weights)), key=lambda i: -rests[i])[: units - sum(parts)]:
        parts[i] += 1
    spread_out = [part * unit for part in parts]
    spread_out[0] += amount % unit
    return spread_out


def _reduction(coupon: Coupon, goods: int, unit: int) -> int:
    if coupon.kind == "fixed":
        return min(coupon.value, goods)
    return min(goods, _rounded(goods * coupon.value, HUNDRED_PERCENT, unit))


def _rounded(numerator: int, denominator: int, unit: int) -> int:
    """Return a fraction as a multiple of ``unit``, half of one rounded up."""
    step = denominator * unit
    return (2 * numerator + step) // (2 * step) * unit


def _tax(
    amounts: Sequence[int], rates: Sequence[Rate | None], unit: int
) -> tuple[list[int], list[TaxLine]]:
    """Return the tax of each amount, and the sums by rate (highest first)."""
    taxes = [0] * len(amounts)
    found: list[TaxLine] = []
    for rate in sorted({r for r in rates if r}, key=lambda r: (-r.percent, r.inclusive)):
        at_rate = [r == rate for r in rates]
        taxed = list(compress(amounts, at_rate))
        tax = rate.on(sum(taxed), unit)
        for i, share in zip(
            compress(range(len(amounts)), at_rate), spread(tax, taxed, unit), strict=True
        ):
            taxes[i] = share
        base = sum(taxed) - (tax if rate.inclusive else 0)
        found.append(TaxLine(rate.percent, rate.inclusive, base, tax))
    return taxes, found
