"""One count for all processes; and headers that nobody but a proxy of ours may send."""

import re

import pytest
import requests
from flask import Flask

from tests.clients import LiveShop, at_once
from tests.conftest import Apps
from tests.factories import make_book

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("database", ["sqlite"])]


def test_processes_share_one_count(apps: Apps, shop: Flask, database: str) -> None:
    settings = apps.settings(database, web_workers=4, web_threads=4, ratelimit_burst="20/hour")
    with LiveShop(settings) as live:
        # Each on a connection of its own, and with another address as it claims.
        def ask(number: int) -> requests.Response:
            spoofed = {
                "X_Forwarded_For": f"203.0.113.{number}",
                "X_Forwarded_Proto": "https",
            }
            return live.call("GET", "/books", **spoofed)

        answers = at_once([lambda n=n: ask(n) for n in range(60)], threads=16)  # type: ignore[misc]
        assert sorted(one.status_code for one in answers) == [200] * 20 + [429] * 40
        left = [
            int(re.findall(r"r=(\d+)", one.headers["RateLimit"])[0])
            for one in answers
            if one.status_code == 200
        ]
        assert sorted(left) == list(range(20))
        # gunicorn believes this machine no more than others.
        page = requests.get(
            f"{live.url}/api/v1/books/?page=2",
            headers={"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"},
            timeout=10,
        )
        assert page.status_code == 429
        assert requests.get(f"{live.url}/healthz", timeout=10).ok


def test_nobody_says_by_a_header_that_it_is_https(apps: Apps, shop: Flask, database: str) -> None:
    with shop.app_context():
        for _ in range(2):
            make_book()
    with LiveShop(apps.settings(database, web_workers=1, web_threads=2)) as live:
        for spoofed in ({"X-Forwarded-Proto": "https"}, {"X-Forwarded-Ssl": "on"}):
            url = f"{live.url}/api/v1/books/?page=1&page_size=1"
            found = requests.get(url, headers=spoofed, timeout=10)
            assert found.json()["next"].startswith(f"{live.url}/")
