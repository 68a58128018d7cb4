"""The catalogue of events agrees with itself."""

import string
from typing import Any

import jsonschema
import pytest

from bookstore.services import event_types
from bookstore.services.event_types import TYPES, EventType, envelope_example, envelope_schema

each_type = pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)


def valid(schema: dict[str, Any], found: Any) -> bool:
    kind = jsonschema.Draft202012Validator
    return kind(schema, format_checker=kind.FORMAT_CHECKER).is_valid(found)


def test_the_types_are_those_that_were_promised() -> None:
    promised = """
        order.created order.paid order.processing order.shipped order.delivered order.cancelled
        order.refunded review.posted book.created book.updated book.low_stock payment.failed
        webhook.endpoint_disabled ping
    """
    assert set(TYPES) == set(promised.split())


@each_type
def test_the_example_is_one(kind: EventType) -> None:
    jsonschema.Draft202012Validator.check_schema(envelope_schema(kind))
    example = envelope_example(kind)
    assert valid(envelope_schema(kind), example)
    assert set(example["data"]) == set(kind.schema["properties"])


@each_type
def test_the_schema_refuses_what_is_none(kind: EventType) -> None:
    schema, example = envelope_schema(kind), envelope_example(kind)
    for name in example:
        assert not valid(schema, {**example, name: None}), name
        assert not valid(schema, {k: v for k, v in example.items() if k != name}), name
    for name in kind.schema["required"]:
        data = {k: v for k, v in kind.example.items() if k != name}
        assert not valid(schema, {**example, "data": data}), name
    # Fields may be added later: receivers must not mind.
    assert valid(schema, {**example, "data": {**kind.example, "new": 1}})


@each_type
def test_notices_name_only_what_events_have(kind: EventType) -> None:
    for text in kind.notice or ():
        named = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        assert named <= set(kind.schema["required"])


def test_patterns() -> None:
    assert event_types.patterns_for("order.paid") == ["*", "order.paid", "order.*"]
    assert event_types.patterns_for("ping") == ["*", "ping"]
    for pattern in event_types.patterns():
        assert event_types.types_of([pattern]), pattern
    assert event_types.types_of(["*"]) == list(TYPES)
    assert event_types.types_of(["book.*", "book.created", "ping"]) == [
        "book.created", "book.updated", "book.low_stock", "ping",
    ]  # fmt: skip
    assert event_types.types_of(["ping.*", "order", ""]) == []
