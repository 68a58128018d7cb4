"""What tests of mail share."""

import email.policy
import stat
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from bookstore.extensions import settings
from bookstore.models import Order, User
from bookstore.services import cart, orders
from bookstore.services.emails import EmailChannel
from tests.clients import ADDRESS
from tests.factories import make_book


def into(folder: Path) -> EmailChannel:
    """Return the channel that writes mails into ``folder``/mail."""
    home = {"bookstore_home": folder, "public_url": "https://shop.example/"}
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
