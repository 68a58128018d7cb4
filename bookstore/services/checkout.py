"""What an order of a cart costs: its lines, shipping, coupons and taxes brought together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy.orm import Session

from bookstore import clock, errors, money
from bookstore.extensions import db, settings
from bookstore.models.taxes import SHIPPING
from bookstore.services import cart_lines, coupons, pricing, shipping, taxes
from bookstore.services.actors import Acting
from bookstore.services.coupons import Held
from bookstore.services.shipping import Option

# Grams of a book of which nobody knows: a paperback of 400 pages.
USUAL_WEIGHT = 400


@dataclass(frozen=True, slots=True)
class Priced:
    """A quote, the coupons on the cart with why they do not apply (None: they do), and the ways to
    send it there (none, if no way was asked for)."""

    quote: pricing.Quote
    coupons: Sequence[tuple[Held, str | None]]
    methods: Sequence[pricing.Shipping] = ()

    @property
    def used(self) -> list[tuple[Held, int]]:
        """The coupons that took something off, and how much: one that did not is not used up."""
        amounts = {discount.code: discount.amount for discount in self.discounts}
        codes = ((held, held.terms.code) for held, _ in self.coupons)
        return [(held, amounts[code]) for held, code in codes if code in amounts]

    @property
    def discounts(self) -> tuple[pricing.Discount, ...]:
        """What they took off."""
        return tuple(one for one in self.quote.discounts if one.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer(pricing.Quote):
    """A quote with every way to send it there, and what each would cost."""

    options: tuple[Option, ...]

    @property
    def chosen(self) -> Option:
        """The way that it is priced with."""
        return next(option for option in self.options if option.code == self.shipping_method)


def quote(
    actor: Acting,
    shipping_method: str = shipping.STANDARD,
    shipping_address: Mapping[str, Any] | None = None,
) -> Offer:
    """Return what an order of the actor's cart would cost now; nothing is kept.

    Without an address it is priced for a country that no rate and no method names.

    Raises:
        CartEmpty: there is nothing to price.
        Invalid: no such shipping method, or it does not go there.
    """
    session, owner = db.session(), cart_lines.owner_of(actor)
    rows = cart_lines.lines_to_price(session, owner)
    if not rows:
        raise errors.CartEmpty
    held = coupons.on_cart(session, owner, actor.id) if rows[0].with_coupons else []
    priced = price(session, rows, held, shipping_method, shipping_address or {})
    options = shipping.options(priced.methods, priced.quote, clock.today())
    made = {field.name: getattr(priced.quote, field.name) for field in fields(priced.quote)}
    made["discounts"] = priced.discounts
    return Offer(**made, options=options)


def price(
    session: Session,
    rows: Sequence[Any],
    held: Sequence[Held],
    shipping_method: str | None,
    address: Mapping[str, Any],
) -> Priced:
    """Price lines that were read from a cart.

    Args:
        session: of the present transaction.
        rows: as ``cart_lines.lines_to_price`` returns them.
        held: the coupons on the cart.
        shipping_method: code of a method; None: not chosen yet, and not charged.
        address: with ``country`` and ``region``, if known.

    Raises:
        Invalid: no such shipping method, or it does not go there.
    """
    country, region = address.get("country", ""), address.get("region", "")
    methods, terms = {}, None
    if shipping_method is not None:
        methods = shipping.methods_for(session, country)
        terms = shipping.chosen(methods, shipping_method, country)
    shelves = coupons.shelves(session, held, [row.id for row in rows])
    lines = [
        pricing.Line(
            row.id,
            row.quantity,
            row.price,
            USUAL_WEIGHT if row.weight is None else row.weight,
            row.tax_category,
            shelves.get(row.id, frozenset()),
        )
        for row in rows
    ]
    categories = {line.tax_category for line in lines} | {SHIPPING}
    rates = taxes.rates_for(session, country, region, categories)
    good = [one.terms for one in held if one.refusal is None]
    made = pricing.quote(lines, terms, good, rates, money.unit(settings().currency))
    whys = [(one, one.refusal or made.refusals.get(one.terms.code)) for one in held]
    return Priced(made, whys, tuple(methods.values()))
