"""The addresses of covers, and the embedded store: what S3's own server does for others.

A file is taken in by a form that the shop has signed, before which nothing of it is written.
"""

from collections.abc import Iterator

from flask import Blueprint, Response, request, send_file
from werkzeug import exceptions
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData
from werkzeug.utils import redirect
from werkzeug.wrappers import Response as BaseResponse

from bookstore.blueprints import transport
from bookstore.blueprints.api import requires
from bookstore.services import storage

blp = Blueprint("storage", __name__)

_CHUNK, _BUFFER, _PARTS = 64 * 1024, 256 * 1024, 40


@blp.get("/covers/<name>.webp")
def cover(name: str) -> BaseResponse:
    """Lead on to the store: this address stays, that link is good for an hour."""
    response = redirect(storage.cover_link(name), 302)
    response.headers["Cache-Control"] = f"public, max-age={storage.LINK_SECONDS // 2}"
    transport.for_other_sites(response)
    return response


@blp.get("/storage/<path:key>")
def read(key: str) -> Response:
    """Return a file to whoever has a link that is signed and not too old."""
    path = storage.open_file(key, request.args)
    mimetype = "image/webp" if path.suffix == ".webp" else "application/octet-stream"
    response = send_file(path, mimetype=mimetype, conditional=True, etag=path.stem)
    response.headers["Cache-Control"] = storage.IMMUTABLE
    # Whatever it is, a browser is to show it and no more.
    response.headers["Content-Security-Policy"] = f"{transport.NOTHING}; sandbox"
    transport.for_other_sites(response)
    return response


@blp.post("/storage")
@requires("anyone")
def upload() -> Response:
    """Take in a file by a signed form, as an S3 presigned POST: fields first, then `file`."""
    request.max_content_length = storage.BODY_LIMIT
    if request.content_length is None:
        raise exceptions.LengthRequired
    events = _events()
    fields: dict[str, str] = {}
    try:
        for event in events:
            if isinstance(event, File):
                if event.name != "file":
                    raise exceptions.BadRequest("The file belongs into the part `file`.")
                storage.receive(storage.admit(fields), _chunks(events))
                return Response(status=204)
            if isinstance(event, Field):
                if not event.name:
                    raise exceptions.BadRequest("A part of the form has no name.")
                fields[event.name] = b"".join(_chunks(events)).decode()
    except ValueError as error:
        raise exceptions.BadRequest(f"The form cannot be read: {error}.") from None
    raise exceptions.BadRequest("There is no part `file` in the form.")


def _events() -> Iterator[Event]:
    """Yield the parts of the form as they come in."""
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise exceptions.UnsupportedMediaType("Send the form as multipart/form-data.")
    decoder = MultipartDecoder(boundary.encode("latin-1"), _BUFFER, max_parts=_PARTS)
    while True:
        event = decoder.next_event()
        if isinstance(event, NeedData):
            # None: there is no more, and what is still wanted is missing.
            decoder.receive_data(request.stream.read(_CHUNK) or None)
        elif isinstance(event, Epilogue):
            return
        else:
            yield event


def _chunks(events: Iterator[Event]) -> Iterator[bytes]:
    """Yield the data of the part that has just begun."""
    for event in events:
        if isinstance(event, Data):
            yield event.data
            if not event.more_data:
                return
