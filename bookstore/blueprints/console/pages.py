"""How pages of the console are made: their frame, and what was done."""

import secrets
from datetime import datetime, timedelta
from typing import Any, cast

import jwt as pyjwt
from flask import Response, current_app, g, redirect, request
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from bookstore import auth, clock, money
from bookstore.blueprints.answers import html_page
from bookstore.extensions import settings
from bookstore.services import customers
from bookstore.services.metrics import MOST

NOTE = "bookstore-console-note"
_NOTE_SECONDS = timedelta(minutes=2)
_NOTE_AUDIENCE = "bookstore-console-note"


def page(template: str, status: int = 200, **context: Any) -> Response:
    """Return a page of the console.

    Args:
        template: which extends ``console/_layout.html``.
        status: of the answer.
        context: for the template.
    """
    made = html_page(template, **context)
    made.status_code = status
    return made


def done(message: str, location: str) -> BaseResponse:
    """Return what follows something that was done: another page, which says so once.

    Args:
        message: a sentence.
        location: of the page, a path.
    """
    response = redirect(location, 303)
    claims = {"aud": _NOTE_AUDIENCE, "note": message, "exp": clock.now() + _NOTE_SECONDS}
    token = pyjwt.encode(claims, current_app.config["SECRET_KEY"], algorithm="HS256")
    response.set_cookie(
        NOTE,
        token,
        max_age=int(_NOTE_SECONDS.total_seconds()),
        path="/admin",
        secure=request.is_secure or settings().is_production,
        httponly=True,
        samesite="Strict",
    )
    return response


def context() -> dict[str, Any]:
    """Return what every template of the console may use."""
    known = settings()
    return {
        "shop": known.seller_name,
        "currency": known.currency,
        "environment": None if known.is_production else known.bookstore_env,
        "note": _note(),
        "has_page": lambda endpoint: endpoint in current_app.view_functions,
        "names_of": lambda labels: customers.names(auth.current_actor(), labels),
        # Each form has another: one that is sent twice is known by it.
        "form_key": lambda: secrets.token_urlsafe(16),
    }


def finish(response: Response) -> Response:
    """Have browsers say where forms come from, and tell once what was done."""
    # "no-referrer", as elsewhere, would have browsers say "null" for the origin of our own forms.
    response.headers["Referrer-Policy"] = "same-origin"
    if "console_note" in g and g.console_note is not None and response.status_code != 303:
        response.delete_cookie(NOTE, path="/admin")
    return response


def money_text(minor: int | None, currency: str | None = None) -> str:
    """Return an amount as people read it: ``1,234.50 USD``; a dash for None."""
    if minor is None:
        return "–"
    code = currency or settings().currency
    text = money.to_text(abs(minor), code)
    whole, dot, rest = text.partition(".")
    return f"{'−' if minor < 0 else ''}{int(whole):,}{dot}{rest} {code.upper()}"


def instant(at: datetime | None) -> Markup | str:
    """Return an instant for people and for machines; a dash for None."""
    if at is None:
        return "–"
    return Markup('<time datetime="{}">{:%Y-%m-%d %H:%M} UTC</time>').format(
        at.isoformat(timespec="seconds"), at
    )


def count_text(count: int | None) -> str:
    """Return how many there are, as people read it: ``1,234``; a dash for None."""
    return "–" if count is None else f"{count:,}"


def capped_text(count: int | None) -> str:
    """Return the same of what is counted no further than ``MOST``: ``10,000+``."""
    return f"{count_text(count)}{'+' if count == MOST else ''}"


def seconds_text(seconds: float | None) -> str:
    """Return how long that is: ``42 s``, ``12 min``, ``5 h``, ``3 d``; a dash for None."""
    if seconds is None:
        return "–"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def _note() -> str | None:
    """Return what was done by the request before, once."""
    if "console_note" not in g:
        g.console_note = None
        token = request.cookies.get(NOTE)
        if token:
            try:
                key = current_app.config["SECRET_KEY"]
                told = pyjwt.decode(token, key, algorithms=["HS256"], audience=_NOTE_AUDIENCE)
                g.console_note = str(told["note"])
            except (pyjwt.PyJWTError, KeyError, ValueError):
                g.console_note = None
    return cast("str | None", g.console_note)
