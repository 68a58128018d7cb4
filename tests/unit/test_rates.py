"""What two counters of a sliding window say: how many may still come, and when the next may."""

import math

import pytest
from hypothesis import given, strategies as st
from limits import RateLimitItemPerSecond, parse

from bookstore.gateways.rates import Window
from bookstore.services.limits import network

SIXTY = parse("60/minute")


@pytest.mark.parametrize(
    ("window", "remaining", "ends"),
    [
        (Window(True, 0, 0, 1, 120.0), 59, 60),
        (Window(True, 0, 0, 1, 119.4), 59, 60),
        (Window(True, 0, 0, 60, 60.2), 0, 1),
        (Window(True, 60, 30.0, 10, 90.0), 20, 30),
        (Window(True, 60, 0.01, 0, 60.01), 60, 1),
        (Window(True, 60, 60.0, 60, 120.0), 0, 60),
    ],
)
def test_what_is_left(window: Window, remaining: int, ends: int) -> None:
    assert (window.remaining(SIXTY), window.ends(SIXTY)) == (remaining, ends)


@given(
    amount=st.integers(1, 1000),
    seconds=st.integers(1, 86400),
    previous=st.integers(0, 1000),
    current=st.integers(0, 1000),
    passed=st.floats(0, 1, exclude_max=True),
)
def test_who_waits_as_long_as_is_said_is_taken(
    amount: int, seconds: int, previous: int, current: int, passed: float
) -> None:
    rate = RateLimitItemPerSecond(amount, seconds)
    previous, current = min(previous, amount), min(current, amount)
    left = seconds * (1 - passed)
    window = Window(False, previous, left if previous else 0.0, current, left + seconds)
    if window.remaining(rate):
        return
    wait = window.wait(rate)
    assert 1 <= wait <= seconds + 1
    # As the script has it: the current window becomes the previous one.
    later = Window(False, previous, max(0.0, left - wait), current, left + seconds - wait)
    if later.current_ends < seconds:
        later = Window(False, current, later.current_ends, 0, later.current_ends + seconds)
    assert later.remaining(rate) >= 1
    # And no longer than has to be: a second earlier there was none, but for the rounding.
    assert wait <= math.ceil(window.current_ends - seconds) + 1


@pytest.mark.parametrize(
    ("address", "known_as"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("192.0.2.7:54321", "192.0.2.7"),
        ("[2001:db8:1:2::9]:54321", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_subscriber_is_one_whatever_the_address(address: str, known_as: str) -> None:
    assert network(address) == known_as
