"""Loading by a list that is made once is marshmallow's loading, for every schema and any input."""

from collections.abc import Callable, Iterator
from typing import Any

import marshmallow as ma
import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from marshmallow import fields, validate
from webargs.multidictproxy import MultiDictProxy
from werkzeug.datastructures import MultiDict

from bookstore.config import Settings
from bookstore.schemas.common import Flag, QueryWhole, Schema
from bookstore.schemas.loading import Loading, takes_several
from bookstore.schemas.v2.catalog import BookQuery
from tests.unit.test_dumping import schemas

TEXTS = st.sampled_from(
    [
        *("", " ", "1", "0", "true", "19.99", "1.999", "2026-01-01", "2026-01-01T10:00:00Z", "GB"),
        *("full", "mobile", "-created", "id,title", "id,nothing", "https://shop.example/1", "\0"),
        *("someone@example.com", "available", "percent", "card", "9" * 30),
    ]
)
ODD = st.sampled_from([None, 0, 1, True, False, 1.5, -1, [], {}, [1], ["1"], [None], {"id": 1}])


@pytest.fixture(autouse=True)
def shop_settings() -> Iterator[None]:
    app = Flask("amounts are in the currency of its settings")
    app.config["SETTINGS"] = Settings(bookstore_env="testing")
    with app.app_context():
        yield


def values(field: fields.Field[Any]) -> st.SearchStrategy[Any]:
    """Return what a field is sent, right and wrong."""
    likely: st.SearchStrategy[Any] = TEXTS | st.integers(0, 200)
    for check in field.validators:
        if isinstance(check, validate.OneOf):
            likely = st.sampled_from(list(check.choices)) | likely
    if isinstance(field, fields.Nested):
        likely = bodies(field.schema)
        likely = st.lists(likely, max_size=2) if field.many or field.schema.many else likely
    if isinstance(field, fields.List):
        likely = st.lists(values(field.inner), max_size=2)
    return st.one_of(likely, likely, likely, ODD)


def bodies(schema: ma.Schema) -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies of every kind, from whole to odd."""
    known = {
        name if field.data_key is None else field.data_key: values(field)
        for name, field in schema.load_fields.items()
    }
    needed = {
        name if field.data_key is None else field.data_key
        for name, field in schema.load_fields.items()
        if field.required
    }
    fit = st.fixed_dictionaries(
        {name: value for name, value in known.items() if name in needed},
        optional={name: value for name, value in known.items() if name not in needed},
    )
    odd = st.fixed_dictionaries({}, optional={**known, "unheard_of": ODD})
    return st.one_of(fit, fit, odd)


def outcome(load: Callable[[], Any]) -> Any:
    try:
        found = load()
    except ma.ValidationError as error:
        return error.messages
    except AttributeError:
        return "not what a hook takes"
    # Also the order, which shows where a document is made of it.
    return repr(found)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("kind", schemas().values(), ids=list(schemas()))
@hypothesis_settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_each_schema_loads_as_marshmallow_does(kind: type[Loading], data: st.DataObject) -> None:
    schema = kind(partial=data.draw(st.sampled_from([None, False, True])))
    body = data.draw(bodies(schema))
    told = data.draw(st.sampled_from([{}, {"unknown": ma.RAISE}, {"unknown": ma.EXCLUDE}]))
    ours = outcome(lambda: schema.load(body, **told))
    assert ours == outcome(lambda: ma.Schema.load(schema, body, **told))


@hypothesis_settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_query_string_loads_as_through_webargs(data: st.DataObject) -> None:
    schema = BookQuery()
    known = {
        name if field.data_key is None else field.data_key: values(field).map(str)
        for name, field in schema.load_fields.items()
    }
    sent = data.draw(st.fixed_dictionaries({}, optional={**known, "unheard_of": TEXTS}))
    query = MultiDict([*sent.items(), *data.draw(st.sampled_from([[], list(sent.items())]))])
    assert not takes_several(schema)
    theirs = outcome(lambda: ma.Schema.load(schema, MultiDictProxy(query, schema)))
    assert outcome(lambda: schema.load(query)) == theirs


class Several(Schema):
    """A query of which one name may come more than once."""

    ids = fields.List(QueryWhole(1, 9))
    flag = Flag(load_default=False)


class Odd(Schema):
    """A schema with a hook, which is left to marshmallow."""

    flag = Flag(load_default=lambda: True)

    @ma.pre_load
    def _shout(self, data: Any, **_: Any) -> Any:
        return {name.lower(): value for name, value in data.items()}


def test_names_that_may_come_more_than_once_are_left_to_webargs() -> None:
    assert takes_several(Several())
    query = MultiDictProxy(MultiDict([("ids", "1"), ("ids", "2")]), Several())
    assert Several().load(query) == {"ids": [1, 2], "flag": False}
    assert takes_several(ma.Schema.from_dict({"ids": fields.List(fields.String())})())


def test_hooks_and_rows_of_many_are_left_to_marshmallow() -> None:
    assert Odd().load({"FLAG": "false"}) == {"flag": False}
    assert Odd().load({}) == {"flag": True}
    assert Several(many=True).load([{"flag": True}]) == [{"flag": True}]
    with pytest.raises(ma.ValidationError):
        Several().load("no body")
