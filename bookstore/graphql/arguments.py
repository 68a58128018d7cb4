"""Checks of arguments: the rules and messages of the REST door's schemas, and sizes of lists."""

from typing import Any

import marshmallow as ma

from bookstore import errors, problems


def size(name: str, value: int, most: int = 100) -> int:
    """Return how many are wanted.

    Raises:
        Invalid: not from 1 to ``most``.
    """
    if not 1 <= value <= most:
        raise errors.Invalid({name: [f"Must be from 1 to {most}."]})
    return value


def checked(schema: ma.Schema, values: dict[str, Any]) -> dict[str, Any]:
    """Return what ``schema`` makes of arguments; those that are unset are left out.

    Raises:
        Invalid: with the messages by argument, named as in GraphQL.
    """
    given = {name: value for name, value in values.items() if value is not None}
    try:
        loaded: dict[str, Any] = schema.load(given)
    except ma.ValidationError as error:
        found = problems.flatten({"args": error.messages})
        raise errors.Invalid({_camel(name): texts for name, texts in found.items()}) from None
    return loaded


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
