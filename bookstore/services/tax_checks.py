"""Whether an order's taxes are those of its lines; see ``book_checks``, whose list this is on."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, func, select

from bookstore import money
from bookstore.models import Order, OrderItem
from bookstore.services import pricing
from bookstore.services.sql import AnySelect

_UNTAXED = -1


@dataclass(frozen=True, slots=True, order=True)
class _Line:
    id: int
    percent: int
    amount: int
    tax: int


def taxes() -> AnySelect:
    """Return every order with its lines: ``id:percent:amount:tax`` each, a comma between two."""
    amount = OrderItem.quantity * OrderItem.price - OrderItem.discount
    percent = func.coalesce(OrderItem.tax_percent, _UNTAXED)
    parts = [cast(part, Text) for part in (OrderItem.id, percent, amount, OrderItem.tax)]
    line = parts[0] + ":" + parts[1] + ":" + parts[2] + ":" + parts[3]
    return (
        select(
            Order.number,
            Order.currency,
            Order.shipping,
            Order.tax,
            Order.tax_included,
            cast(Order.tax_lines, Text).label("tax_lines"),
            func.aggregate_strings(line, ",").label("lines"),
        )
        .join(OrderItem, OrderItem.order_id == Order.id)
        .group_by(Order.id)
    )


def tell_taxes(row: Any) -> str | None:
    """Say what is wrong with an order's taxes: they are worked out anew from its lines.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: its rates are not as the shop writes them.
    """
    rates = json.loads(row.tax_lines)
    added = sum(rate["tax"] for rate in rates if not rate["inclusive"])
    contained = sum(rate["tax"] for rate in rates if rate["inclusive"])
    if (added, contained) != (row.tax, row.tax_included):
        tax, included = _text(row.tax, row), _text(row.tax_included, row)
        by_rates = f"by its rates {_text(added, row)} and {_text(contained, row)}"
        return f"order {row.number}: tax {tax} and {included} contained, {by_rates}"
    lines = sorted(_Line(*map(int, line.split(":"))) for line in row.lines.split(","))
    shipping = row.shipping
    for percent in sorted({rate["percent"] for rate in rates} | {line.percent for line in lines}):
        at_rate = [line for line in lines if line.percent == percent]
        found = [rate for rate in rates if rate["percent"] == percent]
        taxed = sum(rate["base"] + rate["tax"] * rate["inclusive"] for rate in found)
        amounts = [line.amount for line in at_rate]
        if shipping and taxed == sum(amounts) + shipping:
            # It is sent at this rate.
            amounts.append(shipping)
            shipping = 0
        if percent == _UNTAXED:
            is_right = not any(line.tax for line in at_rate)
        else:
            is_right = (
                bool(found) and taxed == sum(amounts) and _is_spread(row, found, at_rate, amounts)
            )
        if not is_right:
            what = "no tax" if percent == _UNTAXED else f"{money.percent_text(percent)} % tax"
            lines_tax = _text(sum(line.tax for line in at_rate), row)
            return (
                f"order {row.number}: {what} is {_text(sum(r['tax'] for r in found), row)} on"
                f" {_text(taxed, row)}, its lines have {lines_tax} on {_text(sum(amounts), row)}"
            )
    return None


def _is_spread(row: Any, rates: list[Any], lines: list[_Line], amounts: list[int]) -> bool:
    """Return whether the lines' taxes are their shares of the tax at a rate."""
    if len(rates) > 1:
        return True  # in some prices and on top of others: which line is which is not written
    shares = pricing.spread(rates[0]["tax"], amounts, money.unit(row.currency))
    return [line.tax for line in lines] == shares[: len(lines)]


def _text(minor: int, row: Any) -> str:
    return money.with_code(int(minor), row.currency)
