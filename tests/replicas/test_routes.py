"""Each route that may read from the replica can, and asks the primary who it is for, no more."""

from pathlib import Path

from flask import Flask

from bookstore.blueprints.freshness import PRIMARY
from tests.api.v2.operations import everything, operations
from tests.factories import new_book
from tests.replicas.asking import asked, caught_up

# What is made of nothing in the database, or is asked of Redis alone.
ELSEWHERE = {"GET /webhooks/event-types"}


def test_every_list_entry_is_a_route(shop: Flask) -> None:
    methods = {rule.endpoint: rule.methods or set() for rule in shop.url_map.iter_rules()}
    assert all("GET" in methods.get(endpoint, ()) for endpoint in PRIMARY)


def test_every_route(shop: Flask) -> None:
    clerk = everything(shop)
    caught_up(shop)
    adapter = shop.url_map.bind("")
    odd: dict[str, object] = {}
    for one in [one for one in operations(shop) if one.method == "GET"]:
        endpoint = str(adapter.match(f"/api/v2{one.url()}")[0])
        with asked(shop) as statements:
            answer = one.call(clerk, query="?q=Fiction" if "suggest" in one.path else "")
        alone = [text for text in statements["primary"] if "FROM users JOIN login" not in text]
        if answer.status_code >= 500 or endpoint == "live.stream":
            odd[one.name] = answer.status_code
        elif endpoint in PRIMARY:
            assert statements["replica"] == [], one.name
        elif alone or not (statements["replica"] or one.name in ELSEWHERE):
            odd[one.name] = alone
    # Without a server that hands sockets over there are none.
    assert odd == {"GET /orders/{order_id}/stream": 501}


def test_reports_and_exports_of_the_command_line(shop: Flask, tmp_path: Path) -> None:
    new_book(shop, title="Exported")
    caught_up(shop)
    runner = shop.test_cli_runner()
    with asked(shop) as statements:
        assert runner.invoke(args=["reports", "sales"]).exit_code == 0
        written = runner.invoke(args=["catalog", "export", str(tmp_path / "books.csv")])
        assert written.exit_code == 0, written.output
    assert statements["primary"] == []
    assert "Exported" in (tmp_path / "books.csv").read_text()
    with asked(shop) as statements:
        assert runner.invoke(args=["users", "promote", "nobody", "--staff"]).exit_code != 0
    assert statements["replica"] == []
