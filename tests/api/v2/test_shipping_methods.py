"""Ways to send orders: kept by staff, read by everybody."""

from typing import Any

from tests.clients import Client, ok, problem

PATH = "/shipping-methods"


def make(clerk: Client, code: str = "pigeon", **more: Any) -> dict[str, Any]:
    """Make a method over HTTP."""
    body = {"code": code, "name": code.title(), "price": "1.00", **more}
    return dict(ok(clerk.post(PATH, body), 201))


def codes(client: Client, query: str = "") -> list[str]:
    """Return what is listed."""
    return [row["code"] for row in ok(client.get(f"{PATH}{query}"))["data"]]


def test_a_new_shop_has_some(client: Client) -> None:
    found = ok(client.get(PATH))["data"]
    assert [row["code"] for row in found] == ["standard", "express", "economy"]
    assert all(row["countries"] == [] and row["is_active"] for row in found)
    assert found[2]["kind"] == "weight"
    assert (found[2]["price"], found[2]["price_per_kg"]) == ("2.99", "1.50")
    assert (found[2]["free_over"], found[2]["days"]) == ("100.00", {"min": 7, "max": 14})


def test_made_read_changed_removed(client: Client, clerk: Client) -> None:
    given = {
        "code": "van-1", "name": " By van ", "countries": ["GB", "FR", "GB"], "kind": "weight",
        "price": "3.5", "price_per_kg": "0.50", "free_over": "50", "days": {"min": 1, "max": 3},
        "position": 7, "is_active": True,
    }  # fmt: skip
    answer = clerk.post(PATH, given)
    made = ok(answer, 201)
    path = f"{PATH}/{made['id']}"
    assert answer.headers["Location"] == f"/api/v2{path}"
    expected = {
        **given, "name": "By van", "countries": ["FR", "GB"], "price": "3.50", "version": 1,
        "free_over": "50.00",
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected
    read = client.get(path)
    assert ok(read) == made
    assert read.headers["ETag"] == answer.headers["ETag"]
    assert client.get(path, If_None_Match=read.headers["ETag"]).status_code == 304
    changes = {"countries": ["DE"], "free_over": None, "days": {"min": 0, "max": 0}}
    changed = clerk.patch(path, changes, If_Match=read.headers["ETag"])
    assert ok(changed) == ok(client.get(path))
    assert {**ok(changed), "updated_at": ""} == {**made, **changes, "version": 2, "updated_at": ""}
    assert ok(clerk.patch(path, {"countries": []}, If_Match="*"))["countries"] == []
    problem(clerk.patch(path, {"name": "x"}), 428, "precondition_required")
    stale = {"If_Match": read.headers["ETag"]}
    problem(clerk.patch(path, {"name": "x"}, **stale), 412, "precondition_failed")
    problem(clerk.delete(path, **stale), 412, "precondition_failed")
    assert clerk.delete(path).status_code == 204
    for gone in (client.get(path), clerk.delete(path), clerk.patch(path, {}, If_Match="*")):
        problem(gone, 404, "not_found")
    # Its countries are free again.
    make(clerk, "van-1", countries=["DE"])


def test_only_staff_writes(client: Client, reader: Client, clerk: Client) -> None:
    made = make(clerk)
    for asking, status, code in ((client, 401, "unauthenticated"), (reader, 403, "forbidden")):
        problem(asking.post(PATH, {"code": "x", "name": "x", "price": "1"}), status, code)
        problem(asking.patch(f"{PATH}/{made['id']}", {}, If_Match="*"), status, code)
        problem(asking.delete(f"{PATH}/{made['id']}"), status, code)


def test_what_is_switched_off_is_for_staff(client: Client, reader: Client, clerk: Client) -> None:
    path = f"{PATH}/{make(clerk, is_active=False)['id']}"
    for asking in (client, reader):
        assert "pigeon" not in codes(asking)
        assert "pigeon" not in codes(asking, "?country=GB")
        problem(asking.get(path), 404, "not_found")
        problem(asking.get(f"{PATH}?all=true"), 403, "forbidden")
    assert "pigeon" not in codes(clerk)
    for query in ("?all=true", "?all=true&country=GB"):
        assert "pigeon" in codes(clerk, query)
    ok(clerk.get(path))
    ok(clerk.patch(path, {"is_active": True}, If_Match="*"))
    assert "pigeon" in codes(client)


def test_one_row_a_code_for_each_country(client: Client, clerk: Client) -> None:
    abroad = make(clerk, countries=["FR", "DE"], price="9.00", position=9)
    elsewhere = make(clerk, price="1.00", position=9)
    home = make(clerk, countries=["GB"], price="2.00")
    rest = ["standard", "express", "economy"]
    for country, found in (("FR", abroad), ("DE", abroad), ("GB", home), ("US", elsewhere)):
        data = ok(client.get(f"{PATH}?country={country}&count=true"))
        assert data["total"] == 4
        assert [row["id"] for row in data["data"] if row["code"] == "pigeon"] == [found["id"]]
    # In the shop's order, wherever the row is for.
    assert codes(client, "?country=GB") == ["standard", "pigeon", *rest[1:]]
    assert codes(client, "?country=US") == [*rest, "pigeon"]
    # One that is switched off still names its countries: nobody falls through to the other.
    ok(clerk.patch(f"{PATH}/{abroad['id']}", {"is_active": False}, If_Match="*"))
    assert codes(client, "?country=FR") == rest
    assert clerk.delete(f"{PATH}/{abroad['id']}").status_code == 204
    assert codes(client, "?country=FR") == [*rest, "pigeon"]


def test_a_country_has_one_row_of_a_code(clerk: Client) -> None:
    first = make(clerk, countries=["FR", "DE"])
    second = make(clerk, countries=["GB"])
    third = make(clerk)
    other = make(clerk, "van", countries=["FR"])
    body = {"code": "pigeon", "name": "x", "price": "1"}
    for countries in (["DE"], ["US", "FR"], [], None):
        sent = body if countries is None else {**body, "countries": countries}
        problem(clerk.post(PATH, sent), 409, "shipping_zone_taken")
    for row, changes in (
        (second, {"countries": ["GB", "DE"]}),
        (second, {"countries": []}),
        (third, {"countries": ["DE"]}),
        (other, {"code": "pigeon"}),
    ):
        path = f"{PATH}/{row['id']}"
        problem(clerk.patch(path, changes, If_Match="*"), 409, "shipping_zone_taken")
        assert ok(clerk.get(path)) == row
    ok(clerk.patch(f"{PATH}/{first['id']}", {"countries": ["DE"]}, If_Match="*"))
    ok(clerk.patch(f"{PATH}/{second['id']}", {"countries": ["GB", "FR"]}, If_Match="*"))
    assert ok(clerk.patch(f"{PATH}/{other['id']}", {"code": "van-2"}, If_Match="*"))["version"] == 2
    make(clerk, "van", countries=["FR"])


def test_pages(client: Client, clerk: Client) -> None:
    for number in range(4):
        make(clerk, f"p{number}", position=1)
    found: list[str] = []
    path = f"{PATH}?limit=2&country=GB"
    while path:
        answer = client.get(path)
        found += [row["code"] for row in ok(answer)["data"]]
        cursor = answer.get_json()["next_cursor"]
        path = f"{PATH}?limit=2&country=GB&cursor={cursor}" if cursor else ""
    assert found == ["standard", "express", "p0", "p1", "p2", "p3", "economy"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"code": "Van"}, "code"),
    ({"code": ""}, "code"),
    ({"code": "-x"}, "code"),
    ({"code": "a b"}, "code"),
    ({"code": "van\n"}, "code"),
    ({"code": "x" * 51}, "code"),
    ({"name": "  "}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"countries": "GB"}, "countries"),
    ({"countries": ["gb"]}, "countries.0"),
    ({"countries": ["FR", "GBR"]}, "countries.1"),
    ({"countries": ["FR", "UK"]}, "countries.1"),
    ({"countries": [""]}, "countries.0"),
    ({"countries": [None]}, "countries.0"),
    ({"countries": ["GB"] * 301}, "countries"),
    ({"countries": None}, "countries"),
    ({"kind": "by-mood"}, "kind"),
    ({"price": 1}, "price"),
    ({"price": "-1"}, "price"),
    ({"price": "1.001"}, "price"),
    ({"price": "1000001"}, "price"),
    ({"price_per_kg": "free"}, "price_per_kg"),
    ({"price_per_kg": None}, "price_per_kg"),
    ({"free_over": "-0.01"}, "free_over"),
    ({"free_over": 10}, "free_over"),
    ({"days": [1, 2]}, "days"),
    ({"days": None}, "days"),
    ({"days": {"min": 1}}, "days.max"),
    ({"days": {"min": 3, "max": 2}}, "days.max"),
    ({"days": {"min": -1, "max": 2}}, "days.min"),
    ({"days": {"min": 1, "max": 366}}, "days.max"),
    ({"days": {"min": 1, "max": 2, "mean": 1}}, "days.mean"),
    ({"position": -1}, "position"),
    ({"position": 1.0}, "position"),
    ({"is_active": "yes"}, "is_active"),
    ({"is_active": None}, "is_active"),
    ({"version": 2}, "version"),
]


def test_bad_input_names_the_field(clerk: Client) -> None:
    path = f"{PATH}/{make(clerk)['id']}"
    good = {"code": "van", "name": "Van", "price": "1.00"}
    for changes, field in BAD:
        for refused in (
            clerk.post(PATH, {**good, **changes}),
            clerk.patch(path, changes, If_Match="*"),
        ):
            body = problem(refused, 422, "validation_failed")
            assert list(body["errors"]) == [field], (changes, body)
    for missing in good:
        body = problem(
            clerk.post(PATH, {k: v for k, v in good.items() if k != missing}),
            422,
            "validation_failed",
        )
        assert list(body["errors"]) == [missing]
    for query in ("country=gb", "country=", "country=UK", "all=maybe", "cursor=x", "code=x"):
        body = problem(clerk.get(f"{PATH}?{query}"), 422, "validation_failed")
        assert list(body["errors"]) == [query.partition("=")[0]]
