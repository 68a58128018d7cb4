"""Loading what is right without the ways that marshmallow has for what is wrong.

marshmallow asks for each field what its key is, how errors are collected and what a missing value
means. That hangs on the schema alone, so here each schema has a list of it, made at its first load.
Values are still read by the fields themselves. At the first that is wrong (or missing, unknown …)
marshmallow loads the whole again, and says what is wrong in its own words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import marshmallow as ma
from marshmallow import fields, missing
from marshmallow.decorators import POST_LOAD, PRE_LOAD, VALIDATES, VALIDATES_SCHEMA

# Fields whose values webargs takes from a query string as a list (``MultiDictProxy``).
_SEVERAL = (fields.List, fields.Tuple)
# All else that these may be is left to marshmallow.
_PARTIAL, _UNKNOWN = (None, False, True), (ma.RAISE, ma.EXCLUDE)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a schema loads: (key, name of the result, field, default or ``missing``) of each field,
    the keys, the names of its own checks, and whether there may be several of a key."""

    of: Any
    fields: tuple[tuple[str, str, fields.Field[Any], Any], ...]
    keys: frozenset[str]
    checks: tuple[str, ...]
    takes_several: bool


class Loading(ma.Schema):
    """A base of all schemas: ``load`` by a list that is made once."""

    _plan: _Plan | None = None
    _has_plan = True

    def load(
        self,
        data: Any,
        *,
        many: bool | None = None,
        partial: Any = None,
        unknown: Any = None,
    ) -> Any:
        """Return what ``data`` is by this schema: just what ``marshmallow.Schema.load`` does."""
        if not (self.many if many is None else many) and isinstance(data, Mapping):
            found = _quickly(
                self,
                data,
                self.partial if partial is None else partial,
                self.unknown if unknown is None else unknown,
            )
            if found is not None:
                return found
        return super().load(data, many=many, partial=partial, unknown=unknown)


def takes_several(schema: ma.Schema) -> bool:
    """Return whether a query string may give a schema several values of one name."""
    plan = _plan_of(schema) if isinstance(schema, Loading) else None
    return plan is None or plan.takes_several


def _quickly(
    schema: Loading, data: Mapping[str, Any], partial: Any, unknown: Any
) -> dict[str, Any] | None:
    """Return what was loaded; None: something is wrong or unusual."""
    plan = _plan_of(schema)
    if plan is None or partial not in _PARTIAL or unknown not in _UNKNOWN:
        return None
    if unknown == ma.RAISE and not plan.keys.issuperset(data):
        return None
    told = {} if partial is None else {"partial": partial}
    found: dict[str, Any] = {}
    try:
        for key, name, field, default in plan.fields:
            value = data.get(key, missing)
            if value is not missing:
                found[name] = field.deserialize(value, key, data, **told)
            elif partial:
                continue
            elif field.required:
                return None
            elif default is not missing:
                found[name] = default() if callable(default) else default
        for check in plan.checks:
            getattr(schema, check)(found, partial=partial, many=False, unknown=unknown)
    except ma.ValidationError:
        return None
    return found


def _plan_of(schema: Loading) -> _Plan | None:
    plan = schema._plan
    # A copy that was made of the schema has fields of its own by now.
    if schema._has_plan and (plan is None or plan.of is not schema.load_fields):
        plan = schema._plan = _made(schema)
        schema._has_plan = plan is not None
    return plan


def _made(schema: Loading) -> _Plan | None:
    """Return how a schema loads; None: in a way that only marshmallow knows."""
    kind, usual, hooks = type(schema), ma.Schema, schema._hooks
    checks = hooks[VALIDATES_SCHEMA]
    members = [
        (name if one.data_key is None else one.data_key, one.attribute or name, one)
        for name, one in schema.load_fields.items()
    ]
    if (
        hooks[PRE_LOAD]
        or hooks[POST_LOAD]
        or hooks[VALIDATES]
        or kind.load is not Loading.load
        or kind._do_load is not usual._do_load
        or kind._deserialize is not usual._deserialize
        or schema.dict_class is not dict
        or any(several or told.get("pass_original") for _, several, told in checks)
        or any(type(one).deserialize is not fields.Field.deserialize for _, _, one in members)
        or any("." in name for _, name, _ in members)
    ):
        return None
    return _Plan(
        schema.load_fields,
        tuple((key, name, one, one.load_default) for key, name, one in members),
        frozenset(key for key, _, _ in members),
        tuple(name for name, _, _ in checks),
        any(_takes_several(one) for _, _, one in members),
    )


def _takes_several(field: fields.Field[Any]) -> bool:
    told = getattr(field, "is_multiple", None)
    return isinstance(field, _SEVERAL) if told is None else bool(told)
