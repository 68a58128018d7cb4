"""/internal: the door between the shop's parts, and who may come in."""

from dataclasses import replace
from typing import Any

import pytest
import requests
from flask import Flask

from tests.clients import LiveShop
from tests.conftest import Apps
from tests.factories import make_user

TOKEN = "a service token that is long enough to be one"

pytestmark = pytest.mark.parametrize("database", ["sqlite"])


def test_only_who_has_the_token_comes_in(apps: Apps, app: Flask, database: str) -> None:
    user = make_user()
    with LiveShop(apps.settings(database, web_workers=1, service_token=TOKEN)) as running:
        for header in (None, "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"):
            sent = {} if header is None else {"Authorization": header.encode()}
            answer = requests.get(
                f"{running.url}/internal/users/{user.id}", headers=sent, timeout=20
            )
            assert answer.status_code == 401, header
        token = running.register("someone")
        mine = {"Authorization": f"Bearer {token}"}
        url = f"{running.url}/internal/users/{user.id}"
        assert requests.get(url, headers=mine, timeout=20).status_code == 401


def test_without_a_token_nobody_does(shop: Flask) -> None:
    for sent in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        answer = shop.test_client().get("/internal/users/1", headers=sent)
        assert answer.status_code == 401


@pytest.mark.parametrize("ids", ["", "a", "1,", "1,,2", "-1", "1" * 19, ",".join(["1"] * 201)])
def test_bad_ids_are_named(shop: Flask, monkeypatch: Any, ids: str) -> None:
    changed = replace(shop.config["SETTINGS"], service_token=TOKEN)
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    answer = shop.test_client().get(
        f"/internal/books?ids={ids}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    assert answer.status_code == 422
    assert list(answer.get_json()["errors"]) == ["ids"]
