"""Our script counts as the limiter's library does, whose keys they both use."""

import random

import pytest
from flask import Flask
from limits import RateLimitItem, parse

from bookstore.extensions import redis_handle
from bookstore.gateways import rates
from bookstore.gateways.windows import PREFIX, Window

OURS, THEIRS = "burst:ours", "burst:theirs"


@pytest.fixture
def rate(shop: Flask) -> RateLimitItem:
    """A rate whose keys nobody else has."""
    return parse("5/minute")


def _name(rate: RateLimitItem, name: str) -> str:
    return f"{PREFIX}:{{{rate.key_for(name)}}}"


def _put(rate: RateLimitItem, name: str, previous: int, left: int, current: int, ttl: int) -> None:
    client, key = redis_handle.client, _name(rate, name)
    client.delete(key, f"{key}/-1")
    if left:
        client.set(f"{key}/-1", previous, px=left)
    if ttl:
        client.set(key, current, px=ttl)


def _both(rate: RateLimitItem) -> tuple[Window, Window]:
    """Count one by our script and one by the library, each under its own name."""
    (ours,) = rates.hit([(rate, OURS)])
    library, key = rates.storage(), rate.key_for(THEIRS)
    taken = library.acquire_sliding_window_entry(key, rate.amount, rate.get_expiry())
    return ours, Window(taken, *library.get_sliding_window(key, rate.get_expiry()))


def _alike(one: Window, other: Window) -> None:
    assert one.taken == other.taken
    assert one.current == other.current
    assert one.current_ends == pytest.approx(other.current_ends, abs=0.5)
    # What was nothing counts for nothing, however long.
    assert (one.previous, one.previous_ends if one.previous else 0) == pytest.approx(
        (other.previous, other.previous_ends if other.previous else 0), abs=0.5
    )


def test_it_counts_as_the_library(shop: Flask, rate: RateLimitItem) -> None:
    chance = random.Random(7)
    with shop.app_context():
        # No time is near one at which a weight becomes another whole number.
        for _ in range(300):
            previous, current = chance.randrange(7), chance.randrange(7)
            left = chance.choice((0, 0, 1_000, 21_500, 59_000))
            ttl = chance.choice((0, 2_000, 31_500, 58_000, 62_000, 90_000, 119_000))
            for name in (OURS, THEIRS):
                _put(rate, name, previous, left, current, ttl)
            for _ in range(2):
                _alike(*_both(rate))


def test_either_goes_on_where_the_other_was(shop: Flask, rate: RateLimitItem) -> None:
    with shop.app_context():
        _put(rate, THEIRS, 0, 0, 0, 0)
        key, seconds = rate.key_for(THEIRS), rate.get_expiry()
        taken = []
        for _ in range(4):
            taken.append(rates.hit([(rate, THEIRS)])[0].taken)
            taken.append(rates.storage().acquire_sliding_window_entry(key, rate.amount, seconds))
        assert taken == [True] * 5 + [False] * 3
        assert rates.look(rate, THEIRS).current == 5
        client = redis_handle.client
        assert 0 < client.pttl(_name(rate, THEIRS)) <= 2000 * seconds


def test_what_is_refused_is_not_counted_further_on(shop: Flask, rate: RateLimitItem) -> None:
    more = parse("100/day")
    with shop.app_context():
        _put(rate, OURS, 0, 0, 0, 0)
        _put(more, OURS, 0, 0, 0, 0)
        found = [rates.hit([(rate, OURS), (more, OURS)]) for _ in range(8)]
        assert [first.taken for first, _ in found] == [True] * 5 + [False] * 3
        assert [second.current for _, second in found] == [1, 2, 3, 4, 5, 5, 5, 5]
        assert [second.taken for _, second in found] == [True] * 5 + [False] * 3


def test_a_rate_of_none_takes_none(shop: Flask) -> None:
    none = parse("5/minute")
    none.amount = 0
    with shop.app_context():
        _put(none, OURS, 0, 0, 0, 0)
        assert [one.taken for one in rates.hit([(none, OURS)])] == [False]
        assert not redis_handle.client.exists(_name(none, OURS))
