"""One scenario inside this process: where its time goes."""

import contextvars
import cProfile
import io
import itertools
import pstats
import time
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks import inside, scenarios
from benchmarks.ceilings import app as raw, preparing
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
    if scenario.app == scenarios.RAW:
        preparing.prepare(shop)
        app: Any = raw.create(shop.settings.sqlalchemy_url, shop.folder)
    else:
        app = inside.application(scenario.app)
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


def _take(source: Iterator[Request], count: int) -> list[dict[str, Any]]:
    return [inside.environ(request) for request in itertools.islice(source, count)]


def _run(app: Any, environs: Iterable[dict[str, Any]], scenario: Scenario) -> None:
    contextvars.Context().run(_answer_all, app, environs, scenario)


def _answer_all(app: Any, environs: Iterable[dict[str, Any]], scenario: Scenario) -> None:
    for environ in environs:
        answer = inside.call(app, environ)
        if answer.status != scenario.status or scenario.holds not in _whole(answer):
            raise WrongAnswer(f"{environ['PATH_INFO']}: {answer}")


def _whole(answer: inside.Answer) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    return head.encode() + answer.body
