"""Who gets into the console, and what of a request is believed."""

import re
from datetime import timedelta
from typing import Any

import pyotp
import pytest
from flask import Flask

from bookstore import clock
from bookstore.services import accounts, sessions, totp
from bookstore.services.actors import Actor
from tests.clients import Client, ok
from tests.console.browsing import OWN, Browser
from tests.factories import PASSWORD, log_in, make_user
from tests.limiting import Limits

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def pages(app: Flask) -> list[str]:
    """Return every address of the console that is asked by GET, with ids that there are not."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("console.") and "GET" in rule.methods:
            found.append(re.sub(r"<(?:\w+:)?\w+>", "987654", rule.rule))
    return found


def actions(app: Flask) -> list[str]:
    """Return every address of the console that a form posts to."""
    return [
        re.sub(r"<(?:\w+:)?\w+>", "987654", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("console.") and "POST" in rule.methods
    ]


def test_every_page_is_for_staff_alone(shop: Flask) -> None:
    stranger, clerk = shop.test_client(), Browser.of(shop)
    for path in pages(shop):
        if path == "/admin/login":
            continue
        answer = stranger.get(path)
        assert answer.status_code == 303, path
        assert answer.location.startswith("/admin/login?next=/admin/"), (path, answer.location)
        clerk.open(path)
        assert clerk.answer.status_code in {200, 404}, (path, clerk.page)
        assert clerk.answer.mimetype == "text/html", path
        assert clerk.page.count("<h1>") == 1, path
        headers = clerk.answer.headers
        assert headers["Cache-Control"] == "no-store", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert headers["X-Frame-Options"] == "DENY", path
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"], path
        assert "style=" not in clerk.page, path
    with shop.app_context():
        accounts.promote(_username(clerk), is_staff=False)
    for path in pages(shop):
        if path != "/admin/login":
            assert clerk.open(path).answer.status_code == 403, path


def test_every_action_needs_a_form_of_this_login(shop: Flask) -> None:
    stranger, clerk, other = shop.test_client(), Browser.of(shop), Browser.of(shop)
    clerk.open("/admin/")
    form = clerk.form("/admin/logout")
    for path in actions(shop):
        if path == "/admin/login":
            continue
        assert stranger.post(path, data=form, headers=OWN).status_code == 303, path
        for wrong in ({}, {"csrf": "x"}, {"csrf": "A" * 88}):
            answer = clerk.http.post(path, data={**form, "csrf": "", **wrong}, headers=OWN)
            assert answer.status_code == 403, (path, wrong)
        assert other.http.post(path, data=form, headers=OWN).status_code == 403, path
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
            answer = clerk.http.post(path, data=form, headers=headers)
            assert answer.status_code == 403, (path, headers)
    # Told by plain HTTP to another machine, where browsers do not say where a request is from.
    done = clerk.http.post("/admin/logout", data=form, headers={"Origin": "http://localhost"})
    assert done.status_code == 303


def test_a_login_is_a_session_that_can_be_ended(shop: Flask) -> None:
    with shop.app_context():
        clerk = make_user("clerk", is_staff=True)
    browser = Browser.of(shop, clerk)
    api = log_in(shop, clerk)
    listed = [one for one in ok(api.get("/me/sessions"))["data"] if not one["current"]]
    assert [one["user_agent"].startswith("Werkzeug") for one in listed] == [True]
    ends = listed[0]["expires_at"]
    assert ends < (clock.now() + timedelta(hours=13)).isoformat()
    assert api.delete(f"/me/sessions/{listed[0]['id']}").status_code == 204
    assert browser.open("/admin/orders/?status=pending").at.startswith("/admin/login?next=")
    browser.send("/admin/login", username="CLERK", password=PASSWORD)
    assert browser.at == "/admin/orders/?status=pending"
    kept = browser.http.get_cookie("bookstore-console", path="/admin")
    assert kept is not None
    assert (kept.http_only, kept.same_site) == (True, "Strict")
    browser.send("/admin/logout")
    assert "You are logged out." in browser.page
    browser.http.set_cookie("bookstore-console", kept.value, path="/admin")
    assert browser.open("/admin/").at.startswith("/admin/login")
    form = {"username": "clerk", "password": PASSWORD}
    safe = shop.test_client().post(
        "/admin/login", data=form, headers=OWN, base_url="https://localhost"
    )
    assert safe.headers["Set-Cookie"].startswith("__Secure-bookstore-console=")
    assert "Secure; HttpOnly; Path=/admin; SameSite=Strict" in safe.headers["Set-Cookie"]
    # Nor does it open the API, which knows tokens of another kind.
    again = Browser.of(shop, clerk).http.get_cookie("bookstore-console", path="/admin")
    assert again is not None
    assert api.with_token(again.value).get("/me").status_code == 401


def test_an_idle_login_ends_and_one_in_use_does_at_the_end_of_the_day(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle, busy, start = Browser.of(shop), Browser.of(shop), clock.now()

    def at(browser: Browser, minutes: int) -> str:
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(minutes=minutes))
        return browser.open("/admin/orders/").at

    assert at(idle, 55) == "/admin/orders/"
    assert at(idle, 116).startswith("/admin/login")
    for minutes in range(55, 12 * 60, 55):
        assert at(busy, minutes) == "/admin/orders/"
    assert at(busy, 12 * 60 + 1).startswith("/admin/login")


def test_what_a_page_asks_by_itself_does_not_keep_a_login_open(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, start = Browser.of(shop), clock.now()
    for minutes in (20, 40, 59):
        monkeypatch.setattr(clock, "now", lambda m=minutes: start + timedelta(minutes=m))
        asked = browser.http.get("/admin/", headers={**OWN, "Bookstore-Refresh": "1"})
        assert (asked.status_code, "Set-Cookie" in asked.headers) == (200, False)
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(minutes=61))
    assert browser.open("/admin/").at.startswith("/admin/login")


def test_addresses_that_are_none_are_no_errors_of_the_shop(shop: Flask) -> None:
    stranger = shop.test_client()
    form = {"username": "clerk", "password": "x"}
    for odd in ("http://[", "http://[x]/"):
        assert stranger.post("/admin/login", data=form, headers={"Origin": odd}).status_code == 403
        sent = stranger.post("/admin/coupons/new", data={}, headers={"Referer": odd})
        assert (sent.status_code, sent.location) == (303, "/admin/login?next=/admin/")


def test_an_address_that_is_too_long_to_lead_to_keeps_nobody_out(shop: Flask) -> None:
    with shop.app_context():
        make_user("clerk", is_staff=True)
    browser = Browser(shop)
    browser.open(f"/admin/stock/?q={'%E2%82%AC' * 500}")
    assert browser.at == "/admin/login?next=/admin/"
    fields = {**browser.form("/admin/login"), "next": "/admin/?" + "a" * 5000}
    fields |= {"username": "clerk", "password": PASSWORD}
    assert browser.post("/admin/login", fields).at == "/admin/"


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        ("/admin/orders/?status=pending", "/admin/orders/?status=pending"),
        ("/admin", "/admin"),
        ("https://evil.example/admin/", "/admin/"),
        ("//evil.example/admin/", "/admin/"),
        ("/admin//evil.example", "/admin/"),
        ("/admin/../checkout", "/admin/"),
        ("/admin/%2E%2e/checkout", "/admin/"),
        ("/admin\\evil.example", "/admin/"),
        ("/administrators", "/admin/"),
        ("javascript:alert(1)", "/admin/"),
        ("/admin/\r\nX: y", "/admin/"),
        ("", "/admin/"),
    ],
)
def test_a_login_leads_nowhere_else(shop: Flask, asked: str, led: str) -> None:
    with shop.app_context():
        make_user("clerk", is_staff=True)
    form = {"username": "clerk", "password": PASSWORD, "next": asked}
    answer = shop.test_client().post("/admin/login", data=form, headers=OWN)
    assert (answer.status_code, answer.location) == (303, led)


def test_refused_logins(shop: Flask) -> None:
    with shop.app_context():
        make_user("reader")
        clerk = make_user("clerk", is_staff=True)
        acting = Actor(clerk.id, "clerk", is_staff=True)
        app = pyotp.TOTP(totp.enrol(acting).secret)
        totp.confirm(acting, app.at(clock.now() - timedelta(seconds=30)))

    def tried(**fields: Any) -> tuple[int, str]:
        browser = Browser(shop).open("/admin/login?next=/admin/orders/")
        browser.send("/admin/login", **fields)
        page = re.sub(r'(csrf|key|nonce|next)"? ?(value)?="[^"]*"', "", browser.page)
        return browser.answer.status_code, page

    unknown, wrong = tried(username="nobody", password="x"), tried(username="clerk", password="x")
    assert unknown[0] == 422
    assert unknown[1].replace("nobody", "clerk") == wrong[1]
    status, page = tried(username="reader", password=PASSWORD)
    assert (status, "Only staff may log in here." in page) == (403, True)
    with shop.app_context():
        reader = accounts.find("reader")
        assert sessions.list_sessions(Actor(reader.id, "reader")) == []
    status, page = tried(username="clerk", password=PASSWORD)
    assert (status, "second factor" in page, PASSWORD in page) == (422, True, False)
    status, page = tried(username="clerk", password=PASSWORD, code=app.at(clock.now()))
    assert (status, "<h1>Orders</h1>" in page) == (200, True)
    foreign = shop.test_client().post(
        "/admin/login",
        data={"username": "clerk", "password": PASSWORD},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert foreign.status_code == 403


def test_staff_click_as_often_as_they_like_and_nobody_else(
    shop: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk = Browser.of(shop)
    Limits(shop, monkeypatch)(burst="3/minute", login="2/minute")
    for _ in range(5):
        assert clerk.open("/admin/orders/").answer.status_code == 200
        assert "RateLimit" not in clerk.answer.headers
    clerk.http.set_cookie("bookstore-console", "guessed", path="/admin")
    answers = [clerk.http.get("/admin/orders/") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 429, 429]
    assert "<h1>Too many requests</h1>" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_logins_are_slowed_down_as_at_the_api(shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(shop, monkeypatch)(login="3/minute")
    wrong = {"username": "clerk", "password": "x"}
    assert Client(shop).post("/auth/token", wrong).status_code == 401
    http = shop.test_client()
    answers = [http.post("/admin/login", data=wrong, headers=OWN) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert answers[-1].mimetype == "text/html"


def test_whoever_comes_by_a_link_in_a_mail_is_still_logged_in(shop: Flask) -> None:
    # The browser keeps a Strict cookie to itself, and asks again from the page that it gets.
    answer = shop.test_client().get(
        "/admin/orders/?status=pending", headers={"Sec-Fetch-Site": "cross-site"}
    )
    page = answer.get_data(as_text=True)
    assert 'content="0; url=/admin/orders/?status=pending"' in page


def _username(browser: Browser) -> str:
    found = re.search(r"Logged in as </span>(\w+)</span>", browser.page)
    assert found is not None
    return found[1]
