"""Dumping by functions that are made of the schemas: several times faster, the same result.

marshmallow asks each field of each row anew how it is read and written. That hangs on the schema
alone, so here each schema becomes, at its first dump, a function of one row: a dict display with
one expression a field. Whatever the function is not made for (members that are missing, hooks,
fields with reading ways of their own) marshmallow dumps itself.

The source of a function is made of the names of fields and of nothing that comes from a client.
"""

import keyword
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import marshmallow as ma
from marshmallow import fields, missing
from marshmallow.decorators import POST_DUMP, PRE_DUMP

Row: TypeAlias = Callable[[Any], dict[str, Any]]
Serialize = TypeVar("Serialize", bound=Callable[..., Any])

# A schema may nest itself; below this marshmallow dumps it, as deep as the rows go.
_MAX_DEPTH = 10


def written_by(kind: type, write: Callable[[Any, Any], Any]) -> Callable[[Serialize], Serialize]:
    """Say of a field's ``_serialize`` what it returns for values of just this type.

    Args:
        kind: of most values.
        write: is given the value and the row.
    """

    def decorator(serialize: Serialize) -> Serialize:
        serialize.known = kind, write  # type: ignore[attr-defined]
        return serialize

    return decorator


class Dumping(ma.Schema):
    """The base of all schemas: ``dump`` by a function that is made once."""

    _made: tuple[dict[str, fields.Field[Any]], Row] | None = None

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Return ``obj`` as this schema shows it: just what ``marshmallow.Schema.dump`` does."""
        if not _is_plain(self):
            return super().dump(obj, many=many)
        row = row_function(self)
        if (self.many if many is None else many) and obj is not None:
            return [row(each) for each in obj]
        return row(obj)


def row_function(schema: Dumping, depth: int = 0) -> Row:
    """Return the function that dumps one row by a schema without hooks; it is made once."""
    made = schema._made
    # A copy that was made of the schema has fields of its own by now.
    if made is None or made[0] is not schema.dump_fields:
        made = schema._made = (schema.dump_fields, _Maker(schema, depth).function())
    return made[1]


def _is_plain(schema: ma.Schema) -> bool:
    kind, usual = type(schema), ma.Schema
    return (
        isinstance(schema, Dumping)
        and not (schema._hooks[PRE_DUMP] or schema._hooks[POST_DUMP])
        and kind.dump is Dumping.dump
        and kind._serialize is usual._serialize
        and kind.get_attribute is usual.get_attribute
        and schema.dict_class is dict
    )


@lru_cache(maxsize=1024)
def _by_attribute(kind: type) -> bool:
    """Whether marshmallow reads the members of such rows as attributes, rather than as items."""
    return issubclass(kind, Sequence) or not hasattr(kind, "__getitem__")


class _Missing(Exception):
    """A member of the row is not there, which changes the row's shape."""


