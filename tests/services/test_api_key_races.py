"""API keys that are rotated, revoked and used at once; accounts that go while a key is made."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from flask import Flask

from bookstore import errors
from bookstore.services import accounts, api_key_use, api_keys
from bookstore.services.actors import Actor
from tests.clients import LiveShop, at_once
from tests.factories import make_user
from tests.services.races import Held, in_thread, wait_for

on_postgresql = pytest.mark.parametrize("database", ["postgresql"])


@pytest.fixture
def owner(shop: Flask) -> Actor:
    with shop.app_context():
        return Actor(make_user().id, "a user")


def made(shop: Flask, owner: Actor) -> api_keys.Shown:
    with shop.app_context():
        return api_keys.create(owner, "a key", ["orders:read"])


def is_good(shop: Flask, key: str) -> bool:
    with shop.app_context():
        try:
            return api_key_use.authenticate(key).actor.id is not None
        except errors.ApiKeyInvalid:
            return False


@on_postgresql
def test_used_while_it_is_rotated(shop: Flask, owner: Actor) -> None:
    first = made(shop, owner)
    fresh: list[api_keys.Shown] = []
    with ThreadPoolExecutor(2) as pool:
        held = Held(shop, pool, lambda: fresh.append(api_keys.rotate(owner, first.row.id)))
        # Nobody waits: until the commit the old one is the key.
        assert is_good(shop, first.key)
        assert not is_good(shop, fresh[0].key)
        held.commit()
    assert not is_good(shop, first.key)
    assert is_good(shop, fresh[0].key)


@on_postgresql
def test_rotated_twice_and_revoked_at_once(shop: Flask, owner: Actor) -> None:
    first = made(shop, owner)
    fresh: list[api_keys.Shown] = []
    with ThreadPoolExecutor(2) as pool:
        held = Held(shop, pool, lambda: fresh.append(api_keys.rotate(owner, first.row.id)))
        again = in_thread(shop, pool, lambda: api_keys.rotate(owner, first.row.id))
        wait_for(shop, 1)
        held.commit()
        last = again.result(20)
        assert [is_good(shop, one.key) for one in (first, *fresh, last)] == [False, False, True]
        held = Held(shop, pool, lambda: fresh.append(api_keys.rotate(owner, first.row.id)))
        revoked = in_thread(shop, pool, lambda: api_keys.revoke(owner, first.row.id))
        wait_for(shop, 1)
        held.commit()
        revoked.result(20)
    assert not any(is_good(shop, one.key) for one in (last, *fresh))


@on_postgresql
def test_made_while_the_account_goes(shop: Flask, owner: Actor) -> None:
    with ThreadPoolExecutor(2) as pool:
        held = Held(shop, pool, lambda: accounts.delete_account(owner))
        late = in_thread(shop, pool, lambda: api_keys.create(owner, "a key", ["orders:read"]))
        wait_for(shop, 1)
        held.commit()
        with pytest.raises(errors.Unauthenticated):
            late.result(20)


@pytest.mark.faults
def test_all_processes_at_once(shop: Flask, live: LiveShop) -> None:
    token = live.register("owner")
    body = {"name": "n", "scopes": ["orders:read"]}
    made = live.call("POST", "/me/api-keys", body, token).json()
    path = f"/me/api-keys/{made['id']}"

    def use(key: str) -> int:
        return live.call("GET", "/orders", X_API_Key=key).status_code

    def old_until_refused() -> set[int]:
        seen = set()
        for _ in range(200):
            seen.add(use(made["key"]))
            if 401 in seen:
                return seen
        raise AssertionError("the old key lives on")

    def rotate() -> str:
        return str(live.call("POST", f"{path}/rotate", {}, token).json()["key"])

    *seen, fresh = at_once([*[old_until_refused] * 8, rotate])
    assert set().union(*seen) <= {200, 401}
    # From the answer on, in every process.
    assert set(at_once([partial(use, made["key"])] * 20)) == {401}
    assert set(at_once([partial(use, fresh)] * 20)) == {200}
    assert live.call("DELETE", path, token=token).status_code == 204
    assert set(at_once([partial(use, fresh)] * 20)) == {401}
