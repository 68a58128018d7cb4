"""With a bucket, the daily reports lie there: pods come and go, and their folders with them."""

import re
from datetime import timedelta

import pytest

from bookstore import clock
from bookstore.extensions import settings
from bookstore.gateways import storage
from bookstore.services import daily_reports
from tests.storage.conftest import Kept

NAME = re.compile(r"reports/(sales|books)-(\d{4}-\d\d-\d\d)-[0-9a-f]{32}\.csv")


@pytest.fixture(autouse=True)
def none_yet(kept: Kept) -> None:
    """The bucket is one for all tests."""
    for key in list(kept.store.older("reports/", clock.now() + timedelta(days=1))):
        kept.store.delete(key)


@pytest.mark.parametrize("store_kind", ["s3"])
def test_reports_are_put_there_once(kept: Kept) -> None:
    written = daily_reports.write()
    days = {clock.now().date() - timedelta(days=ago) for ago in range(1, 8)}
    found = [NAME.fullmatch(place) for place in written]
    assert {(one[1], one[2]) for one in found if one} == {
        (name, str(day)) for name in ("sales", "books") for day in days
    }
    assert not (settings().bookstore_home / "reports").exists()
    first = kept.store.read(written[0], 10_000).decode()
    assert first.startswith("day,currency,orders,revenue,")
    assert kept.fetch(kept.bare(written[0])).status_code == 403
    kept.store.delete(written[1])
    assert daily_reports.write() == [written[1]]


@pytest.mark.parametrize("store_kind", ["s3"])
def test_what_others_have_put_there_meanwhile_stays(kept: Kept) -> None:
    """Two workers at once: the second finds it written."""
    [place, *_] = daily_reports.write()
    storage.store(settings()).put(place, b"of another", "text/csv")
    assert kept.store.read(place, 10_000) != b"of another"
