"""Which parameters a call takes, read from the installed library's own types."""

import re
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

import stripe
import stripe.params

from tests.fakes.stripe.wire import Refused

# Travel in headers, not in the body.
_OPTIONS = frozenset(stripe.RequestOptions.__annotations__)


@cache
def _fields(shape: Any) -> dict[str, Any]:
    names = {"StripeContext": object, "Mapping": Mapping}
    hints = typing.get_type_hints(shape, localns=names)
    return {name: hint for name, hint in hints.items() if name not in _OPTIONS}


def check(shape: str, params: dict[str, Any]) -> dict[str, Any]:
    """Return ``params`` as numbers, booleans, texts, lists and dicts.

    Args:
        shape: the name of a type in ``stripe.params``.
        params: what ``decode`` made of a request.

    Raises:
        Refused: a parameter that Stripe does not know, that is missing, or of another kind.
    """
    return _object(getattr(stripe.params, shape), params, "")


def _object(shape: Any, value: dict[str, Any], path: str) -> dict[str, Any]:
    fields = _fields(shape)
    for name in value:
        if name not in fields:
            full = _join(path, name)
            message = f"Received unknown parameter: {full}"
            raise Refused(400, message, code="parameter_unknown", param=full)
    for name in sorted(shape.__required_keys__):
        if name not in value:
            full = _join(path, name)
            message = f"Missing required param: {full}."
            raise Refused(400, message, code="parameter_missing", param=full)
    return {name: _typed(fields[name], one, _join(path, name)) for name, one in value.items()}


def _typed(hint: Any, value: Any, path: str) -> Any:
    kinds = list(_kinds(hint))
    choices = {one for kind in kinds for one in _literals(kind)}
    if isinstance(value, dict):
        for kind in kinds:
            if hasattr(kind, "__required_keys__"):
                return _object(kind, value, path)
            if typing.get_origin(kind) is list:
                return _list(kind, value, path)
            if typing.get_origin(kind) is dict:
                return _map(value, path)
        raise Refused(400, f"Invalid string: {value}", param=path)
    if value == "":
        if "" not in choices:
            message = (
                f"You passed an empty string for '{path}'. We assume empty values are an attempt "
                f"to unset a parameter; however '{path}' cannot be unset."
            )
            raise Refused(400, message, code="parameter_invalid_empty", param=path)
        return ""
    if value in choices:
        return value
    if bool in kinds and value in {"true", "false"}:
        return value == "true"
    if int in kinds and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if int in kinds and str not in kinds:
        code = "parameter_invalid_integer"
        raise Refused(400, f"Invalid integer: {value}", code=code, param=path)
    if choices - {""}:
        named = ", ".join(sorted(choices - {""}))
        raise Refused(400, f"Invalid {path}: must be one of {named}", param=path)
    if str in kinds:
        return value
    raise Refused(400, f"Invalid {'boolean' if bool in kinds else 'object'}", param=path)


def _list(kind: Any, value: dict[str, Any], path: str) -> list[Any]:
    if [*value] != [str(place) for place in range(len(value))]:
        raise Refused(400, "Invalid array", param=path)
    (item,) = typing.get_args(kind)
    return [_typed(item, one, f"{path}[{place}]") for place, one in value.items()]


def _map(value: dict[str, Any], path: str) -> dict[str, str]:
    """Metadata: at most 50 keys of 40 characters, values of 500; an empty one removes its key."""
    if len(value) > 50:
        raise Refused(400, f"You can have up to 50 keys, but passed {len(value)}.", param=path)
    for key, text in value.items():
        full = _join(path, key)
        if not isinstance(text, str):
            raise Refused(400, f"Metadata values must be strings: {full}", param=full)
        if len(key) > 40 or len(text) > 500:
            what, most = ("keys", 40) if len(key) > 40 else ("values", 500)
            message = (
                f"Metadata {what} can have up to {most} characters, but you passed in one of "
                f"{len(key if what == 'keys' else text)} characters."
            )
            raise Refused(400, message, param=full)
    return value


def _kinds(hint: Any) -> typing.Iterator[Any]:
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        for one in typing.get_args(hint):
            yield from _kinds(one)
    else:
        yield hint


def _literals(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def _join(path: str, name: str) -> str:
    return f"{path}[{name}]" if path else name
