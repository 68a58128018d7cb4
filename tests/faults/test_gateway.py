"""What the gateway does by itself: limits, covers, and what stays inside."""

from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from PIL import Image

from tests.clients import wait_until
from tests.conftest import Apps
from tests.factories import make_book, make_clerk
from tests.gateway import Apart
from tests.pictures import decoded, encoded
from tests.processes import LiveWorker

pytestmark = pytest.mark.faults


def test_a_cover_goes_through_the_gateway(shop: Flask, apart: Apart) -> None:
    with shop.app_context():
        book = make_book().id
    staff = {"Authorization": f"Bearer {make_clerk(shop)}"}
    # Larger than anything else may be.
    image = encoded(Image.effect_noise((1600, 2400), 90), "PNG")
    assert len(image) > 2**21
    wanted = {"content_type": "image/png", "size": len(image)}
    offer = apart.ask("POST", f"/api/v2/books/{book}/cover", wanted, **staff).json()
    assert offer["upload"]["url"].startswith(apart.gateway.url)
    sent = requests.post(
        offer["upload"]["url"],
        data=offer["upload"]["fields"],
        files={"file": image},
        timeout=60,
    )
    assert sent.status_code == 204, sent.text
    path, key = f"/api/v2/books/{book}/cover/complete", {"key": offer["key"]}
    assert apart.ask("POST", path, key, **staff).status_code == 202

    def cover() -> Any:
        return apart.ask("GET", f"/api/v2/books/{book}").json()["cover"]

    with LiveWorker(apart.settings):
        wait_until(lambda: cover() is not None)
    assert cover()["thumbnail_url"].startswith(apart.gateway.url)
    shown = requests.get(cover()["thumbnail_url"], timeout=60)
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/webp")
    assert decoded(shown.content).size == (200, 300)


def test_the_edge_has_limits_of_its_own(
    apps: Apps, shop: Flask, nginx: str, tmp_path: Path, database: str
) -> None:
    with Apart(apps.settings(database, web_workers=1), nginx, tmp_path, rate="1r/s") as apart:
        answers = [apart.ask("GET", "/healthz") for _ in range(80)]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 30
        assert refused[0].headers["Retry-After"] == "2"
        assert refused[0].json()["code"] == "rate_limited"
        assert {answer.status_code for answer in answers} == {200, 429}


def test_the_parts_count_whom_the_gateway_sees(
    apps: Apps, shop: Flask, nginx: str, tmp_path: Path, database: str
) -> None:
    settings = apps.settings(database, web_workers=1, ratelimit_burst="4/hour")
    with Apart(settings, nginx, tmp_path) as apart:
        found = []
        for number, path in enumerate(("books", "cart", "books", "nothing", "books", "cart")):
            # A client that says it is another each time, and somewhere else.
            spoofed = {"X_Forwarded_For": f"203.0.113.{number}", "X_Forwarded_Host": "evil.example"}
            found.append(apart.ask("GET", f"/api/v1/{path}/", **spoofed))
        assert [one.status_code for one in found] == [200, 401, 200, 404, 429, 429]
        assert "evil.example" not in found[0].text
        assert found[-1].json()["detail"].startswith("Request was throttled.")
        # Straight to a part, which only the gateway can: each client has an address.
        direct = requests.get(
            f"{apart.parts['catalog'].url}/api/v2/books",
            headers={"X-Forwarded-For": "203.0.113.77"},
            timeout=20,
        )
        assert direct.headers["RateLimit"].startswith('"burst";r=3;')


def test_what_is_between_the_parts_stays_there(shop: Flask, apart: Apart) -> None:
    token = {"Authorization": f"Bearer {Apart.TOKEN}"}
    odd = apart.ask("GET", "/storage/..%2f..%2fsecret_key")
    assert (odd.status_code, odd.json()["code"]) == (400, "bad_request")
    for path in ("/internal/users/1", "/internal/orders/1", "/metrics"):
        answer = apart.ask("GET", path, **token)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
    for part, shop_of in apart.parts.items():
        direct = requests.get(f"{shop_of.url}/internal/users/999", headers=token, timeout=20)
        # Each has only what is its own.
        told = (direct.status_code, direct.json()["detail"])
        assert told[0] == 404
        assert ("no user 999" in told[1]) == (part == "users")
