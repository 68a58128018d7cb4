"""The checkout page as it is sent: whose scripts it lets in, and by what one pays."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

pytestmark = pytest.mark.parametrize("database", ["sqlite"])

HEADER = "/track/assets/header.js"  # of every page


@pytest.fixture(autouse=True)
def as_before(shop: Flask) -> Iterator[None]:
    before = shop.config["SETTINGS"]
    yield
    shop.config["SETTINGS"] = before


def page(shop: Flask, **changes: object) -> tuple[str, dict[str, str]]:
    """Return the page and its policy, by directive."""
    shop.config["SETTINGS"] = replace(shop.config["SETTINGS"], **changes)
    path = "/checkout?order=1&redirect_status=failed"
    answer = shop.test_client().get(path, base_url="https://localhost")
    assert answer.status_code == 200
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    parts = answer.headers["Content-Security-Policy"].split("; ")
    return answer.get_data(as_text=True), dict(part.split(" ", 1) for part in parts)


def scripts(html: str) -> list[str]:
    """Return where scripts are loaded from; none stands in the page."""
    assert len(re.findall(r"<script[^>]*></script>", html)) == html.count("<script")
    return re.findall(r'<script[^>]* src="([^"]+)"', html)


def nonces(html: str) -> list[str]:
    """Return the nonce of each script."""
    return re.findall(r'<script[^>]* nonce="([^"]+)"', html)


def test_without_a_key_by_test_cards(shop: Flask) -> None:
    html, policy = page(shop)
    assert scripts(html) == [HEADER, "/track/assets/checkout.js"]
    assert 'id="card"' in html
    assert "stripe" not in " ".join(policy.values())
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == policy["style-src"] == "'self'"
    # A script runs by the nonce of this answer, and no other.
    assert policy["script-src"] == f"'nonce-{nonces(html)[0]}'"
    assert nonces(html) != nonces(page(shop)[0])


def test_with_keys_by_stripe(shop: Flask) -> None:
    keys = {"stripe_secret_key": "sk_test_1", "stripe_publishable_key": "pk_test_1"}
    html, policy = page(shop, stripe_webhook_secret="whsec_1", **keys)
    assert scripts(html) == [HEADER, "https://js.stripe.com/v3/", "/track/assets/checkout.js"]
    assert 'id="elements"' in html
    assert 'id="card"' not in html
    assert "sk_test_1" not in html
    assert {"https://js.stripe.com", f"'nonce-{nonces(html)[0]}'"} <= set(
        policy["script-src"].split()
    )
    assert len(nonces(html)) == 3
    assert {"https://js.stripe.com", "https://hooks.stripe.com"} <= set(policy["frame-src"].split())
    assert policy["connect-src"] == "'self' https://api.stripe.com"
    assert "unsafe" not in " ".join(policy.values())


@pytest.mark.parametrize(
    "changes", [{"bookstore_env": "production"}, {"stripe_secret_key": "sk_test_1"}]
)
def test_without_a_way_to_pay_it_says_so(shop: Flask, changes: dict[str, str]) -> None:
    html, _ = page(shop, **changes)
    assert "takes no payments at the moment" in html
    assert 'id="pay-now"' not in html
