"""The way of every allowed call is open from end to end, and no other way is."""

import ipaddress
import itertools
import json
from typing import Any

import pytest
import yaml

from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.charts import NAMESPACE, Manifest, find, of_kind
from tests.deploy.reachability import may_be_reached_from, may_connect
from tests.deploy.region import PLACES, Place, Pod, everything_in, name_of, pods_of, values_at

every_place = pytest.mark.parametrize("place", PLACES, ids=str)

MATRIX = json.loads((ROOT / "libs" / "security" / "allow_matrix.json").read_text())
CALLS = frozenset((row["caller"], row["callee"]) for row in MATRIX)
JWKS = frozenset((service, "auth") for service in SERVICES)
"""Everybody fetches the keys that tokens are checked with."""


def pod_named(place: Place, workload: str) -> Pod:
    [pod] = [pod for pod in pods_of(everything_in(place)) if pod.workload == workload]
    return pod


def processes_of(place: Place, name: str) -> list[Pod]:
    """Return the pods that act for a service: its API and its worker; or the gateway's."""
    if name == "gateway":
        return [pod_named(place, "Deployment/gateway")]
    return [pod_named(place, f"Deployment/{name}-{part}") for part in ("api", "worker")]


def is_wanted(caller: str, callee: str) -> bool:
    if caller == "gateway":
        return True
    return (caller, callee) in CALLS | JWKS


@every_place
@pytest.mark.parametrize("callee", SERVICES)
def test_pods_reach_an_api_if_and_only_if_the_matrix_says_so(place: Place, callee: str) -> None:
    everything = everything_in(place)
    target = pod_named(place, f"Deployment/{callee}-api")
    for caller in ("gateway", *SERVICES):
        for source in processes_of(place, caller):
            if source.workload == target.workload:
                continue
            way = may_connect(everything, source, target, "http")
            wanted = is_wanted(caller, callee)
            assert all(way) is wanted, f"{source.workload} to {target.workload}: {way}"


@every_place
def test_nobody_reaches_a_worker_or_a_migration(place: Place) -> None:
    everything = everything_in(place)
    pods = [pod for pod in pods_of(everything) if pod.namespace == NAMESPACE]
    hidden = [
        pod
        for pod in pods
        if pod.labels.get("app.kubernetes.io/component") in {"worker", "migration"}
    ]
    assert len(hidden) == 2 * len(SERVICES)
    for source, target in itertools.product(pods, hidden):
        if source.workload != target.workload:
            assert not all(may_connect(everything, source, target, "http")), (
                f"{source.workload} reaches {target.workload}"
            )


@every_place
def test_a_service_leads_to_a_port_its_pods_listen_on(place: Place) -> None:
    everything = everything_in(place)
    for service in of_kind(everything, "Service"):
        selector = service["spec"].get("selector") or {}
        for pod in (pod for pod in pods_of(everything) if pod.is_selected_by(selector)):
            for port in service["spec"]["ports"]:
                target = port.get("targetPort", port["port"])
                known = pod.ports if isinstance(target, str) else set(pod.ports.values())
                assert target in known, f"{name_of(service)} leads to {target} of {pod.workload}"


@every_place
def test_addresses_in_settings_lead_to_a_service_and_its_port(place: Place) -> None:
    everything = everything_in(place)
    known = {
        f"http://{one['metadata']['name']}:{port['port']}"
        for one in of_kind(everything, "Service")
        for port in one["spec"]["ports"]
    }
    for service in SERVICES:
        settings = find(everything, "ConfigMap", f"{service}-settings")["data"]
        for name, value in settings.items():
            inside = value.startswith(tuple(f"http://{callee}" for callee in SERVICES))
            if inside:
                scheme_and_host = "/".join(value.split("/")[:3])
                assert scheme_and_host in known, f"{service}: {name}={value}"


@every_place
def test_tokens_are_issued_and_expected_under_one_name(place: Place) -> None:
    everything = everything_in(place)
    issued = {
        find(everything, "ConfigMap", f"{service}-settings")["data"]["ISSUER"]
        for service in SERVICES
    }
    envoy = yaml.safe_load(find(everything, "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"])
    expected = set(values_at(envoy, "issuer"))
    for one in of_kind(everything, "RequestAuthentication"):
        expected |= set(values_at(one, "issuer"))
    assert len(issued) == 1
    assert expected == issued


@every_place
def test_probes_ask_a_port_the_container_has(place: Place) -> None:
    for pod in pods_of(everything_in(place)):
        for container in pod.containers:
            names = {port["name"] for port in container.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                for asked in values_at(container.get(probe, {}), "port"):
                    assert asked in names, f"{pod.workload}: {probe} asks {asked}"


@every_place
def test_the_gateway_sends_to_the_services_ports(place: Place) -> None:
    everything = everything_in(place)
    config = yaml.safe_load(find(everything, "ConfigMap", "gateway-envoy")["data"]["envoy.yaml"])
    upstreams = {
        cluster["name"]: {
            (address["address"].partition(".")[0], address["port_value"])
            for address in values_at(cluster, "socket_address")
        }
        for cluster in config["static_resources"]["clusters"]
        if cluster["name"] in SERVICES
    }
    assert set(upstreams) == set(SERVICES)
    for service, addresses in upstreams.items():
        ports = find(everything, "Service", service)["spec"]["ports"]
        assert addresses == {(service, ports[0]["port"])}


@every_place
def test_the_load_balancer_reaches_what_it_sends_to_and_what_it_asks_for_health(
    place: Place,
) -> None:
    everything = everything_in(place)
    gateway = pod_named(place, "Deployment/gateway")
    address = _first_address_of_the_load_balancer(place)
    bound = [one["spec"]["serviceRef"] for one in of_kind(everything, "TargetGroupBinding")]
    assert len(bound) == 2
    for named in bound:
        service = find(everything, "Service", named["name"])["spec"]
        [port] = [one for one in service["ports"] if one["port"] == named["port"]]
        assert gateway.is_selected_by(service["selector"])
        assert may_be_reached_from(
            everything, gateway, address, gateway.ports[port["targetPort"]]
        ), f"{address} is kept from the gateway's port {port['targetPort']}"


@every_place
def test_the_mesh_lets_each_caller_of_the_matrix_in_by_its_service_account(place: Place) -> None:
    everything = everything_in(place)
    for callee in SERVICES:
        let_in = {
            principal.rpartition("/")[2]
            for policy in _authorizations(everything, callee)
            for principal in itertools.chain.from_iterable(values_at(policy, "principals"))
        }
        callers = {caller for caller, called in CALLS if called == callee} | {"gateway"}
        accounts = {
            pod.spec["serviceAccountName"]
            for caller in callers
            for pod in processes_of(place, caller)
        }
        assert accounts <= let_in, f"{callee} lets in {let_in}"
        for ports in values_at(_authorizations(everything, callee), "ports"):
            assert set(ports) <= {"8080"}, f"{callee}: {ports}"


def _authorizations(everything: tuple[Manifest, ...], service: str) -> list[dict[str, Any]]:
    return [
        policy
        for policy in of_kind(everything, "AuthorizationPolicy")
        if policy["spec"].get("selector", {}).get("matchLabels", {}).get("app.kubernetes.io/name")
        == service
        and policy["spec"].get("action", "ALLOW") == "ALLOW"
    ]


def _first_address_of_the_load_balancer(place: Place) -> str:
    """topology.md: public subnets are 10.x.1-3.0/24."""
    second = {"us-east-1": 0, "eu-west-1": 1, "ap-south-1": 2}[place.region]
    return str(ipaddress.ip_network(f"10.{second}.1.0/24")[10])
