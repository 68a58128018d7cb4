"""What lies in deploy/ fits the shop: its parts, its routes, its settings."""

import json
import re
import subprocess
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
import yaml
from flask import Flask

from bookstore import engine, sockets
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
    """Return the part that the gateway's map says, as nginx reads it: the path itself, else the
    first match."""
    body = re.search(r"map \$uri \$part \{(.*?)\n    \}", TEMPLATE, re.S)
    assert body
    for whole, part in re.findall(r"^ +(/\S*) (\w+);", body[1], re.M):
        if path == whole:
            return str(part)
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
    # One within another belongs where that does.
    assert set(parts.PART) == {name.partition(".")[0] for name in shop.blueprints}
    live = {module.blp.name for module in (sockets.orders, sockets.notifications, sockets.jobs)}
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
    shown = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    # What shows the figures runs only when asked for, and then for this machine alone.
    assert SERVICES["grafana"]["profiles"] == ["monitoring"]
    assert all(port.startswith("127.0.0.1:") for port in shown.pop("grafana"))
    assert list(shown) == ["gateway"]
    for name, service in SERVICES.items():
        if service["image"] == "bookstore":
            assert service["read_only"] is True, name
            assert "/tmp" in service["tmpfs"]


def test_nobody_is_asked_who_has_no_port() -> None:
    """The image's health check asks a web server; who runs something else has it off."""
    for name, service in SERVICES.items():
        if service["image"] == "bookstore":
            serves = "command" not in service
            assert service["healthcheck"].get("disable", False) is not serves, name


def test_the_replica_copies_what_lets_itself_be_copied() -> None:
    replica = SERVICES["postgres-replica"]
    assert replica["profiles"] == ["replica"]
    assert replica["image"] == SERVICES["postgres"]["image"]
    script = replica["command"][2].replace("$$", "$")
    assert "--write-recovery-conf" in script
    assert f"--username {SERVICES['postgres']['environment']['POSTGRES_USER']} " in script
    allowed = COMPOSE["configs"]["replication"]["content"]
    assert "replication" in {config["source"] for config in SERVICES["postgres"]["configs"]}
    for shell in (script, allowed):
        done = subprocess.run(["sh", "-n"], input=shell.replace("$$", "$"), text=True, check=False)
        assert done.returncode == 0


def test_the_pooler_is_passed_by_migrations_only() -> None:
    assert SERVICES["pgbouncer"]["profiles"] == ["pooler"]
    for name, service in SERVICES.items():
        if service["image"] == "bookstore":
            environment = service["environment"]
            host = re.search(r"@(.+)/bookstore$", environment["DATABASE_URL"])
            assert host
            given = (host[1], environment["DATABASE_POOLER"])
            direct = ("postgres", "")
            by_choice = ("${DATABASE_HOST:-postgres}", "${DATABASE_POOLER:-}")
            assert given == (direct if name == "migrate" else by_choice), name


def test_sessions_have_the_limits_of_the_shop_also_behind_a_pooler() -> None:
    statements = COMPOSE["configs"]["limits"]["content"]
    assert statements in (DEPLOY.parent / "docs/operations.md").read_text()
    found = re.findall(r"^ALTER ROLE bookstore SET (\w+) = '(.+)';$", statements, re.M)
    milliseconds = {
        name: f"{value[:-1]}000" if value.endswith("s") else value for name, value in found
    }
    assert milliseconds == engine.LIMITS
    for mounted in SERVICES["postgres"]["configs"]:
        assert mounted["target"].startswith("/docker-entrypoint-initdb.d/")


Instruction = tuple[str, str]


def dockerfile() -> list[Instruction]:
    """Return the instructions, each with what it is given, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M)
    joined = re.sub(r"\\\n\s*", "", text)
    found = [line.partition(" ") for line in joined.splitlines() if line]
    return [(name, given.strip()) for name, _, given in found]


def given_to(name: str) -> list[str]:
    return [given for instruction, given in dockerfile() if instruction == name]


def test_the_image_has_two_stages_of_one_base() -> None:
    assert {name for name, _ in dockerfile()} == {
        *("ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE"),
        *("HEALTHCHECK", "CMD"),
    }
    assert given_to("FROM") == ["${PYTHON} AS packages", "${PYTHON}"]
    (base,) = given_to("ARG")
    version = re.fullmatch(r"PYTHON=python:(\d+)\.(\d+)-slim", base)
    assert version, "named, and not the latest"
    assert (int(version[1]), int(version[2])) >= (3, 11)
    install, account, compiled = given_to("RUN")
    for option in ("--require-hashes", "--no-deps", "--only-binary :all:", "-r requirements.lock"):
        assert option in install
    assert "--uid 10001" in account
    assert "compileall" in compiled


def test_what_the_image_copies_is_there_and_is_sent_along() -> None:
    sent = {
        line.removeprefix("!")
        for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        name
        for line in given_to("COPY")
        if not line.startswith("--from")
        for name in line.split()[:-1]
    }
    assert copied == sent
    assert all((DEPLOY.parent / name).exists() for name in copied)


def test_the_image_is_nobodys_and_serves_by_itself() -> None:
    assert given_to("USER") == ["10001"], "a number: Kubernetes cannot tell whether a name is root"
    assert dockerfile()[-1] == ("CMD", '["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]')
    (environment,) = given_to("ENV")
    pairs = dict(pair.split("=", 1) for pair in environment.split())
    known = {item.name.upper() for item in fields(Settings)}
    assert set(pairs) - known == {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    assert given_to("VOLUME") == [pairs["BOOKSTORE_HOME"]]
    assert given_to("EXPOSE") == [pairs["PORT"]]
    assert "--home-dir " + pairs["BOOKSTORE_HOME"] in given_to("RUN")[1]


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_image_asks_itself_whether_it_is_well(shop: Flask) -> None:
    (check,) = given_to("HEALTHCHECK")
    program = json.loads(check.partition("CMD ")[2])
    assert program[:2] == ["python", "-c"]
    with make_server("127.0.0.1", 0, shop) as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        command, port = [sys.executable, *program[1:]], str(server.server_port)
        done = subprocess.run(command, env={"PORT": port}, check=False)
        server.shutdown()
        serving.join()
    assert done.returncode == 0
    gone = subprocess.run(command, env={"PORT": port}, check=False, capture_output=True)
    assert gone.returncode != 0
