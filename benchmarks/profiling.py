"""One scenario inside this process: where its time goes."""

import contextvars
import cProfile
import io
import itertools
import logging
import os
import pstats
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask, current_app

from benchmarks import hello
from benchmarks.client import Request, WrongAnswer
from benchmarks.scenarios import WARM_UP, Scenario
from benchmarks.shop import Shop

REQUESTS = 500
TOP = 25


def profile(shop: Shop, scenario: Scenario) -> str:
    """Run a scenario under cProfile; return its CPU time a request and the functions that
    took most, by their own time.

    The first number is measured without the profiler, which makes small functions look dear.
    """
    quiet()
    if scenario.app.startswith("benchmarks"):
        app: Any = getattr(hello, scenario.app.partition(":")[2])
    else:
        app = current_app._get_current_object()  # type: ignore[attr-defined]
    requests = scenario.requests(shop)
    source = itertools.cycle(requests) if scenario.again else iter(requests)
    _run(app, _take(source, WARM_UP), scenario)
    plain = []
    for _ in range(3):
        environs = _take(source, REQUESTS // 2)
        started = time.process_time()
        _run(app, environs, scenario)
        plain.append((time.process_time() - started) * 1000 / max(len(environs), 1))
    profiler = cProfile.Profile()
    environs = _take(source, REQUESTS)
    profiler.enable()
    _run(app, environs, scenario)
    profiler.disable()
    out = io.StringIO()
    pstats.Stats(profiler, stream=out).strip_dirs().sort_stats("tottime").print_stats(TOP)
    times = ", ".join(f"{ms:.3f}" for ms in sorted(plain))
    title = f"{scenario.title}: {times} ms of CPU a request in this process (no gunicorn)"
    return f"{title}\n\n{len(environs)} requests under the profiler:{out.getvalue()}"


def quiet() -> None:
    """Keep the access log's work but send its lines nowhere."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(Path(os.devnull).open("w"))  # noqa: SIM115


def _take(source: Iterator[Request], count: int) -> list[dict[str, Any]]:
    return [_environ(request) for request in itertools.islice(source, count)]


def _environ(request: Request) -> dict[str, Any]:
    path, _, query = request.path.partition("?")
    environ: dict[str, Any] = {
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
        environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
    return environ


def _run(app: Flask, environs: Iterable[dict[str, Any]], scenario: Scenario) -> None:
    # In an empty context, as a server's: in that of the caller each request would join the
    # present application context, and leave its database session to the next.
    contextvars.Context().run(_answer_all, app, environs, scenario)


def _answer_all(app: Flask, environs: Iterable[dict[str, Any]], scenario: Scenario) -> None:
    wanted, told = str(scenario.status), [""]

    def start(line: str, _headers: Any, _error: Any = None) -> None:
        told[0] = line

    for environ in environs:
        answer = app(environ, start)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        if not (told[0].startswith(wanted) and scenario.holds in body):
            raise WrongAnswer(f"{environ['PATH_INFO']}: {told[0]}\n{body[:2000]!r}")
