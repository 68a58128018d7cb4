"""Dumping by made functions is marshmallow's dumping, for every schema and whatever the rows."""

import importlib
import pkgutil
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import UTC, date, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from marshmallow import fields

import bookstore.schemas
from bookstore.config import Settings
from bookstore.schemas.common import Instant, Money, Percent, Schema, page_of
from bookstore.schemas.dumping import Dumping, _is_plain

EDGES = st.sampled_from(
    [None, "", "text", b"bytes", 0, 1, True, False, 1.5, Decimal("2.5"), float("inf"), (), [], {}]
)
INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))
# A line of an order is also shown as the book it was: read by a way of its own.
LEFT_TO_MARSHMALLOW = {"OrderItemSchema"}
# What the functions of ``fields.Function`` look at.
PERSON = {"full_name": "Ann Reader", "username": "ann"}
FOR_FUNCTIONS = {
    "author": PERSON,
    "categories": [{"name": "Poetry"}],
    "cover": {"url": "https://shop.example/1", "thumbnail_url": "https://shop.example/2"},
    "user": SimpleNamespace(**PERSON),
    "shipping_address": {},
}


@pytest.fixture(autouse=True)
def shop_settings() -> Iterator[None]:
    app = Flask("amounts are in the currency of its settings")
    app.config["SETTINGS"] = Settings(bookstore_env="testing")
    with app.app_context():
        yield


