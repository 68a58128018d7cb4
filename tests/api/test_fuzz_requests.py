"""What strangers send, in whole requests: never a 5xx, never somebody else's rows or rights."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import given, strategies as st
from werkzeug.test import TestResponse

from tests.api.v2.operations import everything
from tests.clients import ADDRESS, Client, ok
from tests.factories import log_in, make_user
from tests.unit.test_fuzz import header, mutated

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


@pytest.fixture
def clerk(shop: Flask) -> Client:
    return everything(shop)


def fine(answer: TestResponse, *statuses: int) -> None:
    assert answer.status_code in statuses, (answer.status_code, answer.get_data()[:500])
    if answer.status_code >= 400:
        assert answer.get_json(force=True)["code"]


def each(strategy: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Check many values of a strategy."""
    given(strategy)(check)()


def test_authorization(clerk: Client) -> None:
    token = clerk.headers["Authorization"].partition(" ")[2]

    @st.composite
    def others(draw: Any) -> str:
        scheme = draw(st.sampled_from(["Bearer ", "bearer ", "Basic ", "", "Bearer\t"]))
        return scheme + draw(st.one_of(header, st.just(mutated(draw, token))))

    def check(sent: str) -> None:
        sent = _one_line(sent)
        if sent.strip().partition(" ")[2].strip() != token:
            fine(Client(clerk.app).get("/me", Authorization=sent), 401)

    each(others(), check)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_tokens_that_somebody_else_has_made(clerk: Client) -> None:
    head, body, signature = clerk.headers["Authorization"].partition(" ")[2].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    alg = st.sampled_from(["none", "None", "NONE", "HS256", "HS512", "RS256", "ES256", "", 1, None])
    kid = st.sampled_from(["", "../../dev/null", "/dev/null", "' OR 1=1", "http://localhost/k"])
    kept = st.sampled_from(["", signature, "AAAA", part("x")])
    heads = st.fixed_dictionaries({"alg": alg}, optional={"kid": kid, "jku": kid, "typ": kid})
    others = st.fixed_dictionaries(
        {}, optional={"sub": st.sampled_from(["2", "1", 1]), "exp": st.just(10**12)}
    )

    def check(given_: tuple[dict[str, Any], dict[str, Any], str]) -> None:
        shown, changes, sign = given_
        forged = f"{part(shown)}.{part({**claims, **changes})}.{sign}"
        if forged != f"{head}.{body}.{signature}":
            answer = Client(clerk.app).with_token(forged).get("/me")
            fine(answer, 401)

    each(st.tuples(heads, others, kept), check)


def test_cart_tokens(clerk: Client) -> None:
    guest = Client(clerk.app)
    made = guest.post("/cart/items", {"book_id": 2})
    good = made.headers["X-Cart-Token"]
    others = st.one_of(header, st.composite(lambda draw: mutated(draw, good))())

    def check(sent: str) -> None:
        sent = _one_line(sent)
        if sent.strip() != good:
            answer = guest.get("/cart", X_Cart_Token=sent)
            fine(answer, 200)
            assert answer.get_json()["items"] == []

    each(others, check)


CONDITIONS = st.one_of(
    header,
    st.text('"W/*, v1.s-', max_size=30),
    st.sampled_from(['"v1.s9."', '"v99999999999999999999."', '"v\u0661."', "*", '""', "W/*"]),
)


@pytest.mark.parametrize(
    "name", ["If-Match", "If-None-Match", "If-Modified-Since", "Accept", "Accept-Encoding", "Range"]
)
def test_headers_of_a_reader(clerk: Client, name: str) -> None:
    kinds = st.sampled_from(
        [
            "br;q=x",
            "gzip;q=-1",
            "*;q=0, br",
            "bytes=0-",
            "bytes=-1",
            "bytes=9-1",
            "application/json",
        ]
    )

    def check(sent: str) -> None:
        path = "/api/books/1" if name == "Accept" else "/books/1"
        fine(clerk.call("GET", path, **{name: _one_line(sent)}), 200, 206, 304, 406, 412, 416)

    each(st.one_of(CONDITIONS, kinds), check)


def test_no_made_up_tag_changes_a_book(clerk: Client) -> None:
    tag = clerk.get("/books/1").headers["ETag"]

    def check(sent: str) -> None:
        sent = _one_line(sent)
        # A tag without its quotes is taken, too: what counts is the version that it names.
        if "*" not in sent and "v1" not in sent:
            fine(clerk.patch("/books/1", {"title": "Mine"}, If_Match=sent), 412, 428)

    each(CONDITIONS, check)
    assert clerk.get("/books/1").headers["ETag"] == tag


