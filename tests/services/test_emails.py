"""Mail: what it says, how it is filed, and that each row becomes one mail."""

import email.policy
import stat
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from bookstore.extensions import db, settings
from bookstore.models import Email, Order, User
from bookstore.services import cart, orders
from bookstore.services.emails import EmailChannel
from tests.clients import ADDRESS
from tests.factories import make_book, make_user
from tests.services.draining import counts, drain


@pytest.fixture
def channel(app: Flask, tmp_path: Path) -> EmailChannel:
    home = {"bookstore_home": tmp_path, "public_url": "https://shop.example/"}
    return EmailChannel(replace(settings(), **home))


def place(user: User, **book: Any) -> Order:
    """Return an order of two copies of a new book."""
    cart.add_item(user, make_book(**book).id, 2)
    return orders.place(user, ADDRESS)


def mails(tmp_path: Path) -> list[EmailMessage]:
    """Return the mails in the folder, in the order of their names."""
    parser = BytesParser(policy=email.policy.default)
    found = []
    for path in sorted((tmp_path / "mail").glob("*")):
        assert path.suffix == ".eml"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        message = parser.parsebytes(path.read_bytes())
        assert isinstance(message, EmailMessage)
        assert not message.defects
        found.append(message)
    return found


def parts(message: EmailMessage) -> tuple[str, str]:
    """Return the text and the HTML of a mail."""
    assert message.get_content_type() == "multipart/alternative"
    text, html = message.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return str(text.get_content()), str(html.get_content())


def test_an_order_is_confirmed_with_its_lines_and_amounts(
    channel: EmailChannel, tmp_path: Path
) -> None:
    user = make_user("ann")
    order = place(user, title="Of <Mice> & Men", price=1250)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    [mail] = mails(tmp_path)
    assert mail["Subject"] == f"Your order {order.number}"
    assert mail["To"] == "ann@example.com"
    assert mail["From"] == "Bookstore <shop@bookstore.example>"
    assert mail["Date"].datetime.tzinfo is not None
    assert mail["Message-ID"].endswith("@bookstore.example>")
    text, html = parts(mail)
    for amount in ("25.00", "12.50"):
        assert (amount in text) == (amount in html)
    assert "2 x Of <Mice> & Men: 25.00" in text
    assert "Of &lt;Mice&gt; &amp; Men" in html
    for part in (text, html):
        assert f"https://shop.example/track/{order.number}" in part
        assert ADDRESS["city"] in part
        assert "USD" in part
    row = db.session.scalars(select(Email)).one()
    assert (row.status, row.attempts, row.lease_owner, row.last_error) == (
        "succeeded",
        1,
        None,
        None,
    )
    assert row.finished_at is not None
    assert counts() == {("email", "succeeded"): 1}
    assert drain(channel) == []
