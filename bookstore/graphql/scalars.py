"""Scalars, and how a field is read from what a service returned."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from graphql.language import FloatValueNode, IntValueNode, StringValueNode, ValueNode

from bookstore import money
from bookstore.schemas.common import currency_of, shop_currency

Money = NewType("Money", str)
Instant = NewType("Instant", datetime)


def read(source: Any, name: str) -> Any:
    """Return a field of a mapping or an object."""
    # Most are dicts, and to ask for an abstract class takes three times as long.
    if type(source) is dict or isinstance(source, Mapping):
        return source[name]
    return getattr(source, name)


def amount(name: str) -> Callable[..., Any]:
    """Return a resolver of the amount ``name``, in the currency of what it belongs to."""

    def resolve(root: strawberry.Parent[Any]) -> Money | None:
        minor = read(root, name)
        return None if minor is None else Money(money.to_text(minor, currency_of(root)))

    return resolve


def minor_units(text: str) -> int:
    """Return an amount in minor units of the shop's currency.

    Raises:
        ValueError: it is none, or has more places than the currency.
    """
    return money.to_minor(text, shop_currency())


def _money_value(value: Any) -> str:
    # A float's shortest text is what the client wrote; arithmetic starts from there.
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise GraphQLError('Money is a string such as "19.99", or a number.')
    return str(value)


def _money_literal(node: ValueNode, _variables: Any = None) -> Any:
    if isinstance(node, StringValueNode | IntValueNode | FloatValueNode):
        return node.value
    raise GraphQLError('Money is a string such as "19.99", or a number.')


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


SCALARS: dict[object, Any] = {
    Money: strawberry.scalar(
        name="Money",
        description='An amount as a decimal string such as "19.99", in the currency beside it. '
        "As an argument a number will do.",
        serialize=str,
        parse_value=_money_value,
        parse_literal=_money_literal,
    ),
    Instant: strawberry.scalar(
        name="DateTime",
        description="RFC 3339, in UTC, with Z.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_instant,
    ),
}
