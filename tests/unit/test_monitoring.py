"""Alerts and dashboards ask for figures that there are, and alerts come when they should."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from bookstore import instruments
from bookstore.config.eyes import VERSION
from bookstore.instruments.counting import Counter, Histogram
from tests.clients import Client
from tests.debian import find_program

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy/prometheus"
OPERATIONS = (ROOT / "docs/operations.md").read_text()
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
BOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/dashboards/bookstore.json").read_text())
QUERIES = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
]
# What Prometheus itself adds.
ADDED = {"instance", "job", "le"}


def selectors(node: Any) -> list[Any]:
    """Return what a parsed query reads, wherever it stands in it."""
    if isinstance(node, promql_parser.VectorSelector):
        return [node]
    if isinstance(node, promql_parser.MatrixSelector):
        return [node.vector_selector]
    parts = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param")]
    parts += list(getattr(node, "args", None) or [])
    return [found for part in parts if part is not None for found in selectors(part)]


def counted() -> dict[str, set[str]]:
    """Return the names that processes count under, each with its labels."""
    names: dict[str, set[str]] = {}
    for family in instruments.every():
        ends = ("_bucket", "_sum", "_count") if isinstance(family, Histogram) else ("",)
        names |= {family.name + end: set(family.labels) for end in ends}
    return names


@pytest.fixture(scope="module")
def asked(apps: Any) -> dict[str, set[str]]:
    """The names that /metrics adds when it is asked, each with the labels of its samples."""
    client = Client(apps.empty("sqlite"))
    text = client.get("/metrics").get_data(as_text=True)
    names: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        # One that has no sample yet is there all the same.
        name = f"{family.name}_total" if family.type == "counter" else family.name
        names.setdefault(name, set())
        for sample in family.samples:
            names.setdefault(sample.name, set()).update(sample.labels)
    return names


def test_each_query_reads_what_there_is(asked: dict[str, set[str]]) -> None:
    known = asked | counted() | {"up": set()}
    for query in QUERIES:
        found = selectors(promql_parser.parse(query))
        assert found, query
        for selector in found:
            assert selector.name in known, query
            if known[selector.name]:
                matched = {matcher.name for matcher in selector.matchers.matchers}
                assert matched <= known[selector.name] | ADDED, query


def test_names_are_as_prometheus_has_them() -> None:
    for family in instruments.every():
        assert re.fullmatch(r"bookstore_[a-z0-9_]+", family.name)
        assert family.name.endswith("_total") == isinstance(family, Counter), family.name
        if isinstance(family, Histogram):
            assert family.name.endswith("_seconds")
        assert not set(family.labels) & ADDED, "Prometheus would rename it"


def test_every_figure_is_explained(asked: dict[str, set[str]]) -> None:
    section = OPERATIONS.partition("## Metrics and alarms")[2].partition("\n## ")[0]
    explained = set(re.findall(r"`(bookstore_[a-z_]+)", section))
    families = {family.name for family in instruments.every()}
    snapshot = {name for name in asked if not re.search(r"_(bucket|sum|count)$", name)}
    assert families | snapshot <= explained
    assert explained <= families | set(asked) | set(counted())


def test_every_alert_has_a_page() -> None:
    names = {rule["alert"] for rule in RULES}
    assert set(re.findall(r"^\| `(Bookstore[A-Za-z]+)` \|", OPERATIONS, re.M)) == names
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert rule["annotations"]["summary"].endswith(".")


def test_the_dashboard_reads_from_the_source_that_is_set_up() -> None:
    folder = ROOT / "deploy/grafana/provisioning"
    source = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"][0]
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {source["uid"]}
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_version_is_one() -> None:
    assert f"\nversion = {VERSION}\n" in (ROOT / "setup.cfg").read_text()


@pytest.fixture(scope="module")
def promtool() -> str:
    found = find_program("promtool", "prometheus")
    if found is None:
        assert not os.environ.get("CI"), "no promtool: the alerts would go untested"
        pytest.skip("no promtool on PATH, and none to be had from Debian's packages")
    return found


def run(promtool: str, *arguments: str, text: str | None = None) -> None:
    done = subprocess.run(
        [promtool, *arguments],
        cwd=PROMETHEUS,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_come_when_they_should(promtool: str) -> None:
    tested = yaml.safe_load((PROMETHEUS / "alerts.test.yml").read_text())["tests"]
    assert {f"Bookstore{test['name']}" for test in tested} == {rule["alert"] for rule in RULES}
    run(promtool, "check", "rules", "alerts.yml")
    run(promtool, "test", "rules", "alerts.test.yml")


def test_prometheus_takes_its_configuration(promtool: str) -> None:
    run(promtool, "check", "config", "--syntax-only", "prometheus.yml")


@pytest.mark.parametrize("database", ["sqlite"])
def test_prometheus_takes_the_figures(promtool: str, shop: Flask, client: Client) -> None:
    client.get("/books")
    run(promtool, "check", "metrics", text=client.get("/metrics").get_data(as_text=True))
