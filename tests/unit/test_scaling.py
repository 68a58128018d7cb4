"""docs/scaling.md and the arithmetic behind it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks import capacity, limits
from benchmarks.capacity import MIX
from benchmarks.limits import BUSY, Book, Costs
from bookstore import models
from bookstore.config import Settings
from bookstore.engine import connections
from bookstore.extensions import db
from bookstore.gateways.queue import QUEUES
from tests.kubernetes.conftest import Objects, of_kind, rendered

__all__ = ["rendered"]

ROOT = Path(__file__).parents[2]
SCALING = (ROOT / "docs/scaling.md").read_text()
KINDS = {"user", "book", "own", "reference", "local"}


def rows() -> dict[str, tuple[str, str, str]]:
    """Return (kind, key, what must change) of each table, as the document has it."""
    section = SCALING.partition("### Citus")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| (.+) \|$", section, re.M)
    assert len(found) == len({name for name, *_ in found}), "a table is there twice"
    return {name: (kind, key.strip(), why) for name, kind, key, why in found}


def test_each_table_has_its_place() -> None:
    assert models.__all__
    assert set(rows()) == set(db.metadata.tables)
    for name, (kind, key, why) in rows().items():
        table = db.metadata.tables[name]
        assert kind in KINDS, name
        assert why.strip()
        assert bool(key) == (kind in {"user", "book", "own"}), name
        if key:
            column = key.removeprefix("new ").strip("`")
            assert key in {f"`{column}`", f"new `{column}`"}
            assert (column in table.columns) is not key.startswith("new"), f"{name}: {key}"


def test_unique_constraints_that_lack_the_key_are_spoken_of() -> None:
    """What only needs "nothing" has the key in each unique constraint, its primary key too."""
    for name, (_, key, why) in rows().items():
        if not key or not why.startswith("nothing"):
            continue
        table, column = db.metadata.tables[name], key.strip("`")
        unique = [set(index.columns.keys()) for index in table.indexes if index.unique]
        unique += [
            set(constraint.columns.keys())
            for constraint in table.constraints
            if type(constraint).__name__ in {"PrimaryKeyConstraint", "UniqueConstraint"}
        ]
        assert all(column in columns for columns in unique), name


@pytest.mark.parametrize("kind", ["reference", "local"])
def test_no_reference_table_refers_to_a_distributed_one(kind: str) -> None:
    """Citus has no such foreign keys."""
    kinds = {name: found[0] for name, found in rows().items()}
    for name, found in kinds.items():
        if found == kind:
            for key in db.metadata.tables[name].foreign_keys:
                assert kinds[key.column.table.name] in {"reference", "local"}, name


def test_connections_of_the_largest_shop(rendered: Any) -> None:
    objects: Objects = rendered("production")
    most = {
        one["metadata"]["name"]: one["spec"]["maxReplicas"]
        for one in of_kind(objects, "HorizontalPodAutoscaler")
    }
    most["scheduler"] = 2
    (settings,) = of_kind(objects, "ConfigMap")
    web = int(settings["data"]["WEB_WORKERS"])
    processes = {"web": web, "sockets": web, "worker": len(QUEUES), "scheduler": 1}
    threads = int(settings["data"]["WEB_THREADS"])
    each = connections(Settings(web_threads=threads, web_workers=1), workers=0)
    total = sum(most[name] * count * each for name, count in processes.items())
    assert f"**{total} connections**" in SCALING


# -- the arithmetic -------------------------------------------------------------------------------
def scenarios(shop: float = 1.0, database: float = 0.5, redis: float = 0.1) -> dict[str, Any]:
    figures = {"cpu_ms": shop, "postgres_ms": database, "redis_ms": redis}
    each = {kind: {"median": value} for kind, value in figures.items()}
    return {name: {"title": name, **each} for name in MIX}


def test_an_order_comes_with_twenty_requests_80_15_5() -> None:
    each = capacity.costs(scenarios())
    assert pytest.approx(20) == capacity.REQUESTS
    looks = sum(MIX[name] for name in MIX if name not in {"cart", "add", "order"})
    assert (looks / 20, (MIX["cart"] + MIX["add"]) / 20, MIX["order"] / 20) == pytest.approx(
        (0.8, 0.15, 0.05)
    )
    assert (each.shop_ms, each.database_ms, each.redis_ms) == pytest.approx((20, 10, 2))


def test_a_kind_of_request_that_was_not_measured_is_missed() -> None:
    known = scenarios()
    del known["order"]
    with pytest.raises(KeyError, match="order"):
        capacity.costs(known)


def test_the_busiest_second() -> None:
    # 100,000 a day: 10,000 in an hour, 2.8 a second, three times that.
    assert capacity.peak(100_000) == pytest.approx(8.333, abs=0.001)


def test_what_a_load_needs() -> None:
    found = capacity.need(
        1000, 86_400_000, Costs(20, 10, 2), Book(held_ms=5, wal_bytes=20_000, kept_bytes=5_000)
    )
    assert found.requests == pytest.approx(20_000)
    # 20 CPU seconds a second, at most 60 % of each core.
    assert (found.web_cores, found.database_cores) == (34, 17)
    assert found.redis_cores == pytest.approx(2 / BUSY)
    assert found.workers == 3  # 4,000 messages a second
    assert found.sockets == 300_000
    # 34 + 3 + 30 processes that hold 10,000 sockets each.
    assert found.machines == 5
    assert found.socket_mib == pytest.approx(300_000 * 14 / 1024)
    assert found.wal_mb == pytest.approx(20)
    assert found.kept_gb == pytest.approx(86.4e6 * 365 * 5_000 / 1e9)
    # A row held for 5 ms takes 200 a second at most, 120 at ease: of a thousand, an eighth.
    assert found.hottest == pytest.approx(0.12)


def test_a_small_shop_needs_one_of_each() -> None:
    found = capacity.need(0.1, 1000, Costs(20, 10, 2), Book(5, 20_000, 5_000))
    assert (found.web_cores, found.database_cores, found.workers, found.hottest) == (1, 1, 1, 1.0)


def test_what_gives_way_first() -> None:
    found = limits.limits(Costs(20, 10, 2), Book(held_ms=5, wal_bytes=20_000, kept_bytes=5_000))
    by_name = {limit.name: limit.orders for limit in found}
    assert list(by_name.values()) == sorted(by_name.values())
    assert by_name["one book"] == pytest.approx(200 * BUSY / 0.05)
    assert by_name["the primary"] == pytest.approx(64 * BUSY * 100)
    assert by_name["Redis"] == pytest.approx(BUSY * 500)
    # Processes of a core, each with eleven connections.
    assert by_name["connections"] == pytest.approx(300 / 11 * BUSY * 50)
    assert by_name["WAL"] == pytest.approx(5000)
    assert limits.first(found, 8) == "nothing"
    assert limits.first(found, 1000) == "a receiver, Redis, connections"
    assert set(limits.first(found, 1e6).split(", ")) == set(by_name)


def test_what_gives_way_is_spoken_of() -> None:
    section = SCALING.partition("## What gives way first")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\d\. \*\*.+ \((.+)\)\.\*\*", section, re.M))
    assert named == {limit.name for limit in limits.limits(Costs(1, 1, 1), Book(1, 1, 1))}


def test_the_newest_results_count(tmp_path: Path) -> None:
    for at, where in (
        ("2026-01-02", "postgresql"),
        ("2026-01-03", "sqlite"),
        ("2026-01-01", "postgresql"),
    ):
        kept = {"machine": {"at": at}, "databases": {where: {}}}
        (tmp_path / f"{at}.json").write_text(json.dumps(kept))
    (tmp_path / "hot_book.json").write_text("{}")
    assert capacity.newest(tmp_path)["machine"]["at"] == "2026-01-02"
    with pytest.raises(FileNotFoundError, match="make bench"):
        capacity.newest(tmp_path / "none")


def test_what_a_busy_machine_says_by_the_clock_is_not_shown() -> None:
    rates = {how: {"median": 100.0 if how == "apart" else 40.0} for how in ("apart", "together")}
    machine = {"commit": "abc", "at": "2026-01-01", "cpu": "a CPU", "cores": 2}
    results = {"machine": machine, "databases": {"postgresql": {"scenarios": scenarios()}}}
    for load, shown in ((0.5, "40 a second of one book and 100 of"), (9.0, "on a quiet one")):
        hot = {
            "machine": {**machine, "load": [load]},
            "statements": 9,
            "orders_per_second": rates,
        }
        text = capacity.report(results, Book(5.0, 6000, 4000), hot)
        assert shown in text.replace("\n", " ")
        assert "**200 orders a second**" in text.replace("\n", " ")


def test_only_what_is_between_the_marks_is_written() -> None:
    text = f"before\n{capacity.BEGIN}\nold\n{capacity.END}\nafter\n"
    found = capacity.put_between(text, "new")
    assert found == f"before\n{capacity.BEGIN}\nnew\n{capacity.END}\nafter\n"
    assert capacity.put_between(found, "new") == found
    with pytest.raises(ValueError, match="no marks"):
        capacity.put_between("nothing", "new")


def test_it_prints_and_writes_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert capacity.main([]) == 0
    printed = capsys.readouterr().out
    for load in ("1,000 a day", "100,000 a day", "1,000 a second", "100,000 a second"):
        assert f"| {load} |" in printed
    page = tmp_path / "page.md"
    page.write_text(SCALING)
    assert capacity.main(["--write", str(page)]) == 0
    assert printed.strip() in page.read_text()
    assert f"{capacity.BEGIN}\n{capacity.END}" not in SCALING, "the figures are not in the page"
