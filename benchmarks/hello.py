"""The two smallest applications there can be: what the shop's requests are compared with."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

BODY = b"Hello, reader!"


def raw(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer anything, as plain WSGI: the price of gunicorn alone."""
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(BODY)))]
    start_response("200 OK", headers)
    return [BODY]


bare = Flask("hello")


@bare.get("/")
def hello() -> bytes:
    """Answer constant bytes: the price of gunicorn and Flask."""
    return BODY
