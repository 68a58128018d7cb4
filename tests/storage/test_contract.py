"""What both stores promise: the folder of the shop and a bucket of a real S3 server."""

import base64
import json
import secrets
from datetime import timedelta

import pytest
import requests

from bookstore import clock
from bookstore.gateways.storage import IMMUTABLE, BadKey, NotStored, TooLarge
from tests.clients import wait_until
from tests.storage.conftest import Kept

pytestmark = pytest.mark.parametrize("database", ["sqlite"])
DATA = b"twelve bytes"
TYPE = "image/png"


@pytest.fixture
def key() -> str:
    return f"incoming/1/{secrets.token_urlsafe(18)}"


def test_a_file_comes_by_its_form(kept: Kept, key: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    assert kept.store.size(key) is None
    assert kept.send(form, DATA) == 204
    assert kept.store.size(key) == len(DATA)
    assert kept.store.read(key, len(DATA)) == DATA
    soon = clock.now() + timedelta(seconds=60)
    assert soon - timedelta(seconds=5) < form.expires_at <= soon


@pytest.mark.parametrize(
    ("data", "changes", "status"),
    [
        (DATA, {"Content_Type": "text/html"}, 403),
        (DATA, {"Content_Type": "image/jpeg"}, 403),
        (DATA, {"key": "incoming/2/other"}, 403),
        (DATA, {"key": "covers/aaaaaaaaaaaaaaaaaaaaaaaaaa.webp"}, 403),
        (DATA, {"x_amz_signature": "0" * 64}, 403),
        (DATA, {"x_amz_signature": "é"}, 403),
        (DATA, {"x_amz_date": "20200101T000000Z"}, 403),
        (DATA, {"x_amz_credential": "somebody/20261127/us-east-1/s3/aws4_request"}, 403),
        (DATA + b"!", {}, 400),
        (DATA * 1000, {}, 400),
        (DATA[:-1], {}, 400),
        (b"", {}, 400),
    ],
)
def test_nothing_else_comes_by_it(
    kept: Kept, key: str, data: bytes, changes: dict[str, str], status: int
) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    assert kept.send(form, data, **changes) == status
    assert kept.store.size(key) is None
    assert kept.send(form, DATA) == 204


@pytest.mark.parametrize(
    "other", ["../../secret_key", "/etc/passwd", "incoming/1/../../x", "", "."]
)
def test_no_form_leads_elsewhere(kept: Kept, key: str, other: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    assert kept.send(form, DATA, key=other) in {400, 403}
    assert kept.store.size(key) is None


def test_a_policy_of_ones_own_is_none(kept: Kept, key: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    policy["conditions"] = [
        ["content-length-range", 0, 10**9] if isinstance(one, list) else one
        for one in policy["conditions"]
    ]
    forged = base64.b64encode(json.dumps(policy).encode()).decode()
    assert kept.send(form, DATA * 1000, policy=forged) == 403
    assert kept.send(form, DATA, policy="!") == 403
    assert kept.store.size(key) is None


@pytest.mark.parametrize("without", ["policy", "x_amz_signature", "x_amz_credential", "key"])
def test_nothing_may_be_left_out(kept: Kept, key: str, without: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    assert kept.send(form, DATA, **{without: None}) in {400, 403}
    assert kept.store.size(key) is None


def test_a_form_is_good_for_its_time(kept: Kept, key: str) -> None:
    old = kept.store.form(key, TYPE, len(DATA), -1)
    assert kept.send(old, DATA) == 403
    assert kept.store.size(key) is None


def test_a_form_may_be_used_again_while_it_is_good(kept: Kept, key: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    assert kept.send(form, DATA) == 204
    assert kept.send(form, b"TWELVE BYTES") == 204
    assert kept.store.read(key, 100) == b"TWELVE BYTES"


def test_nobody_writes_reads_or_lists_without_the_shop(kept: Kept, key: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    assert kept.send(form, DATA) == 204
    here = kept.bare(key)
    # Refused in words that differ: by the bucket, and by routes that there are not.
    refused = {401, 403, 404, 405}
    for method in ("GET", "HEAD", "PUT", "POST", "DELETE"):
        assert requests.request(method, here, data=b"x" * 12, timeout=20).status_code in refused
    for place in (form.url, f"{form.url}/", f"{form.url}?list-type=2", here.rpartition("/")[0]):
        assert requests.get(place, timeout=20).status_code in refused, place
    signed = kept.store.signed_url(key, 60)
    signed = signed if "://" in signed else f"{kept.url}{signed}"
    # A link to read is none to write.
    assert requests.put(signed, data=b"x" * 12, timeout=20).status_code in refused
    assert requests.delete(signed, timeout=20).status_code in refused
    assert kept.store.read(key, 100) == DATA


def test_a_file_cannot_be_made_public(kept: Kept, key: str) -> None:
    form = kept.store.form(key, TYPE, len(DATA), 60)
    # S3 refuses a field that the policy does not name; SeaweedFS passes over it.
    assert kept.send(form, DATA, acl="public-read") in {204, 403}
    assert requests.get(kept.bare(key), timeout=20).status_code in {403, 404}


def test_a_link_reads_one_file_for_its_time(kept: Kept) -> None:
    one, other = (f"covers/{secrets.token_hex(13)}.webp" for _ in range(2))
    for key in (one, other):
        kept.store.put(key, key.encode(), "image/webp")
    link = kept.store.signed_url(one, 60)
    answer = kept.fetch(link)
    assert (answer.status_code, answer.content) == (200, one.encode())
    assert answer.headers["Content-Type"] == "image/webp"
    assert answer.headers["Cache-Control"] == IMMUTABLE
    etag = answer.headers["ETag"]
    again = requests.get(answer.url, headers={"If-None-Match": etag}, timeout=20)
    assert again.status_code == 304
    assert kept.fetch(link.replace(one, other)).status_code == 403
    assert kept.fetch(f"{link[:-4]}0000").status_code == 403
    gone = kept.store.signed_url(f"covers/{'a' * 26}.webp", 60)
    assert kept.fetch(gone).status_code == 404
    short = kept.store.signed_url(one, 1)
    wait_until(lambda: kept.fetch(short).status_code == 403, 10)


def test_what_is_kept_stays_what_it_is(kept: Kept) -> None:
    key = f"covers/{secrets.token_hex(13)}.webp"
    kept.store.put(key, b"first", "image/webp")
    kept.store.put(key, b"other", "image/webp")
    assert kept.store.read(key, 100) == b"first"
    with pytest.raises(TooLarge):
        kept.store.read(key, 4)
    kept.store.delete(key)
    kept.store.delete(key)
    assert kept.store.size(key) is None
    with pytest.raises(NotStored):
        kept.store.read(key, 100)


def test_old_files_are_found(kept: Kept, key: str) -> None:
    kept.store.put(key, DATA, TYPE)
    kept.store.put(f"covers/{secrets.token_hex(13)}.webp", DATA, TYPE)
    later = clock.now() + timedelta(minutes=1)
    assert key in list(kept.store.older("incoming/", later))
    assert {one.partition("/")[0] for one in kept.store.older("incoming/", later)} == {"incoming"}
    assert list(kept.store.older("incoming/", clock.now() - timedelta(minutes=1))) == []


@pytest.mark.parametrize(
    "key",
    [
        "../secret_key",
        "incoming/../../secret_key",
        "/etc/passwd",
        "incoming/.hidden",
        "incoming//x",
        "incoming/x\n",
        "incoming/\0",
        "incoming/x/",
        "incoming",
        "",
        f"incoming/{'x' * 200}",
    ],
)
def test_keys_lead_nowhere_else(kept: Kept, key: str) -> None:
    store = kept.store
    for attempt in (
        lambda: store.form(key, TYPE, 1, 60),
        lambda: store.size(key),
        lambda: store.read(key, 1),
        lambda: store.put(key, b"x", TYPE),
        lambda: store.delete(key),
        lambda: store.signed_url(key, 60),
    ):
        with pytest.raises(BadKey):
            attempt()
