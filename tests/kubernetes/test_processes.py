"""The manifests against the shop: its commands, ports, probes, times, paths and figures."""

import ast
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

from bookstore import create_app, sentry, sockets, traces, worker
from bookstore.config import Settings
from bookstore.extensions import db
from tests.clients import Client, ok
from tests.conftest import SECRET
from tests.debian import find_program
from tests.kubernetes.conftest import Objects, containers, of_kind, shop_pods, workloads

ROOT = Path(__file__).parents[2]
# For those who watch the shop from inside, and for its parts among themselves.
INSIDE = re.compile(r"/(metrics|internal|healthz|readyz)(/|$)")


def constants(path: Path) -> dict[str, Any]:
    """Return what a module sets to plain numbers, without running it."""
    return {
        target.id: node.value.value
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


GUNICORN = constants(ROOT / "gunicorn.conf.py")


@pytest.mark.parametrize("database", ["sqlite"])
def test_each_command_is_one(
    objects: Objects, shop: Flask, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = set()
    for template in shop_pods(objects).values():
        for container in containers(template):
            assert "command" not in container, "the image has no entry point to replace"
            program, *words = container["args"]
            seen.add(program)
            if program == "gunicorn":
                assert words == ["-c", "gunicorn.conf.py", "wsgi:app"]
                assert (ROOT / "gunicorn.conf.py").exists()
                assert "app = create_app()" in (ROOT / "wsgi.py").read_text()
            elif program == "python":
                assert words[0] == "worker.py"
                with pytest.raises(SystemExit):
                    worker.main(["--help"])
                assert set(words[1:]) <= set(capsys.readouterr().out.replace("[", " ").split())
            else:
                assert [program, *words[:2]] == ["flask", "--app", "wsgi"]
                group = FlaskGroup(create_app=lambda: shop)
                done = CliRunner().invoke(group, [*words[2:], "--help"])
                assert done.exit_code == 0, done.output
                assert f" {words[-1 if words[2] == 'db' else 2]} " in done.output
    assert seen == {"gunicorn", "python", "flask"}


def test_ports_are_those_that_the_shop_listens_at(objects: Objects) -> None:
    (settings,) = of_kind(objects, "ConfigMap")
    assert settings["data"]["HOST"] == "0.0.0.0"
    for name, template in shop_pods(objects).items():
        (container,) = template["spec"]["containers"]
        ports = {port["name"]: str(port["containerPort"]) for port in container.get("ports", [])}
        if container["args"][0] == "gunicorn":
            assert ports == {"http": settings["data"]["PORT"]}
        elif container["args"][0] == "python":
            own = {one["name"]: one["value"] for one in container["env"]}
            assert ports == {"metrics": own["WORKER_METRICS_PORT"]}, name


@pytest.mark.parametrize("database", ["sqlite"])
def test_probes_ask_what_answers(objects: Objects, client: Client) -> None:
    asked = set()
    for name, template in shop_pods(objects).items():
        (container,) = template["spec"]["containers"]
        ports = {port["name"] for port in container.get("ports", [])}
        probes = {key: probe for key, probe in container.items() if key.endswith("Probe")}
        assert len(probes) == (3 if container["args"][0] == "gunicorn" else 0), name
        for probe in probes.values():
            assert probe["httpGet"]["port"] in ports
            assert ok(client.get(probe["httpGet"]["path"]))
            asked.add(probe["httpGet"]["path"])
            # Any that takes longer than a period would be asked twice at once.
            assert probe["timeoutSeconds"] <= probe["periodSeconds"]
    assert asked == {"/healthz", "/readyz"}


def test_without_a_database_nothing_is_restarted(
    production: Objects, tmp_path: Path, redis_server: object
) -> None:
    settings = Settings(
        bookstore_env="testing",
        bookstore_home=tmp_path,
        database_url="postgresql://nobody@127.0.0.1:1/none",
        secret_key=SECRET,
    )
    app = create_app(settings)
    client = Client(app)
    for name in ("web", "sockets"):
        (container,) = workloads(production)[name]["spec"]["containers"]
        for probe, status in (("startup", 200), ("liveness", 200), ("readiness", 503)):
            path = container[f"{probe}Probe"]["httpGet"]["path"]
            assert client.get(path).status_code == status, probe
    with app.app_context():
        db.engine.dispose()


def test_pods_have_the_time_to_finish(objects: Objects) -> None:
    behind = traces.STOP_SECONDS + sentry.FLUSH_SECONDS
    for name, template in shop_pods(objects).items():
        grace = template["spec"]["terminationGracePeriodSeconds"]
        (container,) = template["spec"]["containers"]
        if container["args"][0] == "gunicorn":
            before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            # So long a pod stays among those that the next release or Ingress knows of.
            assert before >= 5
            needed = before + GUNICORN["graceful_timeout"] + GUNICORN["SOCKETS_SECONDS"]
            assert grace >= needed + behind, name
        elif container["args"][0] == "python":
            assert grace >= worker.STOP_SECONDS + behind, name


@pytest.mark.parametrize("database", ["sqlite"])
def test_the_ingress_leads_each_path_to_its_pods(production: Objects, shop: Flask) -> None:
    (ingress,) = of_kind(production, "Ingress")
    (rule,) = ingress["spec"]["rules"]
    assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]
    services = {one["metadata"]["name"]: one for one in of_kind(production, "Service")}
    leads: dict[tuple[str, bool], str] = {}
    for entry in rule["http"]["paths"]:
        found = entry["backend"]["service"]
        ports = {port["name"] for port in services[found["name"]]["spec"]["ports"]}
        assert found["port"]["name"] in ports
        leads[entry["path"], entry["pathType"] == "Prefix"] = found["name"]
    live = {module.blp.name for module in (sockets.orders, sockets.notifications, sockets.jobs)}
    used = set()
    for each in shop.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "1", each.rule)
        first = "/" + path.split("/")[1]
        found = leads.get((path, False)) or leads.get((first, True))
        blueprint = each.endpoint.partition(".")[0]
        wanted = "sockets" if blueprint in live else "web"
        assert found == (None if INSIDE.match(path) else wanted), path
        used.add((first, (first, True) in leads))
    assert {path for path, _ in leads} <= {path for path, _ in used}, "no route is there"


