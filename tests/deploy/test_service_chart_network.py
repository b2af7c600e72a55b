"""Who may connect to whom, in every NetworkPolicy, is what the allow-matrix says and nothing more."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from edge.table import load_table
from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import (
    ENVIRONMENTS,
    REGIONS,
    Installation,
    Manifest,
    find,
    installed,
    render_service,
)

MATRIX = json.loads((ROOT / "libs/security/allow_matrix.json").read_text())
ROUTES = load_table().edge_routes
KEYS_OF_TOKENS = {(service, "auth") for service in SERVICES}
"""Every service fetches `/.well-known/jwks.json`, which is public and has no row in the matrix."""
CALLS = {(row["caller"], row["callee"]) for row in MATRIX} | KEYS_OF_TOKENS
FROM_THE_EDGE = {("gateway", route.service) for route in ROUTES}


def policy(service: str, component: str) -> Manifest:
    found: Manifest = find(
        installed(Installation(service)), "NetworkPolicy", f"{service}-{component}"
    )["spec"]
    return found


def with_balancer(service: str) -> list[Manifest]:
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/an-id"
    return render_service(
        Installation(service),
        {
            "mesh": {"enabled": False},
            "exposure": {"alb": {"enabled": True, "certificateArn": certificate}},
        },
    )


def neighbours(
    rules: list[dict[str, Any]], direction: str
) -> Iterator[tuple[dict[str, str], list[int]]]:
    """Yield the labels of pods in the own namespace that a rule names, with the ports."""
    for rule in rules:
        for peer in rule[direction]:
            if "podSelector" in peer and "namespaceSelector" not in peer:
                yield peer["podSelector"]["matchLabels"], [port["port"] for port in rule["ports"]]


@pytest.mark.parametrize("component", ["api", "worker"])
def test_a_service_may_call_its_callees_of_the_matrix_and_no_other(component: str) -> None:
    edges = set()
    for service in SERVICES:
        for labels, ports in neighbours(policy(service, component)["egress"], "to"):
            assert ports == [8080]
            assert labels["app.kubernetes.io/component"] == "api"
            edges.add((service, labels["app.kubernetes.io/name"]))
    assert edges == CALLS


def test_a_service_is_called_by_its_callers_of_the_matrix_and_the_gateway_and_no_other() -> None:
    edges = set()
    for service in SERVICES:
        for labels, ports in neighbours(policy(service, "api")["ingress"], "from"):
            assert ports == [8080]
            edges.add((labels["app.kubernetes.io/name"], service))
    assert edges == CALLS | FROM_THE_EDGE


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_but_prometheus_connects_to_a_worker_and_nobody_to_a_migration(service: str) -> None:
    (rule,) = policy(service, "worker")["ingress"]
    (peer,) = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "observability"
    }
    assert policy(service, "migration")["ingress"] == []


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("component", ["api", "worker", "migration"])
def test_both_directions_are_denied_unless_a_rule_says_otherwise(
    service: str, component: str
) -> None:
    spec = policy(service, component)
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    for rule in [*spec["ingress"], *spec["egress"]]:
        assert rule["ports"], "a rule without ports opens all of them"
        assert rule.get("to") or rule.get("from"), "a rule without peers opens it to everybody"
        for peer in rule.get("to", rule.get("from")):
            assert peer.get("namespaceSelector") != {}, "all namespaces"
            assert peer.get("podSelector") != {}, "all pods"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(("number", "region"), list(enumerate(REGIONS)))
def test_data_and_aws_are_reached_in_the_regions_own_network_alone(
    environment: str, number: int, region: str
) -> None:
    manifests = installed(Installation("order", environment, region))
    for component in ("api", "worker"):
        rules = find(manifests, "NetworkPolicy", f"order-{component}")["spec"]["egress"]
        blocks = {
            port["port"]: {peer["ipBlock"]["cidr"] for peer in rule["to"]}
            for rule in rules
            for port in rule["ports"]
            if "ipBlock" in rule["to"][0]
        }
        data = {f"10.{number}.{third}.0/24" for third in (20, 21, 22)}
        pods = {f"10.{number}.{third}.0/24" for third in (10, 11, 12)}
        credentials = {"169.254.170.23/32"}  # EKS Pod Identity's agent on the node
        assert blocks == {5432: data, 6379: data, 443: pods, 80: credentials}


def test_only_payment_and_mails_reach_the_internet_and_only_by_https() -> None:
    outside = {
        service: [port["port"] for port in rule["ports"]]
        for service in SERVICES
        for rule in policy(service, "worker")["egress"]
        for peer in rule["to"]
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    }
    assert outside == {"user": [443], "payment": [443]}


def test_what_a_service_publishes_by_itself_is_what_the_edge_routes_to_it() -> None:
    kinds = {"exact": "Exact", "prefix": "Prefix", "template": "Template"}
    routed = {(r.service, r.matcher.path, kinds[r.matcher.kind]) for r in ROUTES}
    published = set()
    for service in SERVICES:
        ingress = find(with_balancer(service), "Ingress", service)["spec"]["rules"][0]["http"][
            "paths"
        ]
        published |= {(service, path["path"], path["pathType"]) for path in ingress}
    lost = routed - published
    prefixes = {(service, path) for service, path, kind in published if kind == "Prefix"}
    assert published <= routed
    assert all(
        any(service == s and path.startswith(f"{prefix}/") for s, prefix in prefixes)
        for service, path, _ in lost
    ), f"{lost} are routed by the edge alone"
