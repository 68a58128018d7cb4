"""The checkout page: from a cart to a paid order, a client of the API like any other."""

from flask import Blueprint, Response

from bookstore.blueprints import transport
from bookstore.blueprints.answers import html_page
from bookstore.extensions import settings

blp = Blueprint("checkout", __name__)

STRIPE_JS = "https://js.stripe.com/v3/"
# What Stripe's own script needs: https://docs.stripe.com/security/guide#content-security-policy
_STRIPE = {
    "script-src": "https://js.stripe.com https://*.js.stripe.com",
    "frame-src": "https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com",
    "connect-src": "https://api.stripe.com",
}


@blp.get("/checkout")
def page() -> Response:
    """Return the page. It knows nobody's cart: its script asks the API for that."""
    known = settings()
    pays_by, more = "nothing", {}
    if known.stripe_secret_key is not None and known.stripe_publishable_key is not None:
        pays_by, more = "stripe", _STRIPE
    elif known.takes_test_cards:
        pays_by = "test"
    # Covers may be anywhere.
    more = {"img-src": "https:", **more}
    page = html_page("checkout.html", more, pays_by=pays_by, stripe_js=STRIPE_JS)
    if pays_by == "stripe":
        # Wallets ask in windows of their own, and the browser for a card it knows.
        page.headers["Cross-Origin-Opener-Policy"] = "same-origin-allow-popups"
        transport.permit(page, payment='(self "https://js.stripe.com")')
    return page
