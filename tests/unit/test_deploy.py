"""What lies in deploy/ fits the shop: its parts, its routes, its settings."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask

from bookstore import sockets
from bookstore.blueprints import parts
from bookstore.config import Settings
from bookstore.config.parts import PARTS

DEPLOY = Path(__file__).parents[2] / "deploy"
TEMPLATE = (DEPLOY / "gateway/nginx.conf.template").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
# Served everywhere, or by nobody outside: where the gateway sends them does not matter.
ANYWHERE = {"health", "metrics", "docs"}


def led_to(path: str) -> str:
    """Return the part that the gateway's map says, as nginx reads it: the first match."""
    body = re.search(r"map \$uri \$part \{(.*?)\n    \}", TEMPLATE, re.S)
    assert body
    for pattern, part in re.findall(r'"~(.+)" (\w+);', body[1]):
        if re.search(pattern, path):
            return str(part)
    return "orders"


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_gateway_leads_each_route_to_its_part(shop: Flask) -> None:
    seen = set()
    for rule in shop.url_map.iter_rules():
        blueprint = rule.endpoint.partition(".")[0]
        part = parts.PART[blueprint]
        if blueprint in ANYWHERE or rule.rule.startswith("/internal"):
            continue
        path = re.sub(r"<[^>]+>", "1", rule.rule)
        assert led_to(path) == part, path
        if path.startswith("/api/v2/"):
            assert led_to(path.replace("/api/v2/", "/api/")) == part, path
        seen.add(part)
    assert seen == set(PARTS)


@pytest.mark.parametrize("database", ["sqlite"])
def test_each_blueprint_has_a_part(shop: Flask) -> None:
    assert set(parts.PART) == set(shop.blueprints)
    live = {module.blp.name for module in (sockets.orders, sockets.notifications)}
    assert {parts.PART[name] for name in live} == {"orders"}


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.y*ml")), ids=lambda path: path.name)
def test_no_key_is_there_twice(path: Path) -> None:
    """YAML forbids it, docker compose refuses it, and PyYAML takes the last."""
    for document in yaml.compose_all(path.read_text()):
        nodes = [document]
        while nodes:
            node = nodes.pop()
            if isinstance(node, yaml.MappingNode):
                keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
                assert len(keys) == len(set(keys)), f"line {node.start_mark.line + 1}: {keys}"
                nodes += [value for _, value in node.value]
            elif isinstance(node, yaml.SequenceNode):
                nodes += node.value


def test_the_compose_file_names_settings_that_there_are() -> None:
    known = {item.name.upper() for item in fields(Settings)}
    for name, service in SERVICES.items():
        if service["image"] == "bookstore":
            assert set(service["environment"]) <= known, name


def test_the_compose_file_has_each_part_once() -> None:
    served = {
        name: service["environment"]["BOOKSTORE_SERVICES"]
        for name, service in SERVICES.items()
        if "BOOKSTORE_SERVICES" in service.get("environment", {})
    }
    assert served == {part: part for part in PARTS}
    for name in {*PARTS, "worker"}:
        environment = SERVICES[name]["environment"]
        urls = [environment[f"{part}_SERVICE_URL"] for part in ("CATALOG", "ORDER", "USER")]
        assert urls == [f"http://{part}:8000" for part in PARTS]


def test_what_the_gateway_is_filled_in_with_is_set() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+)\}", TEMPLATE))
    assert wanted <= set(SERVICES["gateway"]["environment"])
    explained = set(re.findall(r"\b([A-Z]+_[A-Z_]+)\b", TEMPLATE.partition("worker_processes")[0]))
    assert wanted == explained


def test_nothing_of_the_shop_runs_as_root_or_is_open_by_default() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^USER (?!root)", text, re.M)
    shown = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    # What shows the figures runs only when asked for, and then for this machine alone.
    assert SERVICES["grafana"]["profiles"] == ["monitoring"]
    assert all(port.startswith("127.0.0.1:") for port in shown.pop("grafana"))
    assert list(shown) == ["gateway"]
    # What it copies exists.
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        for name in line.split():
            assert (DEPLOY.parent / name).exists(), name
