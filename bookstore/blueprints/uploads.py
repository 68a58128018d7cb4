"""Files in a request: as its body, as ``file`` of a form, or as an address in JSON."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import marshmallow as ma
from flask import request
from marshmallow.validate import OneOf
from webargs.flaskparser import FlaskParser
from werkzeug import exceptions

from bookstore import errors
from bookstore.blueprints.api import Parser, raw_body
from bookstore.blueprints.documenting import document
from bookstore.schemas.common import Schema

# What a form may have around its file.
_ROOM = 64 * 1024
_FORM, _JSON = "multipart/form-data", "application/json"
_PARSER: FlaskParser = Parser()


def takes_file(
    fields: type[Schema], types: tuple[str, ...], most: int
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Hand a view what was sent: ``data``, the file, or ``url``, and what else ``fields`` has.

    It goes above ``idempotent``, and below the ``arguments`` of a query.

    Args:
        fields: of the JSON body, with a required ``url``; a form may have the others too.
        types: media types of files that are sent as they are.
        most: bytes of a file; 413 for more.
    """
    in_json, in_form = fields(), fields(partial=("url",))

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def taken(*args: Any, **kwargs: Any) -> Any:
            kind = request.mimetype
            if kind in {_JSON, ""} or kind.endswith("+json"):
                given = _PARSER.parse(in_json, request, location="json")
            elif kind == _FORM or kind in types:
                request.max_content_length = most + _ROOM
                given = _of_form(in_form) if kind == _FORM else {"data": _whole(most + _ROOM)}
            else:
                raise exceptions.UnsupportedMediaType(
                    f"Send the file as {' or '.join(types)}, as `file` of a {_FORM}, or its "
                    f"address as {_JSON}."
                )
            if len(given.get("data", b"")) > most:
                raise exceptions.RequestEntityTooLarge
            if given.get("data") == b"":
                raise errors.Invalid({"file": ["The file is empty."]})
            return view(*args, given, **kwargs)

        binary = {"type": "string", "format": "binary", "minLength": 1}
        form = {
            "type": "object",
            "required": ["file"],
            "properties": {"file": binary, **_options(in_form)},
            "additionalProperties": False,
        }
        document(
            taken,
            requestBody={
                "required": True,
                "description": f"The file, at most {most // 1024**2} MiB; or where it is.",
                "content": {
                    _JSON: {"schema": fields},
                    _FORM: {"schema": form},
                    **{kind: {"schema": binary} for kind in types},
                },
            },
        )
        return taken

    return decorator


def _options(fields: Schema) -> dict[str, dict[str, Any]]:
    """Return what a form may have beside its file, as JSON Schema."""
    found: dict[str, dict[str, Any]] = {}
    for name, field in fields.fields.items():
        if name != "url":
            [choices] = [one.choices for one in field.validators if isinstance(one, OneOf)] or [()]
            kind = {"type": "string", "enum": list(choices)} if choices else {"type": "boolean"}
            found[name] = kind | {"description": field.metadata["description"]}
    return found


def _of_form(fields: Schema) -> dict[str, Any]:
    raw_body(request)  # kept: what is said of a body that cannot be read is said there
    unknown = [name for name in request.files if name != "file"]
    if unknown:
        raise errors.Invalid({name: ["Unknown field."] for name in unknown})
    try:
        given: dict[str, Any] = fields.load(request.form.to_dict())
    except ma.ValidationError as error:
        raise errors.Invalid(error.messages_dict) from None
    file = request.files.get("file")
    if (file is None) == ("url" not in given):
        raise errors.Invalid({"file": ["Send a file, or the url of one."]})
    return given if file is None else given | {"data": file.read()}


def _whole(most: int) -> bytes:
    data = raw_body(request)
    if request.content_length is None and len(data) >= most:
        # werkzeug cuts a chunked body off at the limit and says nothing.
        raise exceptions.RequestEntityTooLarge
    return data
