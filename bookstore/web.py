"""Flask, less what the shop has no use for and each request would pay for."""

from collections.abc import Callable
from typing import Any

import orjson
from flask import Flask, Request, Response
from flask.json.provider import JSONProvider
from flask.sessions import NullSession, SessionInterface, SessionMixin
from werkzeug.datastructures import Headers

# Headers that are not always sent as they stand there.
_REWRITTEN = frozenset({"location", "content-location"})


class Answer(Response):
    """A response whose headers are copied only if there is something to change about them.

    It is not ``response_class``: Flask would make one of what flask-sock returns, and answer a
    socket that was taken over.
    """

    def get_wsgi_headers(self, environ: Any) -> Headers:
        """Return the headers as they are sent."""
        names = {name.lower() for name, _ in self.headers}
        status = self.status_code
        if (
            "content-length" in names
            and _REWRITTEN.isdisjoint(names)
            and 200 <= status != 204
            and status != 304
        ):
            return self.headers
        return super().get_wsgi_headers(environ)


class OrjsonProvider(JSONProvider):
    """Flask's JSON by orjson: several times faster, and it refuses NaN."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Return JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Parse JSON text or bytes."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Answer:
        """Return an answer with JSON, the bytes as they were made."""
        body = orjson.dumps(self._prepare_response_obj(args, kwargs))
        return Answer(body, mimetype="application/json")


class Shop(Flask):
    """Flask whose views and hooks are plain functions, none of them ``async``."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``func``: Flask looks at each function of each request whether it is one."""
        return func


class NoSessions(SessionInterface):
    """No session and no cookie: whoever asks for one may read it, empty, and not write it."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> SessionMixin:
        """Return the session of each request, which is the same; no cookie is looked at."""
        return self._none
