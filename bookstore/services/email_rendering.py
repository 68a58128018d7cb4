"""The text and HTML of a mail, from templates/mail.

The first line of a text template is the subject, the second what inboxes show beside it; the
text begins behind a blank line.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bookstore import money
from bookstore.models import Order

TEMPLATES = (
    "order_confirmation",
    "order_shipped",
    "order_cancelled",
    "order_refunded",
    "order_reopened",
    "password_reset",
    "verify_email",
    "email_changed",
    "endpoint_failing",
    "endpoint_disabled",
    "payment_review",
    "payments_differ",
    "refund_failed",
    "dispute_closed",
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's words."""

    subject: str
    text: str
    html: str


def render(template: str, context: Mapping[str, Any]) -> Rendered:
    """Return the mail of a template.

    Raises:
        jinja2.TemplateError: there is no such template, or it wants what ``context`` lacks.
    """
    text_form, html_form = _environments()
    text = text_form.get_template(f"{template}.txt").render(context)
    subject, preheader, text = text.lstrip().split("\n", 2)
    html = html_form.get_template(f"{template}.html").render(
        {**context, "subject": subject, "preheader": preheader}
    )
    return Rendered(one_line(subject), re.sub(r"\n{3,}", "\n\n", text.strip()) + "\n", html)


def one_line(text: str) -> str:
    """Return text without line breaks and control characters: fit for headers and lists.

    Nor does it look like an encoded word (RFC 2047), inside which a line break could come back.
    """
    shown = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join(shown.replace("=?", "= ?").split())


def order_context(order: Order, shop_url: str) -> dict[str, Any]:
    """Return an order (with its items) as the templates want it: amounts as text."""

    def amount(minor: int) -> str:
        return money.to_text(minor, order.currency)

    to = order.shipping_address
    town = " ".join(str(to[part]) for part in ("postal_code", "city") if to.get(part))
    address = [to.get("name"), to.get("line1"), to.get("line2"), town]
    address += [to.get("region"), to.get("country")]
    return {
        "number": order.number,
        "url": f"{shop_url}/track/{order.number}",
        "pay_url": f"{shop_url}/checkout?order={order.id}",
        "date": _day(order.created_at),
        "lines": [
            {
                "title": one_line(item.title),
                "quantity": item.quantity,
                "total": amount(item.line_total),
            }
            for item in order.items
        ],
        "subtotal": amount(order.subtotal),
        "discount": amount(order.discount) if order.discount else None,
        "shipping": amount(order.shipping),
        # What is added; what the prices contain is said apart.
        "tax": amount(order.tax) if order.tax else None,
        "tax_included": amount(order.tax_included) if order.tax_included else None,
        "pay_by": _pay_by(order),
        "total": amount(order.total_amount),
        "currency": order.currency.upper(),
        "address": [one_line(str(line)) for line in address if line],
        "tracking_number": order.tracking_number and one_line(order.tracking_number),
    }


def _pay_by(order: Order) -> str | None:
    """Return until when an order waits for its money; None when it waits for none."""
    waits = order.status == "pending" and order.payment_status in ("unpaid", "failed")
    if not waits or order.expires_at is None:
        return None
    return f"{_day(order.expires_at)}, {order.expires_at:%H:%M} UTC"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"


def _instant(text: str) -> str:
    at = datetime.fromisoformat(text)
    return f"{_day(at)}, {at:%H:%M} UTC"


@cache
def _environments() -> tuple[Environment, Environment]:
    loader = PackageLoader("bookstore", "templates/mail")
    made = (
        # Plain text has nothing to escape.
        Environment(loader=loader, undefined=StrictUndefined, autoescape=False),  # noqa: S701  # nosec B701
        Environment(loader=loader, undefined=StrictUndefined, autoescape=True),
    )
    for environment in made:
        environment.filters["instant"] = _instant
    return made
