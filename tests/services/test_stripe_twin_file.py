"""The stand-in's file: shared by processes, outlives them, and holds no card number."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bookstore.config import Settings
from bookstore.gateways import stripe_twin
from bookstore.gateways.payments import Payments
from tests.services.twins import event_types, new_intent, secret_of, twin, twin_settings

GOOD = "4242424242424242"
CREATED = "payment_intent.created"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return twin_settings(tmp_path)


@pytest.fixture
def shop(settings: Settings) -> Payments:
    return twin(settings)


def test_no_number_is_kept(settings: Settings, shop: Payments) -> None:
    intent = new_intent(shop)
    for number in ("4111111111111111", GOOD):
        stripe_twin.confirm(settings, secret_of(intent), number)
    # An open reader: without one, SQLite takes the -wal and -shm files away whenever
    # the last connection happens to be collected.
    with closing(sqlite3.connect(settings.bookstore_home / "stripe.sqlite3")) as reader:
        assert reader.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        files = list(settings.bookstore_home.glob("stripe.sqlite3*"))
        assert files
        for file in files:
            held = file.read_bytes()
            assert b"4111111111111111" not in held
            assert b"4242424242424242" not in held


def test_it_is_shared_by_processes_and_survives_them(settings: Settings, shop: Payments) -> None:
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from tests.services.twins import new_intent, twin, twin_settings
shop = twin(twin_settings(Path({str(settings.bookstore_home)!r})))
for number in range(8):
    print(new_intent(shop, key=f"pay{{number}}").id)
import os; os.kill(os.getpid(), 9)
"""
    command = [sys.executable, "-u", "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate(timeout=60)[0].split() for process in running)
    # The same keys in both: the same intents, whoever was first.
    assert len(set(first)) == 8
    assert first == second
    assert [shop.retrieve_intent(one).status for one in first] == ["requires_payment_method"] * 8
    assert event_types(settings) == [CREATED] * 8
