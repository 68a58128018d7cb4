"""Statements that the shop sent for several buyers, as one recipe for any.

Where a parameter comes from is found by comparison: what is the same for all is a constant, what
equals something of the buyer's is that, and what a statement before returned is taken from its
rows. What has to be unique, such as an order's number, is made anew; all else (the time, the body
of an event) is as it was for the last of them.
"""

import itertools
import random
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from benchmarks.ceilings.recording import Sent

MIN_UNIQUE = 8  # letters and digits, in a text without blanks
_CLASSES = (string.digits, "abcdef", string.ascii_uppercase)


@dataclass(slots=True)
class State:
    """One replay under way: the buyer, the rows so far, and what was made anew."""

    buyer: Mapping[str, Any]
    rows: list[Sequence[Any]] = field(default_factory=list)
    made: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same."""

    value: Any

    def of(self, _state: State) -> Any:
        """Return the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Own:
    """Something of the buyer's."""

    name: str

    def of(self, state: State) -> Any:
        """Return the value."""
        return state.buyer[self.name]


@dataclass(frozen=True, slots=True)
class Returned:
    """What a statement before returned, or so much more."""

    step: int
    row: int
    column: int
    more: int = 0

    def of(self, state: State) -> Any:
        """Return the value."""
        found = state.rows[self.step][self.row][self.column]
        return found + self.more if self.more else found


@dataclass(frozen=True, slots=True)
class Unique:
    """A text like ``pattern`` behind its first ``same`` letters; the same text for one slot."""

    slot: int
    pattern: str
    same: int

    def of(self, state: State) -> Any:
        """Return the value."""
        if self.slot not in state.made:
            state.made[self.slot] = self.pattern[: self.same] + "".join(
                _another(letter) for letter in self.pattern[self.same :]
            )
        return state.made[self.slot]


@dataclass(frozen=True, slots=True)
class Built:
    """A list, tuple or mapping of other values; as JSON text when ``is_json``."""

    kind: type
    parts: Any
    is_json: bool = False

    def of(self, state: State) -> Any:
        """Return the value."""
        if self.kind is dict:
            made: Any = {name: part.of(state) for name, part in self.parts.items()}
        else:
            made = self.kind(part.of(state) for part in self.parts)
        return orjson.dumps(made).decode() if self.is_json else made


Source = Constant | Own | Returned | Unique | Built


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, where its parameters come from, and how many rows it has to write."""

    text: str
    parameters: Source
    many: bool
    count: int | None


def made(runs: Sequence[Sequence[Sent]], buyers: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Return the recipe of what was sent for each of several buyers.

    Raises:
        RuntimeError: other statements were sent for one than for another.
    """
    if any([s.text for s in run] != [s.text for s in runs[0]] for run in runs):
        raise RuntimeError("the shop sends other statements for one buyer than for another")
    finder = _Finder(runs, buyers)
    steps = []
    for number, same in enumerate(zip(*runs, strict=True)):
        last = same[-1]
        steps.append(
            Step(
                text=last.text,
                parameters=finder.source([sent.parameters for sent in same], number),
                many=last.many,
                count=last.count if last.writes and last.count >= 0 else None,
            )
        )
    return steps


class _Finder:
    def __init__(self, runs: Sequence[Sequence[Sent]], buyers: Sequence[Mapping[str, Any]]) -> None:
        self._runs, self._buyers = runs, buyers
        self._slots: dict[tuple[str, ...], int] = {}

    def source(self, values: Sequence[Any], before: int) -> Source:
        """Return where a value comes from, given what it was in each run."""
        first = values[-1]
        if all(_same(value, first) for value in values):
            return Constant(first)
        if isinstance(first, dict) and all(value.keys() == first.keys() for value in values):
            parts: Any = {key: self.source([v[key] for v in values], before) for key in first}
            return Built(dict, parts)
        if isinstance(first, list | tuple) and len({len(value) for value in values}) == 1:
            parts = [self.source(list(each), before) for each in zip(*values, strict=True)]
            return Built(type(first), parts)
        for name in self._buyers[0]:
            if all(b[name] == v for b, v in zip(self._buyers, values, strict=True)):
                return Own(name)
        return self._returned(values, before) or self._text(values, before) or Constant(first)

    def _returned(self, values: Sequence[Any], before: int) -> Source | None:
        for more in (0, 1, -1):
            if more and not all(type(value) is int for value in values):
                break
            wanted = [value - more if more else value for value in values]
            for step in range(before):
                tables = [run[step].rows for run in self._runs]
                for row in range(min(len(table) for table in tables)):
                    for column in range(len(tables[0][row])):
                        if all(t[row][column] == w for t, w in zip(tables, wanted, strict=True)):
                            return Returned(step, row, column, more)
        return None

    def _text(self, values: Sequence[Any], before: int) -> Source | None:
        if not all(isinstance(value, str) for value in values):
            return None
        if all(value.startswith("[") for value in values):
            lists = self.source([orjson.loads(value) for value in values], before)
            return Built(list, lists.parts, is_json=True) if isinstance(lists, Built) else None
        columns = zip(*values, strict=False)
        same = len(list(itertools.takewhile(lambda letters: len(set(letters)) == 1, columns)))
        last = values[-1]
        if " " in last or ":" in last or sum(x.isalnum() for x in last[same:]) < MIN_UNIQUE:
            return None
        slot = self._slots.setdefault(tuple(values), len(self._slots))
        return Unique(slot, last, same)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Jsonb) and isinstance(other, Jsonb):
        return bool(one.obj == other.obj)
    return type(one) is type(other) and bool(one == other)


def _another(letter: str) -> str:
    for several in _CLASSES:
        if letter in several:
            return random.choice(several)
    return letter