class _Maker:
    """Writes the source of one schema's function, and collects what it calls."""

    def __init__(self, schema: Dumping, depth: int) -> None:
        self._schema, self._depth = schema, depth
        self._names: dict[str, Any] = {
            "date": date,
            "by_attribute": _by_attribute,
            "slowly": schema._serialize,
            # What reading members raises, and what marshmallow then looks elsewhere for.
            "incomplete": (KeyError, IndexError, TypeError, AttributeError, _Missing),
        }

    def function(self) -> Row:
        items, attributes = self._display(_item), self._display(_attribute)
        source = (
            "def row(o):\n"
            "    try:\n"
            "        if type(o) is dict or not by_attribute(type(o)):\n"
            f"            return {items}\n"
            f"        return {attributes}\n"
            "    except incomplete:\n"
            "        return slowly(o)\n"
        )
        exec(source, self._names)  # noqa: S102 # nosec B102 - of our own schemas' names alone
        row: Row = self._names["row"]
        return row

    def _display(self, read: Callable[[str], str]) -> str:
        members = [
            f"{(name if field.data_key is None else field.data_key)!r}: "
            + self._member(name, field, read)
            for name, field in self._schema.dump_fields.items()
        ]
        return f"{{{', '.join(members)}}}"

    def _member(self, name: str, field: fields.Field[Any], read: Callable[[str], str]) -> str:
        """Return the expression of one member of the row ``o``."""
        key = name if field.attribute is None else field.attribute
        kind = type(field)
        if (
            kind.serialize is not fields.Field.serialize
            or kind.get_value is not fields.Field.get_value
            or not field._CHECK_ATTRIBUTE
            or "." in key
        ):
            return f"{self._name(self._read_and_written(name, field))}(o)"
        written = self._name(self._written(name, field))
        known = getattr(kind._serialize, "known", None)
        if known is not None:
            of, write = map(self._name, known)
            return f"{write}(v, o) if type(v := {read(key)}) is {of} else {written}(v, o)"
        same = _unchanged(field)
        if same is not None:
            told = f"type(v := {read(key)}) is {same} or v is None"
            return f"v if {told} else {written}(v, o)"
        if _is_iso_date(field):
            return f"v.isoformat() if type(v := {read(key)}) is date else {written}(v, o)"
        rows = self._rows(field)
        if rows is not None:
            return f"None if (v := {read(key)}) is None else {rows}"
        return f"{written}({read(key)}, o)"

    def _rows(self, field: fields.Field[Any]) -> str | None:
        """Return the expression of the rows in ``v`` that a field nests; None: it nests none."""
        if type(field)._serialize is fields.List._serialize:
            row = self._row(field.inner)  # type: ignore[attr-defined]
            return row and f"[None if e is None else {row}(e) for e in v]"
        row = self._row(field, many=True)
        if row is not None:
            return f"[{row}(e) for e in v]"
        row = self._row(field)
        return row and f"{row}(v)"

    def _row(self, field: fields.Field[Any], *, many: bool = False) -> str | None:
        """Return the name of the function for rows of the schema that ``field`` nests."""
        nested: Any = field
        if type(nested)._serialize is not fields.Nested._serialize or self._depth == _MAX_DEPTH:
            return None
        if bool(nested.many or nested.schema.many) is not many or not _is_plain(nested.schema):
            return None
        return self._name(row_function(nested.schema, self._depth + 1))

    def _written(self, name: str, field: fields.Field[Any]) -> Callable[[Any, Any], Any]:
        """Return what writes a value as the field does."""
        serialize = field._serialize

        def written(value: Any, obj: Any) -> Any:
            if value is missing:
                raise _Missing
            found = serialize(value, name, obj)
            if found is missing:
                raise _Missing
            return found

        return written

    def _read_and_written(self, name: str, field: fields.Field[Any]) -> Callable[[Any], Any]:
        """Return what reads and writes a field that has its own way to read."""
        serialize, accessor = field.serialize, self._schema.get_attribute

        def read_and_written(obj: Any) -> Any:
            found = serialize(name, obj, accessor=accessor)
            if found is missing:
                raise _Missing
            return found

        return read_and_written

    def _name(self, value: Any) -> str:
        name = f"f{len(self._names)}"
        self._names[name] = value
        return name


def _item(key: str) -> str:
    return f"o[{key!r}]"


def _attribute(key: str) -> str:
    plain = key.isidentifier() and not keyword.iskeyword(key)
    return f"o.{key}" if plain else f"getattr(o, {key!r})"


def _unchanged(field: fields.Field[Any]) -> str | None:
    """Return the name of the type whose values (and None) the field writes as they are."""
    kind: Any = type(field)
    if kind._serialize is fields.String._serialize:
        return "str"
    if kind._serialize is fields.Boolean._serialize and isinstance(field, fields.Boolean):
        return "bool"
    if (
        isinstance(field, fields.Integer | fields.Float)
        and kind._serialize is fields.Number._serialize
        and kind._format_num is fields.Number._format_num
        and field.num_type in {int, float}
        and not field.as_string
    ):
        return field.num_type.__name__
    return None


def _is_iso_date(field: fields.Field[Any]) -> bool:
    return (
        isinstance(field, fields.Date)
        and type(field)._serialize is fields.Date._serialize
        and (field.format or field.DEFAULT_FORMAT) == "iso"
        and field.SERIALIZATION_FUNCS["iso"] is date.isoformat
    )
