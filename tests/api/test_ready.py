"""Answers that are ready: the same as the app's, to the byte, and never another's or an old one."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import update

from bookstore import clock
from bookstore.models import LoginSession, User
from bookstore.services import catalog, catalog_editing
from bookstore.services.actors import SYSTEM
from bookstore.unit_of_work import unit_of_work
from tests.api.ready import Twice, app_asked
from tests.clients import Client, ok, problem, statements
from tests.factories import log_in, make_user, reader_and_clerk
from tests.limiting import Limits


@pytest.fixture
def twice(shop: Flask, book_ids: list[int], caplog: pytest.LogCaptureFixture) -> Twice:
    return Twice(shop, caplog)


@pytest.fixture
def changed(shop: Flask) -> Iterator[Flask]:
    """The shop, whose settings a test changes."""
    before = shop.config["SETTINGS"]
    yield shop
    shop.config["SETTINGS"] = before


@pytest.mark.parametrize(
    "path",
    [
        "/books",
        "/books?limit=2&sort=price",
        "/books?sort=price&limit=2",
        "/books?sort=pric%65&count=true",
        "/books/bestsellers",
        "/books/{book}",
        "/books/{book}?view=mobile",
        "/authors?limit=3",
        "/authors/{author}",
        "/categories",
        "/publishers",
        "/api/books",
        "/api/v1/books/",
        "/api/v1/books/?page=2&page_size=3",
        "/api/v1/books/available/",
        "/api/v1/books/bestsellers/",
        "/api/v1/books/{book}/",
        "/api/v1/authors/",
        "/api/v1/authors/{author}/",
        "/api/v1/categories/",
        "/api/v1/publishers/",
    ],
)
def test_every_route(twice: Twice, book_ids: list[int], path: str) -> None:
    with twice.shop.app_context():
        author = catalog.get_book(book_ids[0])["author"]["id"]
    path = path.format(book=book_ids[0], author=author)
    answer = twice(path)
    assert answer.status_code == 200
    tag = answer.headers["ETag"]
    assert twice(path, If_None_Match=tag).status_code == 304
    assert twice(path, "HEAD").data == b""


@pytest.mark.parametrize("accepted", ["br", "gzip", "gzip;q=0.1, br;q=0", "identity", "*", "x;q=9"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_encoding(twice: Twice, accepted: str, method: str) -> None:
    answer = twice("/books", method, Accept_Encoding=accepted)
    tag = answer.headers["ETag"]
    for wanted in (
        tag,
        f'"other", {tag}',
        f"W/{tag}",
        "*",
        f"W/{tag}, W/{tag}",
    ):
        same = twice("/books", method, Accept_Encoding=accepted, If_None_Match=wanted)
        assert same.status_code == 304, wanted
    for wanted in ('"other"', "", tag.strip('"') + "x", '"', ",,"):
        other = twice("/books", method, Accept_Encoding=accepted, If_None_Match=wanted)
        assert other.status_code == 200, wanted


def test_what_a_304_has_left_is_ready_for_who_has_nothing(twice: Twice) -> None:
    whole = twice.client.get("/books", Accept_Encoding="br")
    twice.forget()
    tag = whole.headers["ETag"]
    assert twice.client.get("/books", Accept_Encoding="br", If_None_Match=tag).status_code == 304
    with app_asked(twice.shop) as asked:
        again = twice.client.get("/books", Accept_Encoding="br")
    assert not asked
    assert again.data == whole.data
    assert again.headers["Content-Encoding"] == "br"


def test_versions_by_accept(twice: Twice) -> None:
    for accept in ("application/json; version=v1", "application/vnd.bookstore.v2+json", "*/*"):
        answer = twice("/api/books", Accept=accept)
        assert "Accept" in answer.headers["Vary"]
        assert ("Deprecation" in answer.headers) == ("v1" in accept)
    assert "Accept" not in twice("/books").headers["Vary"].split(", ")


def test_links_of_v1_name_the_host_that_was_asked(twice: Twice) -> None:
    path = "/api/v1/books/?page_size=3"
    for host in ("a.example", "b.example:8000"):
        answer = twice(path, Host=host)
        assert answer.json["next"].startswith(f"http://{host}/api/v1/books/?")


def test_origins(twice: Twice, changed: Flask) -> None:
    known = "https://app.example.com"
    changed.config["SETTINGS"] = replace(changed.config["SETTINGS"], cors_origins=known)
    for origin in (known, "https://evil.example", known):
        answer = twice("/books", Origin=origin)
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        assert allowed == (known if origin == known else None)
        assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Origin" not in twice("/books").headers


def test_https(changed: Flask, twice: Twice) -> None:
    changed.config["SETTINGS"] = replace(changed.config["SETTINGS"], force_https=True)
    for _ in range(2):
        assert twice.client.get("/books").status_code == 308
    answers = [
        twice.client.http.get("/api/v2/books", base_url="https://localhost") for _ in range(2)
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert "Strict-Transport-Security" in answer.headers
    assert answers[0].data == answers[1].data


def test_an_id_is_made_or_kept(twice: Twice) -> None:
    twice("/books", X_Request_ID="given-by-the-client")
    ids = {twice.client.get("/books").headers["X-Request-ID"] for _ in range(3)}
    ids.add(twice.client.get("/books", X_Request_ID="no id, with spaces").headers["X-Request-ID"])
    assert len(ids) == 4
    assert all(len(one) == 16 for one in ids)


def test_limits_count_both_ways_alike(twice: Twice, monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(twice.shop, monkeypatch)(burst="4/minute", sustained="100/day")
    left = []
    for path in ("/books", "/books", "/authors", "/books"):
        answer = twice.client.get(path)
        assert answer.status_code == 200
        left.append(answer.headers["RateLimit"].partition(";t=")[0])
    assert left == ['"burst";r=3', '"burst";r=2', '"burst";r=1', '"burst";r=0']
    refused = [twice.client.get("/books") for _ in range(2)]
    for answer in refused:
        problem(answer, 429, "rate_limited")
        assert 0 < int(answer.headers["Retry-After"]) <= 61
        assert answer.headers["RateLimit"].startswith('"burst";r=0;')


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Bearer x"},
        {"X-API-Key": "x"},
        {"Range": "bytes=0-1"},
        {"If-Match": "*"},
        {"If-Modified-Since": "Fri, 27 Nov 2026 00:00:00 GMT"},
    ],
)
def test_what_is_unusual_goes_to_the_app(twice: Twice, header: dict[str, str]) -> None:
    twice("/books")
    with app_asked(twice.shop) as asked:
        twice.client.http.get("/api/v2/books", headers=header)
        twice.client.call("OPTIONS", "/books")
        twice.client.call("GET", "/books", {})
        twice.client.get(f"/books?cursor={'x' * 600}")
    assert len(asked) == 4


def test_staff_and_guests_see_their_own(shop: Flask, book_ids: list[int]) -> None:
    path = f"/books/{book_ids[0]}"
    reader, clerk = reader_and_clerk(shop)
    guest = Client(shop)
    for _ in range(2):
        for one, sees in ((clerk, True), (guest, False), (reader, False)):
            answer = one.get(path)
            assert ("stock" in ok(answer)) == sees
            assert answer.headers["Cache-Control"].startswith("public" if one is guest else "priv")
            assert ("stock" in ok(one.get("/books"))["data"][0]) == sees


def test_who_is_signed_in_gets_what_is_ready(twice: Twice) -> None:
    with twice.shop.app_context():
        reader = log_in(twice.shop, make_user())
    guest, twice.client = twice.client, reader
    for path in ("/books", "/categories"):
        mine = twice(path)
        assert mine.headers["Cache-Control"] == "private, no-store"
        tag = mine.headers["ETag"]
        assert twice(path, If_None_Match=tag).status_code == 304
        with app_asked(twice.shop) as asked:
            others = guest.get(path)
        # What was made for one is ready for the other.
        assert (asked, others.data) == ([], guest.get(path).data)
        assert others.headers["Cache-Control"] == "public, no-cache"


def test_who_is_signed_in_is_counted_and_may_be_signed_out(
    twice: Twice, monkeypatch: pytest.MonkeyPatch
) -> None:
    with twice.shop.app_context():
        users = [make_user(), make_user()]
        reader, premium = (log_in(twice.shop, user) for user in users)
        with unit_of_work() as session:
            session.execute(update(User).where(User.id == users[1].id).values(is_premium=True))
    Limits(twice.shop, monkeypatch)(burst="3/minute", sustained="100/day")
    twice.seen("GET", "/books", {})
    with app_asked(twice.shop) as asked:
        left = [reader.get("/books").headers["RateLimit"].partition(";t=")[0] for _ in range(3)]
    assert (asked, left) == ([], ['"burst";r=2', '"burst";r=1', '"burst";r=0'])
    problem(reader.get("/books"), 429, "rate_limited")
    ok(twice.client.get("/books"))  # a guest at the same address
    assert all("RateLimit" not in premium.get("/books").headers for _ in range(5))
    Limits(twice.shop, monkeypatch)(burst="100/minute", sustained="100/day")
    ok(reader.get("/books"))
    with twice.shop.app_context(), unit_of_work() as session:
        session.execute(update(LoginSession).values(revoked_at=clock.now()))
    with app_asked(twice.shop) as asked, statements(twice.shop) as seen:
        problem(reader.get("/books"), 401, "token_revoked")
    assert asked == ["/api/v2/books"]
    assert len(seen) == 1  # who asks is not looked up once more by the app


def test_a_writer_never_reads_what_was_before(shop: Flask, book_ids: list[int]) -> None:
    client = Client(shop)
    for price in (1111, 2222, 3333):
        with shop.app_context():
            catalog_editing.update_book(SYSTEM, book_ids[0], {"price": price})
        for accepted in ("br", "", "br"):
            shown = ok(client.get(f"/books/{book_ids[0]}?fields=price", Accept_Encoding=accepted))
            assert shown["price"] == f"{price / 100:.2f}"


def test_a_commit_in_the_middle_is_not_overlooked(
    shop: Flask, book_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, real = Client(shop), catalog.get_book

    def read_then_another_writes(book_id: int) -> object:
        found = real(book_id)
        monkeypatch.setattr(catalog, "get_book", real)
        writer = threading.Thread(target=write)
        writer.start()
        writer.join()
        return found

    def write() -> None:
        with shop.app_context():
            catalog_editing.update_book(SYSTEM, book_ids[0], {"price": 4242})

    monkeypatch.setattr(catalog, "get_book", read_then_another_writes)
    path = f"/books/{book_ids[0]}"
    assert ok(client.get(path))["price"] == "19.99"
    assert ok(client.get(path))["price"] == "42.42"


def test_guests_alone_are_counted_at_their_address(shop: Flask, book_ids: list[int]) -> None:
    with shop.app_context():
        user = log_in(shop, make_user())
    assert "RateLimit" in user.get("/books").headers
    assert "RateLimit" in Client(shop).get("/books", X_Cart_Token="x").headers


def test_the_date_is_the_servers_to_say(client: Client, book_ids: list[int]) -> None:
    tag = client.get("/books").headers["ETag"]
    for headers in ({}, {"If_None_Match": tag}, {"If_None_Match": '"another"'}):
        assert "Date" not in client.get("/books", **headers).headers
