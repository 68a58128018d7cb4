"""Rates low enough to be met, and what an answer says of them."""

import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse


class Limits:
    """Changes the rates of a shop for one test."""

    def __init__(self, shop: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shop, self.monkeypatch = shop, monkeypatch

    def __call__(self, **rates: str) -> None:
        """Set burst, sustained or login; what is not named stays as it is."""
        changes: Any = {f"ratelimit_{name}": rate for name, rate in rates.items()}
        changed = replace(self.shop.config["SETTINGS"], **changes)
        self.monkeypatch.setitem(self.shop.config, "SETTINGS", changed)


def left(answer: TestResponse) -> tuple[str, int]:
    """Return the policy that ``RateLimit`` names, and how many are left of it."""
    found = re.fullmatch(r'"([a-z-]+)";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    assert found, answer.headers["RateLimit"]
    assert int(found[3]) >= 1
    return found[1], int(found[2])
