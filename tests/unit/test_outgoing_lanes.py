"""Who is next: slow start, turns, doubt, and what is given back."""

import time
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from bookstore import clock
from bookstore.services import outgoing_lanes
from bookstore.services.outgoing import Work
from bookstore.services.outgoing_lanes import AHEAD, Lanes


class Line:
    """All that lanes ask of a channel."""

    lane_limit, limit = 10, 64


def lanes(**numbers: int) -> Lanes:
    """Return lanes with so many rows each."""
    made = Lanes(Line())  # type: ignore[arg-type]
    add(made, **numbers)
    return made


def add(made: Lanes, doubtful: bool = False, **numbers: int) -> None:
    now = clock.now()
    for name, count in numbers.items():
        made.add([Work(n, name, None, now, doubtful) for n in range(count)], time.monotonic())


def take(made: Lanes) -> list[Work]:
    """Take all that may be sent at once."""
    taken = []
    while (work := made.next()) is not None:
        taken.append(work)
    return taken


def end(made: Lanes, work: Work, ok: bool) -> None:
    made.ended(work, ok)
    made.written([(work, ok)])


def test_a_lane_starts_slowly_grows_and_falls_back() -> None:
    made = lanes(a=100)
    under_way = take(made)
    sizes = []
    for _ in range(12):
        sizes.append(len(under_way))
        end(made, under_way.pop(0), ok=True)
        under_way += take(made)
    assert sizes == [2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 10]
    for work in under_way:
        end(made, work, ok=False)
    assert len(take(made)) == 1


def test_a_failure_holds_its_lane_until_it_is_written_down() -> None:
    made = lanes(a=10, b=10)
    for work in take(made):
        made.ended(work, work.lane == "b")
    assert {work.lane for work in take(made)} == {"b"}
    failed = Work(0, "a", None, clock.now())
    made.written([(failed, False)])
    assert take(made) == []  # of two failures one is still not written down
    made.written([(failed, False)])
    assert [work.lane for work in take(made)] == ["a"]


def test_lanes_take_turns() -> None:
    made = lanes(a=50, b=50, c=1)
    assert [work.lane for work in take(made)] == ["a", "b", "c", "a", "b"]


def test_doubtful_lanes_have_half_of_the_threads_at_most() -> None:
    made = lanes()
    for number in range(100):
        add(made, doubtful=True, **{f"bad{number}": 5})
    assert len(take(made)) == 32
    add(made, **{f"good{number}": 5 for number in range(20)})
    assert Counter(work.lane[:3] for work in take(made)) == {"goo": 32}


def test_how_much_is_claimed_ahead() -> None:
    made = lanes(a=5)
    assert made.quota() == {"a": 2 * AHEAD - 5}
    assert made.room == 64 * AHEAD - 5
    [first, _] = take(made)
    assert made.quota() == {"a": 2 * AHEAD - 5}
    end(made, first, ok=True)
    assert made.quota() == {"a": 3 * AHEAD - 4}


def test_what_waits_too_long_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.monotonic()
    monkeypatch.setattr(outgoing_lanes.time, "monotonic", lambda: start)
    made = lanes(a=5)
    first, _second = take(made)
    monkeypatch.setattr(outgoing_lanes.time, "monotonic", lambda: start + 39.9)
    assert made.late() == []
    monkeypatch.setattr(outgoing_lanes.time, "monotonic", lambda: start + 40.1)
    # Nor is it sent by a thread that gets free while the loop is held up elsewhere.
    made.ended(first, True)
    assert made.next() is None
    assert [work.id for work in made.late()] == [2, 3, 4]
    assert (made.queued, made.in_flight) == (0, 1)


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "send", "good", "bad", "write", "shut"]), st.integers(0, 7))
)


@given(STEPS)
def test_the_books_balance_and_limits_hold(steps: list[tuple[str, int]]) -> None:
    made, added, given_back = lanes(), 0, 0
    under_way: list[Work] = []
    ended: list[tuple[Work, bool]] = []
    written = 0
    for what, number in steps:
        if what == "add":
            add(made, **{f"lane{number}": 5})
            added += 5
        elif what == "send":
            under_way += take(made)
        elif what in {"good", "bad"} and under_way:
            work = under_way.pop(number % len(under_way))
            made.ended(work, what == "good")
            ended.append((work, what == "good"))
        elif what == "write":
            made.written(ended)
            written, ended = written + len(ended), []
        elif what == "shut":
            given_back += len(made.shut([f"lane{number}"]))
        assert made.in_flight == len(under_way) <= 64
        assert made.unwritten == len(ended)
        assert added == made.queued + len(under_way) + len(ended) + written + given_back
        assert max(Counter(work.lane for work in under_way).values(), default=0) <= 10
    made.written(ended)
    while made.queued:
        for work in under_way:
            end(made, work, ok=True)
        under_way = take(made)
        assert under_way
