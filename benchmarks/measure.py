"""Rounds: all scenarios one after the other, several times over."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from benchmarks import scenarios
from benchmarks.ceilings import preparing
from benchmarks.client import Client, WrongAnswer
from benchmarks.scenarios import WARM_UP, Scenario
from benchmarks.server import Server, cores, tree_cpu
from benchmarks.shop import Shop


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round of one scenario came to; milliseconds of CPU a request."""

    requests: int
    per_second: float
    cpu_ms: float
    redis_ms: float
    postgres_ms: float | None


def rounds(
    shop: Shop,
    wanted: Sequence[Scenario],
    *,
    count: int,
    seconds: float,
    connections: int,
    told: Callable[[str], None],
) -> dict[str, list[Sample]]:
    """Measure each scenario ``count`` times and return its samples by scenario name.

    Every round goes through all scenarios, so that a noisy minute of the machine falls on all
    of them and not on one.

    Raises:
        WrongAnswer: the shop answered something that it should not have.
    """
    pinned = cores()
    if any(scenario.app == scenarios.RAW for scenario in wanted):
        told("recording what the shop sends to its database")
        preparing.prepare(shop)
    samples: dict[str, list[Sample]] = {scenario.name: [] for scenario in wanted}
    with contextlib.ExitStack() as stack:
        servers = {
            app: stack.enter_context(
                Server(app, shop.settings, shop.folder, pinned[0] if pinned else None)
            )
            for app in sorted({scenario.app for scenario in wanted})
        }
        for number in range(1, count + 1):
            for scenario in wanted:
                told(f"round {number} of {count}: {scenario.title}")
                server = servers[scenario.app]
                try:
                    one = sample(shop, server, scenario, seconds, connections)
                except WrongAnswer as error:
                    raise WrongAnswer(f"{error}\n{server.log.read_text()[-3000:]}") from None
                samples[scenario.name].append(one)
    return samples


def sample(
    shop: Shop, server: Server, scenario: Scenario, seconds: float, connections: int
) -> Sample:
    """Measure one scenario once, on a server of its application.

    Raises:
        WrongAnswer: it answered something that it should not have.
        RuntimeError: there are too few requests for so long.
    """
    requests = scenarios.stream(scenario, scenario.requests(shop))
    with Client(server.address, connections, scenario.status, scenario.holds) as client:
        client.run(requests, count=WARM_UP)
        before = _readings(shop, server)
        answered, elapsed = client.run(requests, seconds=seconds)
        after = _readings(shop, server)
    if not answered:
        raise RuntimeError(f"{scenario.title}: no requests were left after the warm-up")
    each = [(late - early) * 1000 / answered for early, late in zip(before, after, strict=True)]
    return Sample(
        requests=answered,
        per_second=answered / elapsed,
        cpu_ms=each[0],
        redis_ms=each[1],
        postgres_ms=each[2] if shop.postgres_pid else None,
    )


def _readings(shop: Shop, server: Server) -> tuple[float, float, float]:
    redis = psutil.Process(shop.redis_pid).cpu_times()
    postgres = tree_cpu(shop.postgres_pid) if shop.postgres_pid else 0.0
    return server.cpu(), redis.user + redis.system, postgres
