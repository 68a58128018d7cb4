"""Mail: what it says, and to whom."""

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, update

from bookstore.extensions import db
from bookstore.models import Email, Order, TaxRate, User
from bookstore.services import accounts, order_moves, orders
from bookstore.services.actors import SYSTEM
from bookstore.services.emails import EmailChannel
from bookstore.unit_of_work import unit_of_work
from tests.clients import ADDRESS
from tests.factories import make_user
from tests.services.draining import counts, drain
from tests.services.mailing import into, mails, parts, place


@pytest.fixture
def channel(app: Flask, tmp_path: Path) -> EmailChannel:
    return into(tmp_path)


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


def test_each_step_of_an_order_has_its_mail(channel: EmailChannel, tmp_path: Path) -> None:
    user = make_user("ann")
    first, second = place(user), place(user)
    orders.advance(SYSTEM, first.id, "processing")
    orders.advance(SYSTEM, first.id, "shipped", tracking_number="TRACK <1>")
    orders.cancel(user, second.id)
    with unit_of_work():
        first.version += 1
        order_moves.record_event(first, "order.refunded", refunded_amount="12.34")
    drain(channel)
    subjects = [mail["Subject"] for mail in mails(tmp_path)]
    assert subjects == [
        f"Your order {first.number}",
        f"Your order {second.number}",
        f"Your order {first.number} is on its way",
        f"Your order {second.number} is cancelled",
        f"Refund for order {first.number}",
    ]
    text, html = parts(mails(tmp_path)[2])
    assert "Tracking number: TRACK <1>" in text
    assert "TRACK &lt;1&gt;" in html
    text, html = parts(mails(tmp_path)[4])
    assert "12.34 USD" in text
    assert "12.34 USD" in html


def test_a_mail_says_what_is_to_be_paid_and_until_when(
    channel: EmailChannel, tmp_path: Path
) -> None:
    """Amounts add up: tax that the prices contain is no line of the sum."""
    with unit_of_work() as session:
        session.execute(update(TaxRate).where(TaxRate.country == "GB").values(percent=5000))
    unpaid, paid = place(make_user("ann")), place(make_user("ben"))
    orders.advance(SYSTEM, paid.id, "processing")
    drain(channel)
    sent = {mail["Subject"]: parts(mail) for mail in mails(tmp_path)}
    assert unpaid.expires_at is not None
    for part in sent[f"Your order {unpaid.number}"]:
        assert f"{unpaid.expires_at:%H:%M} UTC" in part
        assert f"/checkout?order={unpaid.id}" in part
        assert "Contains tax of" in part
        assert "Tax:" not in part
    for part in sent[f"Your order {paid.number}"]:
        assert "not paid yet" not in part


def test_mails_about_endpoints(channel: EmailChannel, tmp_path: Path) -> None:
    owner = make_user("olga", is_staff=True)
    since = "2026-01-02T03:04:05Z"
    about = {"endpoint_id": 3, "url": "https://x.example/?a=1&b=<2>", "failing_since": since}
    with unit_of_work() as session:
        data = {**about, "hours": 72}
        session.add(Email(user_id=owner.id, template="endpoint_failing", data=data))
    for reason in ("failing", "gone"):
        data = {**about, "reason": reason}
        with unit_of_work() as session:
            session.add(Email(user_id=owner.id, template="endpoint_disabled", data=data))
    drain(channel)
    failing, disabled, gone = (parts(mail) for mail in mails(tmp_path))
    assert "72 hours" in failing[0]
    assert "2 January 2026, 03:04 UTC" in failing[0]
    assert "410 Gone" in gone[0]
    assert "410 Gone" not in disabled[0]
    for text, html in (failing, disabled, gone):
        assert "https://x.example/?a=1&b=<2>" in text
        assert "a=1&amp;b=&lt;2&gt;" in html
        assert "order" not in text


def test_html_needs_nothing_from_elsewhere_and_is_marked_up(
    channel: EmailChannel, tmp_path: Path
) -> None:
    order = place(make_user("ann"))
    drain(channel)
    _, html = parts(mails(tmp_path)[0])
    links = set(re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')>\s]+)', html))
    assert links == {
        "https://shop.example",
        f"https://shop.example/track/{order.number}",
        f"https://shop.example/checkout?order={order.id}",
    }
    assert "<img" not in html
    assert "<script" not in html
    assert '<html lang="en">' in html
    assert "prefers-color-scheme: dark" in html
    # Tables that only lay out say so; the one of lines has headings that a reader can hear.
    assert html.count("<table") == html.count('role="presentation"') + 1
    assert html.count('scope="col"') == 3
    assert "<caption" in html


def test_amounts_of_currencies_without_cents(
    app: Flask, channel: EmailChannel, tmp_path: Path
) -> None:
    order = place(make_user("ann"), price=1250)
    with unit_of_work() as session:
        session.get_one(Order, order.id).currency = "jpy"
    drain(channel)
    text, _ = parts(mails(tmp_path)[0])
    assert "2 x " in text
    assert ": 2500\n" in text.replace("\r", "")
    assert "JPY" in text


# -- whom it goes to ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name",
    [
        "Ann\r\nBcc: thief@example.com",
        "Ann\nBcc: thief@example.com",
        'Ann" <thief@example.com>, "',
        "Ann\u2028Bcc: x",
        "Ann\x0b\x1f\x85Bcc: x",
        "=?utf-8?q?a=0ABcc:_x?=",
        "Ünïcödé 本",
        "x" * 100,
    ],
)
def test_names_cannot_break_out_of_a_header(
    channel: EmailChannel, tmp_path: Path, name: str
) -> None:
    user = make_user("ann")
    accounts.update_profile(user, {"first_name": name})
    place(user)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    [mail] = mails(tmp_path)
    expected = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    assert set(mail.keys()) == expected | {"MIME-Version", "Content-Type"}
    [address] = mail["To"].addresses
    assert address.addr_spec == "ann@example.com"
    assert len(mail["To"].addresses) == 1
    raw = next((tmp_path / "mail").glob("*.eml")).read_bytes()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


@pytest.mark.parametrize(
    "address", ["jörg@example.com", "ann@exämple.com", "o'hara+books@example.com"]
)
def test_unusual_addresses(channel: EmailChannel, tmp_path: Path, address: str) -> None:
    user = make_user("ann")
    with unit_of_work() as session:
        session.get_one(User, user.id).email = address
    place(user)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    raw = next((tmp_path / "mail").glob("*.eml")).read_bytes()
    assert f"To: {address}\r\n".encode() in raw


def test_who_left_gets_no_more_mail(channel: EmailChannel, tmp_path: Path) -> None:
    user, other = make_user("ann"), make_user("bob")
    place(user)
    place(other)
    accounts.delete_account(user)
    assert [outcome.kind for outcome in drain(channel)] == ["succeeded"]
    assert [mail["To"] for mail in mails(tmp_path)] == ["bob@example.com"]
    rows = db.session.scalars(select(Email).order_by(Email.id)).all()
    assert [(row.status, row.attempts) for row in rows] == [("skipped", 0), ("succeeded", 1)]
    assert counts() == {("email", "skipped"): 1, ("email", "succeeded"): 1}
