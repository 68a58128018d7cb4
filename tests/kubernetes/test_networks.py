"""Who may talk to whom: each pod is closed but for what is opened to it."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from bookstore.gateways import addresses
from tests.kubernetes.conftest import Objects, labels, matches, of_kind, shop_pods, workloads

METADATA = ip_address("169.254.169.254")
INSIDE = ("10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "127.0.0.1")


def rules(objects: Objects, template: dict[str, Any], way: str) -> Iterator[dict[str, Any]]:
    """Give each rule of a pod in one direction: ``Ingress`` or ``Egress``."""
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        if way in spec["policyTypes"] and matches(spec["podSelector"], labels(template)):
            yield from spec.get(way.lower(), [])


def blocks(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer]


def is_let_out(address: Any, block: dict[str, Any]) -> bool:
    return address in ip_network(block["cidr"]) and not any(
        address in ip_network(one) for one in block.get("except", [])
    )


def test_every_pod_is_closed_first(objects: Objects) -> None:
    closed = [
        policy["spec"]
        for policy in of_kind(objects, "NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
        and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    ]
    assert len(closed) == 1
    assert not {"ingress", "egress"} & set(closed[0])


def test_who_may_come_in(objects: Objects) -> None:
    for name, template in workloads(objects).items():
        found = {
            (
                peer.get("namespaceSelector", {})
                .get("matchLabels", {})
                .get("kubernetes.io/metadata.name", "here"),
                str(port["port"]),
            )
            for rule in rules(objects, template, "Ingress")
            for peer in rule["from"]
            for port in rule["ports"]
        }
        figures = {("monitoring", "8000"), ("monitoring", "9100")}
        assert (
            found
            == {
                "web": {("ingress", "http"), *figures},
                "sockets": {("ingress", "http"), *figures},
                "worker": figures,
                "scheduler": figures,
                "migrate": set(),
                "postgres": {("here", "5432")},
                "redis": {("here", "6379")},
            }[name]
        )


def test_all_reach_the_database_and_redis(objects: Objects) -> None:
    for template in shop_pods(objects).values():
        ports = {
            port["port"]
            for rule in rules(objects, template, "Egress")
            for port in rule["ports"]
            if port["protocol"] == "TCP"
        }
        assert {53, 5432, 6379} <= ports


def test_what_is_refused_to_webhooks_is_closed_to_all(objects: Objects) -> None:
    """The shop looks at each address itself; here the network does so once more."""
    refused_4 = set(addresses._NOT_PUBLIC_4)
    refused_6 = set(addresses._NOT_PUBLIC_6)
    open_to: dict[str, set[Any]] = {}
    for name, template in workloads(objects).items():
        for rule in rules(objects, template, "Egress"):
            for block in blocks(rule):
                assert not is_let_out(METADATA, block), name
                if "except" not in block:
                    continue  # a network of the operator's
                assert not any(is_let_out(ip_address(one), block) for one in INSIDE)
                left_out = {ip_network(one) for one in block["except"]}
                if ip_network(block["cidr"]) == IPv4Network("0.0.0.0/0"):
                    assert left_out == refused_4
                else:
                    assert ip_network(block["cidr"]) == addresses._PUBLIC_6
                    assert left_out == refused_6
                    assert isinstance(ip_network(block["cidr"]), IPv6Network)
                open_to.setdefault(name, set()).update(
                    (port["port"], port.get("endPort", port["port"])) for port in rule["ports"]
                )
    https = {(443, 443)}
    assert open_to == {
        "web": https,
        "sockets": https,
        "scheduler": https,
        "worker": {(1, 65535)},
    }