def schemas() -> dict[str, type[Dumping]]:
    for found in pkgutil.walk_packages(bookstore.schemas.__path__, "bookstore.schemas."):
        importlib.import_module(found.name)
    known: dict[str, type[Dumping]] = {}
    waiting = list(Dumping.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("bookstore.schemas") and kind._declared_fields:
            known[f"{kind.__module__.removeprefix('bookstore.schemas.')}.{kind.__name__}"] = kind
    return dict(sorted(known.items()))


def values(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    """Return what a field is given, mostly."""
    if isinstance(field, fields.Nested):
        row = rows(field.schema)
        return st.lists(row, max_size=2) if field.many or field.schema.many else row
    if isinstance(field, fields.List):
        return st.lists(st.none() | values(field.inner), max_size=2)
    if isinstance(field, Money | Percent | fields.Integer):
        return st.integers(-(10**15), 10**15)
    if isinstance(field, Instant | fields.DateTime):
        return INSTANTS
    if isinstance(field, fields.Date):
        return st.dates() | INSTANTS
    if isinstance(field, fields.Float):
        return st.floats(allow_nan=False)
    if isinstance(field, fields.Boolean):
        return st.booleans()
    if isinstance(field, fields.Dict):
        return st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
    return st.text(max_size=5)


def rows(schema: ma.Schema) -> st.SearchStrategy[Any]:
    """Return rows of every kind that services return, from whole to odd."""
    whole: dict[str, Any] = {}
    for name, field in schema.dump_fields.items():
        whole[(field.attribute or name).partition(".")[0]] = values(field)
    extra = {}
    if any(isinstance(field, fields.Function) for field in schema.dump_fields.values()):
        extra = {name: st.just(value) for name, value in FOR_FUNCTIONS.items()}
    fit = st.fixed_dictionaries(extra | whole | {n: v for n, v in extra.items() if n in whole})
    odd = st.fixed_dictionaries({}, optional={n: v | EDGES for n, v in (whole | extra).items()})
    kinds: list[Callable[[dict[str, Any]], Any]] = [dict, dict, _object, _named]
    return st.builds(lambda row, kind: kind(row), st.one_of(fit, fit, odd), st.sampled_from(kinds))


def _object(row: dict[str, Any]) -> Any:
    return SimpleNamespace(**row)


def _named(row: dict[str, Any]) -> Any:
    # Which has items by number as well as attributes, as a row of a database has.
    return namedtuple("Line", row, rename=True)(**row) if _are_names(row) else row


def _are_names(row: dict[str, Any]) -> bool:
    try:
        namedtuple("Line", row)
    except ValueError:
        return False
    return True


def outcome(dump: Callable[[], Any]) -> Any:
    try:
        return dump()
    except Exception as error:
        return type(error)


# What some schemas hold takes a strategy that hypothesis finds long to write down.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("kind", schemas().values(), ids=list(schemas()))
@hypothesis_settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_each_schema_dumps_as_marshmallow_does(kind: type[Dumping], data: st.DataObject) -> None:
    schema = kind()
    assert _is_plain(schema) or kind.__name__ in LEFT_TO_MARSHMALLOW
    row = data.draw(rows(schema))
    # What is nested was made too, but is a schema of its own with a case of its own.
    ours, theirs = outcome(lambda: schema.dump(row)), outcome(lambda: ma.Schema.dump(schema, row))
    assert repr(ours) == repr(theirs)
    several = outcome(lambda: schema.dump([row, row], many=True))
    assert repr(several) == repr(outcome(lambda: ma.Schema.dump(schema, [row, row], many=True)))


class Inner(Schema):
    """Something nested."""

    text = fields.String()


class Everything(Schema):
    """Fields as no schema of the shop has them, or has them seldom."""

    renamed = fields.String(data_key="class", attribute="def")
    far = fields.Integer(attribute="inner.number")
    preset = fields.String(dump_default="preset")
    digits = fields.Integer(as_string=True)
    raw = fields.Raw()
    method = fields.Method("_method")
    missing_method = fields.Method()
    constant = fields.Constant(7)
    plucked = fields.Pluck(Inner, "text")
    plucked_many = fields.Pluck(Inner, "text", many=True)
    many = fields.Nested(Inner, many=True)
    lists = fields.List(fields.List(fields.Nested(Inner)))
    again = fields.Nested(lambda: Everything(only=["renamed", "again"]), allow_none=True)
    day = fields.Date(format="%d.%m.%Y")
    secret = fields.String(load_only=True)

    def _method(self, _obj: Any) -> int:
        return 3


@pytest.mark.parametrize(
    "row",
    [
        {},
        None,
        {"def": "x", "inner": {"number": 5}, "raw": {1, 2}, "digits": 12},
        {"preset": "own", "digits": 1, "many": [{"text": "a"}, {}], "plucked": {"text": "b"}},
        {"lists": [[{"text": "a"}, None], None], "plucked_many": [{"text": "c"}]},
        {"again": {"def": "y", "again": {"def": "z", "again": None}}, "secret": "hidden"},
        {"day": date(2026, 1, 2), "raw": ma.missing, "def": ma.missing},
        SimpleNamespace(inner=SimpleNamespace(number="6"), raw=ma.missing, many=None),
        {
            "def": "all",
            "inner": {"number": 5},
            "preset": "p",
            "digits": None,
            "raw": 1.5,
            "plucked": None,
            "plucked_many": None,
            "many": [{"text": 1}],
            "lists": None,
            "again": None,
            "day": None,
        },
    ],
)
def test_what_fields_can_do_besides(row: Any) -> None:
    schema = Everything()
    assert outcome(lambda: schema.dump(row)) == outcome(lambda: ma.Schema.dump(schema, row))


def test_parts_and_copies_have_functions_of_their_own() -> None:
    rows = [{"text": "a", "number": 1}]
    kind = Inner.from_dict({"number": fields.Integer(), "inner": fields.Nested(Inner())})
    assert kind().dump(rows, many=True) == rows
    assert kind(many=True, only=["number"]).dump(rows) == [{"number": 1}]
    assert kind(exclude=["number"]).dump({**rows[0], "inner": {"text": "b"}}) == {
        "text": "a",
        "inner": {"text": "b"},
    }
    page = page_of(Inner)().dump({"data": rows, "next_cursor": None})
    assert page == {"data": [{"text": "a"}], "next_cursor": None}


def test_schemas_with_ways_of_their_own_are_left_to_marshmallow() -> None:
    class Hooked(Inner):
        @ma.post_dump
        def _add(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            return {**data, "added": True}

    class Read(Inner):
        def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
            return f"{attr} of {obj}"

    class Outer(Schema):
        hooked = fields.Nested(Hooked)
        read = fields.List(fields.Nested(Read))

    row = {"hooked": {"text": "a"}, "read": ["x"]}
    assert Outer().dump(row) == {
        "hooked": {"text": "a", "added": True},
        "read": [{"text": "text of x"}],
    }


def test_what_goes_wrong_in_a_field_goes_wrong() -> None:
    class Odd(Schema):
        first = fields.Function(lambda row: row["no such member"])

    with pytest.raises(KeyError):
        Odd().dump({"first": 1})