@pytest.mark.parametrize("database", ["sqlite"])
def test_autoscalers_go_by_figures_that_there_are(production: Objects, client: Client) -> None:
    adapter = yaml.safe_load((ROOT / "deploy/kubernetes/prometheus-adapter.yaml").read_text())
    queries = {rule["seriesQuery"]: rule["metricsQuery"] for rule in adapter["externalRules"]}
    known = {
        line.split()[2]
        for line in client.get("/metrics").get_data(as_text=True).splitlines()
        if line.startswith("# TYPE")
    }
    used = set()
    for scaler in of_kind(production, "HorizontalPodAutoscaler"):
        for metric in scaler["spec"]["metrics"]:
            if metric["type"] == "External":
                found = metric["external"]["metric"]
                used.add(found["name"])
                narrow = found.get("selector", {}).get("matchLabels", {})
                given = ",".join(f'{key}="{value}"' for key, value in narrow.items())
                query = queries[found["name"]].replace("<<.Series>>", found["name"])
                parsed = promql_parser.parse(query.replace("<<.LabelMatchers>>", given))
                assert isinstance(parsed, promql_parser.AggregateExpr)
    assert used == set(queries)
    assert used <= known


def test_prometheus_finds_the_pods(production: Objects, tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/kubernetes.yml").read_text())
    (job,) = config["scrape_configs"]
    (found,) = job["kubernetes_sd_configs"]
    (namespace,) = of_kind(production, "Namespace")
    assert found["namespaces"]["names"] == [namespace["metadata"]["name"]]
    kept = re.compile(job["relabel_configs"][0]["regex"])
    ports = {
        port["name"]
        for template in shop_pods(production).values()
        for port in template["spec"]["containers"][0].get("ports", [])
    }
    assert ports == {"http", "metrics"}
    assert all(kept.fullmatch(port) for port in ports)
    # Debian's promtool is built without Kubernetes: it looks at all but that.
    del job["kubernetes_sd_configs"]
    job["static_configs"] = [{"targets": ["web:8000"]}]
    (tmp_path / "alerts.yml").write_text((ROOT / "deploy/prometheus/alerts.yml").read_text())
    (tmp_path / "kubernetes.yml").write_text(yaml.safe_dump(config))
    promtool = find_program("promtool", "prometheus")
    if promtool is None:
        assert not os.environ.get("CI"), "no promtool: the configuration would go untested"
        pytest.skip("no promtool on PATH, and none to be had from Debian's packages")
    done = subprocess.run(
        [promtool, "check", "config", "--syntax-only", "kubernetes.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