def _one_line(sent: str) -> str:
    return "".join(char for char in sent if ord(char) < 256 and char not in "\r\n")


def test_idempotency_keys(clerk: Client) -> None:
    def check(sent: str) -> None:
        sent = _one_line(sent)
        fine(clerk.post("/ws/tickets", Idempotency_Key=sent), 201)
        fine(
            clerk.post("/me/devices", {"token": "t", "platform": "web"}, Idempotency_Key=sent),
            201,
            422,
        )

    each(header, check)


def test_cursors_show_ones_own_rows_only(clerk: Client) -> None:
    for _ in range(2):
        ok(clerk.post("/cart/items", {"book_id": 2}), 201)
        ok(clerk.post("/orders", {"shipping_address": ADDRESS}), 201)
    good = ok(clerk.get("/orders?limit=1"))["next_cursor"]
    with clerk.app.app_context():
        user = make_user()
    reader = log_in(clerk.app, user)

    @st.composite
    def cursors(draw: Any) -> str:
        return draw(st.one_of(st.just(good), st.just(mutated(draw, good)), st.text()))

    def check(cursor: str) -> None:
        answer = reader.http.get(
            "/api/v2/orders",
            query_string={"cursor": cursor.encode("utf-8", "replace")},
            headers=reader.headers,
        )
        fine(answer, 200, 422)
        assert answer.get_json().get("data", []) == []

    each(cursors(), check)


def test_searches(clerk: Client) -> None:
    words = st.lists(
        st.sampled_from(["book", '"', "*", "NEAR(", "-", "AND", ":", "%", "\\", "'", "^"])
    )
    anything = st.one_of(words.map(" ".join), st.text(st.characters(codec="utf-8"), max_size=80))

    def check(q: str) -> None:
        for path in ("/api/v2/books", "/api/v2/books/suggest", "/api/v1/books/"):
            name = "search" if "v1" in path else "q"
            answer = clerk.http.get(path, query_string={name: q})
            assert answer.status_code in {200, 400, 422}, (path, q, answer.data[:300])

    each(anything, check)


def test_signatures_of_stripe(clerk: Client) -> None:
    event = json.dumps({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {}}})
    pieces = st.lists(
        st.sampled_from(["t=", "v1=", "v0=", "1795", "-1", ",", "0" * 64, "a", "=", " "])
    )
    sent = st.one_of(header, pieces.map("".join))

    def check(given_: tuple[str, bytes]) -> None:
        signature, body = given_
        answer = clerk.post("/payments/stripe/events", body, Stripe_Signature=_one_line(signature))
        fine(answer, 400)

    each(st.tuples(sent, st.one_of(st.binary(), st.just(event.encode()))), check)


def test_forms_for_the_store(clerk: Client) -> None:
    upload = ok(clerk.post("/books/1/cover", {"content_type": "image/png", "size": 5}), 201)[
        "upload"
    ]

    def form(fields: dict[str, str], body: bytes) -> bytes:
        text = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        )
        return (
            text.encode()
            + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            + body
            + b"\r\n--b--\r\n"
        )

    good = form(upload["fields"], b"12345")

    @st.composite
    def others(draw: Any) -> bytes:
        at = draw(st.integers(0, len(good) - 1))
        return good[:at] + draw(st.binary(max_size=6)) + good[at + draw(st.integers(0, 6)) :]

    kinds = st.sampled_from(
        [
            "multipart/form-data; boundary=b",
            "multipart/form-data",
            'multipart/form-data; boundary=""',
            "multipart/form-data; boundary=\xe9",
            "text/plain",
            "multipart/form-data; boundary=" + "b" * 300,
        ]
    )

    def check(given_: tuple[bytes, str]) -> None:
        raw, kind = given_
        answer = clerk.http.post("/storage", data=raw, content_type=kind)
        # A byte of the file itself may be another: that is for the shop to look at later.
        fine(answer, 204, 400, 403, 411, 413, 415, 422)

    each(st.tuples(st.one_of(others(), st.binary()), kinds), check)


def test_bodies(clerk: Client) -> None:
    json_ = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=8,
    )
    body = st.one_of(st.binary(), json_.map(lambda value: json.dumps(value).encode()))

    def check(raw: bytes) -> None:
        for path in ("/auth/register", "/cart/items", "/cart/quote"):
            fine(clerk.post(path, raw, Content_Type="application/json"), 200, 400, 409, 422)
        answer = clerk.call("POST", "/graphql/", raw, Content_Type="application/json")
        assert answer.status_code < 500

    each(body, check)
