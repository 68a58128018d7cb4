"""Webhook endpoints and their deliveries in the console."""

import json
import re
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from bookstore import clock
from bookstore.extensions import db
from bookstore.models import AuditEntry, WebhookDelivery
from bookstore.services import catalog_editing
from bookstore.services.actors import SYSTEM
from tests import paying
from tests.clients import statements
from tests.console.browsing import Browser
from tests.factories import make_book, new_book
from tests.fakes import receiver as modes
from tests.fakes.receiver import Receiver
from tests.services import hooks

SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]+")


def test_an_endpoint_and_its_secret(shop: Flask) -> None:
    clerk = Browser.of(shop).open("/admin/webhooks/").open("/admin/webhooks/new")
    clerk.send("/admin/webhooks/new", url="http://127.0.0.1/x", events=["order.*", "no.such"])
    assert clerk.answer.status_code == 422
    clerk.open("/admin/webhooks/new")
    typed = {"url": "https://9.9.9.9/<b>", "events": ["order.*"], "description": "<i>till</i>"}
    twice = clerk.form("/admin/webhooks/new") | typed
    clerk.post("/admin/webhooks/new", twice)
    [secret] = SECRET.findall(clerk.page)
    [path] = set(re.findall(r'href="(/admin/webhooks/\d+)"', clerk.page))
    # Nobody who comes back to the page sees it once more.
    clerk.post("/admin/webhooks/new", twice)
    assert (clerk.answer.status_code, "it is not shown again" in clerk.page) == (200, True)
    pages = [clerk.page, clerk.open(path).page, clerk.open("/admin/webhooks/").page]
    assert not SECRET.search("".join(pages))
    assert "<i>till" not in "".join(pages)
    clerk.open(path).send(f"{path}/rotate-secret")
    [newer] = SECRET.findall(clerk.page)
    assert newer != secret
    assert "also signs until" in clerk.open(path).page
    clerk.open(f"{path}/edit")
    assert re.search(r'value="order\.\*" checked', clerk.page)
    clerk.send(f"{path}/edit", url="https://9.9.9.9/y", events=["book.*"], description="")
    assert "The endpoint is changed." in clerk.page
    clerk.send(f"{path}/switch")
    assert "It is disabled" in clerk.page
    assert f"{path}/test" not in clerk.page
    book = new_book(shop)
    assert "held" in clerk.open(f"{path}?status=held").page
    [held] = set(re.findall(r"/admin/webhooks/deliveries/\d+", clerk.page))
    clerk.open(held).send(f"{held}/redeliver")
    assert "It waits until its endpoint is enabled again." in clerk.page
    clerk.open(path)
    clerk.send(f"{path}/switch")
    clerk.send(f"{path}/test")
    assert clerk.at.startswith("/admin/webhooks/deliveries/")
    assert "ping" in clerk.page
    assert not SECRET.search(clerk.page)
    clerk.open(path).send(f"{path}/remove")
    assert "The endpoint is gone." in clerk.page
    with shop.app_context():
        catalog_editing.delete_book(SYSTEM, book)
        entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    again = entries.pop(4)
    assert (again.action, again.target_kind) == (
        *("console.deliveries.redeliver", "webhook_delivery"),
    )
    names = ["create", "rotate_secret", "change", "switch", "switch", "ping", "remove"]
    assert [one.action for one in entries] == [f"console.webhooks.{name}" for name in names]
    assert {one.target_kind for one in entries} == {"webhook_endpoint"}
    assert len({one.target_id for one in entries}) == 1
    assert not SECRET.search(str([one.detail for one in entries]))


def test_a_new_endpoint_is_told_of_what_is_ticked_and_of_nothing_else(shop: Flask) -> None:
    clerk = Browser.of(shop).open("/admin/webhooks/new")
    assert "events" not in clerk.form("/admin/webhooks/new")
    clerk.send("/admin/webhooks/new", url="https://9.9.9.9/x")
    assert (clerk.answer.status_code, 'id="events-error"' in clerk.page) == (422, True)


def test_a_page_of_a_refusal_still_leads_through_its_list(shop: Flask) -> None:
    with shop.app_context():
        path = f"/admin/webhooks/{hooks.endpoint('https://9.9.9.9/x')}"
        for _ in range(26):
            make_book()
    clerk = Browser.of(shop).open(path)
    clerk.send(f"{path}/replay", "replay", since="x")
    assert (clerk.answer.status_code, clerk.form(path)["q"]) == (422, "")
    [then] = re.findall(r'rel="next" href="([^"]+)"', clerk.page)
    assert clerk.open(then.replace("&amp;", "&")).answer.status_code == 200
    [first] = re.findall(r'href="([^"]+)">First page', clerk.page)
    assert first == path


def test_a_delivery_is_seen_and_sent_again(shop: Flask) -> None:
    clerk = Browser.of(shop)
    with Receiver() as receiver:
        receiver.modes["/a"] = modes.status(410, b"<script>no</script>")
        with shop.app_context():
            endpoint = hooks.endpoint(f"{receiver.url}/a")
            number = paying.place().number.lower()
            hooks.send()
            hooks.change(endpoint, is_active=True, disabled_reason=None, disabled_at=None)
        path = f"/admin/webhooks/{endpoint}"
        with statements(shop) as said:
            clerk.open(f"{path}?q={number}&event_type=order.created")
        assert len(said) <= 4
        [delivery] = set(re.findall(r"/admin/webhooks/deliveries/\d+", clerk.page))
        clerk.open(delivery)
        got = next(one for one in receiver.received if b"order.created" in one.body)
        assert ("410" in clerk.page, "&lt;script&gt;no" in clerk.page) == (True, True)
        assert "<script>no" not in clerk.page
        for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            assert f"{name}: {got.headers[name]}" in clerk.page
        assert clerk.http.get(f"{delivery}/body").data == got.body
        shown = re.search(r'laid out">(.*?)</pre>', clerk.page, re.DOTALL)
        assert shown
        text = shown[1].replace("&#34;", '"').replace("&#39;", "'")
        assert json.loads(text) == json.loads(got.body)
        receiver.modes["/a"] = modes.status(200)
        twice = clerk.form(f"{delivery}/redeliver")
        clerk.post(f"{delivery}/redeliver", twice)
        assert "It is sent again" in clerk.page
        with shop.app_context():
            hooks.send()
        again = [one for one in receiver.received if one.body == got.body]
        assert [one.headers["webhook-id"] for one in again] == [got.headers["webhook-id"]] * 2
        assert "succeeded" in clerk.open(delivery).page
        with shop.app_context():
            left = hooks.deliveries(endpoint)
            failed = [one.id for one in left if one.status == "failed"]
        since = (clock.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
        clerk.open(path).send(f"{path}/replay", "replay", since=since, status="all")
        assert f"sent again: {len([one for one in left if one.status != 'pending'])}." in clerk.page
        assert failed or left
    clerk.open(f"{path}?q=evt_nothing&from=2020-01-01")
    assert "No delivery is like that." in clerk.page
    clerk.send(f"{path}/replay", "replay", since="yesterday")
    assert (clerk.answer.status_code, 'id="replay-since-error"' in clerk.page) == (422, True)
    with shop.app_context():
        [entry, _] = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
        assert entry.action == "console.deliveries.redeliver"
        assert (entry.target_kind, entry.target_id) == (
            *("webhook_delivery", delivery.rpartition("/")[2]),
        )
        assert db.session.get_one(WebhookDelivery, int(entry.target_id or 0)).endpoint_id
