"""The manifests: what the API takes, and what belongs together."""

import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from bookstore.config import Settings
from tests.kubernetes.conftest import (
    Objects,
    containers,
    labels,
    matches,
    of_kind,
    shop_pods,
    workloads,
)

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy/kubernetes"
# The oldest that has all of it, and the newest there is.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
# Read by boto3 and by PostgreSQL's image, and no settings of the shop.
OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "POSTGRES_PASSWORD"}
SECRETS = {
    "SECRET_KEY": "a secret of production that nobody knows",  # pragma: allowlist secret
    "METRICS_TOKEN": "figures",
    "DATABASE_URL": "postgresql://bookstore:secret@postgres/bookstore",
    "REDIS_URL": "redis://:secret@redis:6379/0",
    "STRIPE_SECRET_KEY": "sk_live_none",  # pragma: allowlist secret
    "STRIPE_PUBLISHABLE_KEY": "pk_live_none",
    "STRIPE_WEBHOOK_SECRET": "whsec_none",
    "SENDGRID_API_KEY": "SG.none",
}


def environment(objects: Objects) -> dict[str, str]:
    """Return what all pods of the shop have, secrets filled in."""
    (settings,) = of_kind(objects, "ConfigMap")
    (secrets,) = of_kind(objects, "Secret")
    filled = {name: SECRETS.get(name, "") for name in secrets["data"]}
    return {**settings["data"], **filled}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_api_takes_each_object(objects: Objects, version: str) -> None:
    for one in objects:
        kubernetes_validate.validate(one, version, strict=True)


def test_each_variable_is_a_setting(objects: Objects) -> None:
    known = {item.name.upper() for item in fields(Settings)}
    named = set(environment(objects))
    for template in shop_pods(objects).values():
        for container in containers(template):
            named |= {variable["name"] for variable in container.get("env", [])}
    assert named - OTHERS <= known


def test_the_shop_starts_with_these_settings(objects: Objects) -> None:
    settings = Settings.from_environ(environment(objects))
    assert settings.is_production
    assert settings.database_url
    assert settings.redis_url
    for name, template in shop_pods(objects).items():
        mounted = {
            mount["mountPath"]
            for container in template["spec"]["containers"]
            for mount in container["volumeMounts"]
        }
        assert {str(settings.bookstore_home), "/tmp"} == mounted, name


def test_what_the_shop_writes_outlives_its_pods(objects: Objects) -> None:
    """Covers and daily reports: in a bucket, or else in a volume that all pods share."""
    settings = Settings.from_environ(environment(objects))
    claims = {one["metadata"]["name"] for one in of_kind(objects, "PersistentVolumeClaim")}
    for name in ("web", "worker", "scheduler"):
        template = shop_pods(objects)[name]
        (home,) = [one for one in template["spec"]["volumes"] if one["name"] == "home"]
        held = home.get("persistentVolumeClaim", {}).get("claimName")
        assert held in claims if settings.s3_bucket is None else held is None, name


def test_settings_and_secrets_reach_all_pods(objects: Objects) -> None:
    sources = {one["metadata"]["name"] for one in of_kind(objects, "ConfigMap", "Secret")}
    # A hash is in the names, so that pods are replaced when something changes.
    assert {name.rpartition("-")[0] for name in sources} == {
        "bookstore-settings",
        "bookstore-secrets",
    }
    for template in shop_pods(objects).values():
        for container in containers(template):
            named = {next(iter(each.values()))["name"] for each in container["envFrom"]}
            assert named == sources


def test_no_secret_is_in_a_file() -> None:
    for example in KUBERNETES.rglob("secrets.env.example"):
        lines = [x for x in example.read_text().splitlines() if x and not x.startswith("#")]
        assert lines
        assert all(line.endswith("=") for line in lines), example
        if not (ROOT / ".git").exists():  # a release, unpacked
            continue
        done = subprocess.run(
            ["git", "check-ignore", "-q", str(example.with_name("secrets.env"))],
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 0, "git would take the secrets along"
    for path in KUBERNETES.rglob("*.yaml"):
        assert "kind: Secret" not in path.read_text().splitlines(), path


def test_selectors_find_their_pods(objects: Objects) -> None:
    for one in of_kind(objects, "Deployment", "StatefulSet"):
        assert matches(one["spec"]["selector"], labels(one["spec"]["template"]))
    pods = workloads(objects)
    for service in of_kind(objects, "Service"):
        found = [
            name
            for name, template in pods.items()
            if matches({"matchLabels": service["spec"]["selector"]}, labels(template))
        ]
        assert found == [service["metadata"]["name"]]
        ports = {port["name"] for port in pods[found[0]]["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_what_scales_and_what_is_spared_exists(production: Objects) -> None:
    pods = workloads(production)
    served = of_kind(production, "Deployment")
    scaled = of_kind(production, "HorizontalPodAutoscaler")
    assert {one["metadata"]["name"] for one in scaled} == {"web", "sockets", "worker"}
    for one in scaled:
        (target,) = [each for each in served if each["metadata"]["name"] == one["metadata"]["name"]]
        reference = one["spec"]["scaleTargetRef"]
        assert (reference["kind"], reference["name"]) == ("Deployment", target["metadata"]["name"])
        # A number there would be set back with each release.
        assert "replicas" not in target["spec"]
        for metric in one["spec"]["metrics"]:
            if metric["type"] == "Resource":
                for container in target["spec"]["template"]["spec"]["containers"]:
                    assert metric["resource"]["name"] in container["resources"]["requests"]
    for budget in of_kind(production, "PodDisruptionBudget"):
        found = [
            name
            for name, template in pods.items()
            if matches(budget["spec"]["selector"], labels(template))
        ]
        assert found == [budget["metadata"]["name"]]
    assert {one["metadata"]["name"] for one in of_kind(production, "PodDisruptionBudget")} == {
        one["metadata"]["name"] for one in served
    }


def test_a_release_has_one_image_and_a_job_of_its_own(production: Objects) -> None:
    images = {
        container["image"]
        for template in shop_pods(production).values()
        for container in containers(template)
    }
    (image,) = images
    tag = image.rpartition(":")[2]
    assert tag not in {"latest", "release"}
    (job,) = of_kind(production, "Job")
    assert job["metadata"]["name"] == f"migrate-{tag}"


def test_pods_of_one_kind_stand_apart(production: Objects) -> None:
    for name in ("web", "sockets", "worker", "scheduler"):
        template = workloads(production)[name]
        spread = template["spec"]["topologySpreadConstraints"]
        assert {one["topologyKey"] for one in spread} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }
        for one in spread:
            assert matches(one["labelSelector"], labels(template))
            assert "app.kubernetes.io/component" in one["matchLabelKeys"]


def volumes(template: dict[str, Any]) -> set[str]:
    return {volume["name"] for volume in template["spec"].get("volumes", [])}


def test_nobody_is_root_and_nothing_of_the_image_is_written_to(objects: Objects) -> None:
    for name, template in workloads(objects).items():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            claimed = {mount["name"] for mount in container["volumeMounts"]}
            assert claimed <= volumes(template) | {"data"}
    for account in of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False
    (namespace,) = of_kind(objects, "Namespace")
    held = namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
    assert held == "restricted"
    assert {one["metadata"].get("namespace") for one in objects} == {
        None,
        namespace["metadata"]["name"],
    }
