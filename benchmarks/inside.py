"""One request to an application in this process."""

import contextvars
import importlib
import io
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import current_app

from benchmarks.client import Request


@dataclass(frozen=True, slots=True)
class Answer:
    """What an application answered; the names of headers are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


def application(name: str) -> Callable[..., Any]:
    """Return an application by its name, ``module:attribute``; the present one for the shop's."""
    module, _, attribute = name.partition(":")
    if module == "wsgi":
        return current_app._get_current_object()  # type: ignore[attr-defined]
    return getattr(importlib.import_module(module), attribute)


def ask(app: Callable[..., Any], request: Request) -> Answer:
    """Return the answer to one request."""
    # In an empty context, as a server's: in that of the caller each request would join the
    # present application context, and leave its database session to the next.
    return contextvars.Context().run(call, app, environ(request))


def call(app: Callable[..., Any], environ: dict[str, Any]) -> Answer:
    """Return the answer to one request, in the context of the caller."""
    told: list[Any] = []

    def start(line: str, headers: Any, _error: Any = None) -> None:
        told[:] = [int(line[:3]), headers]

    answer = app(environ, start)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return Answer(told[0], {name.lower(): value for name, value in told[1]}, body)


def environ(request: Request) -> dict[str, Any]:
    """Return a request as WSGI has it."""
    path, _, query = request.path.partition("?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "RAW_URI": request.path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers().items():
        key = name.upper().replace("-", "_")
        found[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
    return found


def quiet() -> None:
    """Keep the work of logging in this process but send its lines nowhere."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(Path(os.devnull).open("w"))  # noqa: SIM115
