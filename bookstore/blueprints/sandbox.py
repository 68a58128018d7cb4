"""The page of a bank that does not exist: 3-D Secure for test cards, without any script."""

from urllib.parse import urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, request
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from bookstore import errors, money
from bookstore.blueprints.answers import html_page
from bookstore.blueprints.api import requires
from bookstore.services import sandbox

blp = Blueprint("three_d_secure", __name__)


@blp.get("/payments/test/3ds/<token>")
@requires("anyone")
def page(token: str) -> Response:
    """Ask whether it is them; who was sent here knows the token, and nobody else does."""
    payment = sandbox.look(token)
    minor = money.from_stripe(payment.amount, payment.currency)
    amount = f"{money.to_text(minor, payment.currency)} {payment.currency.upper()}"
    back = _path_here(payment.return_url)
    return html_page("three_d_secure.html", status=payment.status, amount=amount, return_url=back)


@blp.post("/payments/test/3ds/<token>")
@requires("anyone")
def answer(token: str) -> BaseResponse:
    """Take the answer, and lead back to where the buyer came from, or to the page itself."""
    outcome = request.form.get("outcome")
    if outcome not in {"complete", "fail"}:
        raise errors.Invalid({"outcome": ["Must be complete or fail."]})
    payment = sandbox.authenticate(token, succeed=outcome == "complete")
    back = _path_here(payment.return_url)
    if not back:
        return redirect(request.path, 303)
    parts = urlsplit(back)
    told = {
        "payment_intent": payment.intent_id,
        "redirect_status": "succeeded" if payment.status == "succeeded" else "failed",
    }
    query = "&".join(part for part in (parts.query, urlencode(told)) if part)
    return redirect(urlunsplit(parts._replace(query=query)), 303)


def _path_here(url: str | None) -> str:
    """Return its path if it leads to this shop, else "": nobody is led elsewhere by us."""
    path = url or ""
    if path.startswith(request.url_root):
        path = path[len(request.url_root) - 1 :]
    return path if path.startswith("/") and path[1:2] not in {"/", "\\"} else ""
