"""How requests travel in the mesh: how long they may take, which are sent again, where they may go, who is left out."""

from typing import Any

import pytest
from fastapi import FastAPI

from edge.table import load_table
from libs.runtime.serve import KEEP_ALIVE_SECONDS
from libs.topology import SERVICES
from libs.web.calls import CallPolicy
from libs.web.middleware.deadline import _LONGEST_SECONDS
from libs.web.middleware.shed import Shed, Tolerance
from tests.deploy.charts import Installation, Manifest, find, of_kind, render_service
from tests.deploy.istio import Call, route_of, seconds_of
from tests.deploy.platform import PLACES, Place, example_of, operations_of

FROM_GATEWAY = {"app.kubernetes.io/name": "gateway"}
SAFE = {"GET", "HEAD"}
GRACE_SECONDS = 1.0


def prod() -> list[Manifest]:
    return Place().rendered()


def through(service: str, method: str, path: str, **labels: str) -> dict[str, Any]:
    call = Call(None, method, path, source_labels=labels)
    route = route_of(find(prod(), "VirtualService", service), call)
    assert route is not None, f"{method} {path} has no route"
    return route


@pytest.mark.parametrize("service", SERVICES)
def test_only_safe_methods_are_ever_sent_again(service: str) -> None:
    for operation in operations_of(service):
        for labels in (FROM_GATEWAY, {"app.kubernetes.io/name": "order"}):
            route = through(service, operation.method, example_of(operation), **labels)
            again = route["retries"]["attempts"] > 0
            assert not again or operation.method in SAFE, f"{operation.method} {operation.path}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_says_whether_it_is_sent_again(service: str) -> None:
    for route in find(prod(), "VirtualService", service)["spec"]["http"]:
        assert "attempts" in route["retries"], "Istio's own default repeats writes"


@pytest.mark.parametrize("service", SERVICES)
def test_from_the_gateway_each_row_keeps_its_time_and_its_retries(service: str) -> None:
    for operation in operations_of(service):
        row = load_table().route_for(operation.path)
        if row is None:
            continue
        route = through(service, operation.method, example_of(operation), **FROM_GATEWAY)
        expected = row.timeout_seconds and row.timeout_seconds + GRACE_SECONDS
        assert seconds_of(route["timeout"]) == expected, "the gateway answers first"
        repeated = row.retry is not None and operation.method in row.retry.methods
        assert route["retries"]["attempts"] == (row.retry.attempts if row.retry and repeated else 0)
        if row.retry is not None and repeated:
            assert route["retries"]["retryOn"] == ",".join(row.retry.on)


@pytest.mark.parametrize("service", SERVICES)
def test_services_try_again_themselves_and_give_up_before_the_mesh_does(service: str) -> None:
    for operation in operations_of(service):
        labels = {"app.kubernetes.io/name": "order"}
        route = through(service, operation.method, example_of(operation), **labels)
        assert route["name"] == "east-west"
        assert route["retries"] == {"attempts": 0}
        assert seconds_of(route["timeout"]) >= CallPolicy().total


def test_a_stream_has_no_end_the_mesh_would_set() -> None:
    route = through("order", "GET", "/v1/orders/ord_1/events", **FROM_GATEWAY)
    assert seconds_of(route["timeout"]) == 0


def test_no_route_is_shorter_than_the_deadline_a_caller_may_rely_on() -> None:
    shortest = load_table().deadline_seconds
    for virtual_service in of_kind(prod(), "VirtualService"):
        for route in virtual_service["spec"]["http"]:
            seconds = seconds_of(route["timeout"])
            if route["name"] != "east-west" and seconds:
                assert shortest <= seconds <= _LONGEST_SECONDS + GRACE_SECONDS, route["name"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_mesh_lets_in_what_a_service_would_and_closes_connections_first(service: str) -> None:
    policy = find(prod(), "DestinationRule", service)["spec"]["trafficPolicy"]
    pool = policy["connectionPool"]
    limits = Shed(FastAPI(), Tolerance())._limits.values()
    one_process = sum(limit.allowed for limit in limits)
    assert pool["tcp"]["maxConnections"] >= 2 * one_process, (
        "else the mesh refuses before the service"
    )
    assert pool["http"]["http2MaxRequests"] == pool["tcp"]["maxConnections"]
    assert seconds_of(pool["http"]["idleTimeout"]) < KEEP_ALIVE_SECONDS
    assert seconds_of(pool["tcp"]["connectTimeout"]) <= CallPolicy().per_try


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_that_cannot_be_reached_is_left_out_and_a_full_one_is_not(service: str) -> None:
    policy = find(prod(), "DestinationRule", service)["spec"]["trafficPolicy"]
    outliers = policy["outlierDetection"]
    assert outliers["splitExternalLocalOriginErrors"]
    assert outliers["consecutiveLocalOriginFailures"] == 5
    assert outliers["consecutiveGatewayErrors"] == 0, "503 says full, not broken"
    assert outliers["maxEjectionPercent"] <= 50
    locality = policy["loadBalancer"]["localityLbSetting"]
    assert locality["failoverPriority"][-1] == "topology.kubernetes.io/zone"
    assert policy["retryBudget"]["percent"] == 20


def test_a_canary_gets_its_share_of_every_route_and_the_others_none() -> None:
    manifests = Place().rendered({"mesh": {"canary": {"order": 10}}})
    for route in find(manifests, "VirtualService", "order")["spec"]["http"]:
        assert [(d["destination"]["subset"], d["weight"]) for d in route["route"]] == [
            ("stable", 90),
            ("canary", 10),
        ]
    subsets = find(manifests, "DestinationRule", "order")["spec"]["subsets"]
    assert [subset["name"] for subset in subsets] == ["stable", "canary"]
    assert "subsets" not in find(manifests, "DestinationRule", "cart")["spec"]
    (only,) = through("cart", "GET", "/v1/carts/x")["route"]
    assert only.keys() == {"destination"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_rollout_that_shifts_by_the_mesh_names_every_route_it_shifts(service: str) -> None:
    shifting = {"rollout": {"enabled": True, "istio": {"enabled": True}}}
    rollout = find(render_service(Installation(service), shifting), "Rollout", f"{service}-api")
    named = rollout["spec"]["strategy"]["canary"]["trafficRouting"]["istio"]["virtualService"]
    routes = find(prod(), "VirtualService", service)["spec"]["http"]
    assert named == {"name": service, "routes": [route["name"] for route in routes]}


def hosts_of(service: str, manifests: list[Manifest] | None = None) -> set[str]:
    (egress,) = find(manifests or prod(), "Sidecar", service)["spec"]["egress"]
    return {host.partition("/")[2] for host in egress["hosts"]}


@pytest.mark.parametrize("service", [*SERVICES, "gateway"])
def test_a_sidecar_reaches_only_what_is_listed(service: str) -> None:
    assert (
        find(prod(), "Sidecar", service)["spec"]["outboundTrafficPolicy"]["mode"] == "REGISTRY_ONLY"
    )
    assert all("*" not in host for host in hosts_of(service))


def test_only_payment_reaches_the_provider() -> None:
    reaching = {name for name in (*SERVICES, "gateway") if "api.stripe.com" in hosts_of(name)}
    assert reaching == {"payment"}


def test_the_gateway_reaches_services_and_nothing_outside() -> None:
    services = {f"{name}.meridian.svc.cluster.local" for name in SERVICES}
    assert hosts_of("gateway") == services | {"otel-collector.observability.svc.cluster.local"}


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_every_region_reaches_its_own_aws_and_its_own_data(place: Place) -> None:
    manifests = place.rendered()
    aws = find(manifests, "ServiceEntry", "aws")["spec"]["hosts"]
    names = ("sns", "sqs", "sts", "secretsmanager", "kms", "appconfigdata")
    assert aws == [f"{name}.{place.region}.amazonaws.com" for name in names]
    for name, port in (("postgres", 5432), ("redis", 6379)):
        entry = find(manifests, "ServiceEntry", name)["spec"]
        assert entry["addresses"] == place.values()["network"]["data"]
        assert [one["number"] for one in entry["ports"]] == [port]
    assert set(aws) <= hosts_of("order", manifests)


def test_what_is_in_a_sidecars_list_exists() -> None:
    known = {f"{name}.meridian.svc.cluster.local" for name in SERVICES}
    known |= {host for one in of_kind(prod(), "ServiceEntry") for host in one["spec"]["hosts"]}
    known.add("otel-collector.observability.svc.cluster.local")
    for service in (*SERVICES, "gateway"):
        assert hosts_of(service) <= known


def test_in_the_other_shape_the_whole_table_stands_at_istios_gateway() -> None:
    manifests = Place().rendered({"edge": {"shape": "apigateway"}})
    edge = find(manifests, "VirtualService", "edge")
    for service in SERVICES:
        for operation in operations_of(service):
            row = load_table().route_for(operation.path)
            route = route_of(edge, Call(None, operation.method, example_of(operation)))
            assert (route is None) == (row is None), operation.path
            if row is not None and route is not None:
                host = route["route"][0]["destination"]["host"]
                assert host == f"{row.service}.meridian.svc.cluster.local"
                assert seconds_of(route["timeout"]) == row.timeout_seconds
                assert "service-authorization" in route["headers"]["request"]["remove"]


def test_few_requests_are_traced_in_production_and_logs_name_nobody() -> None:
    telemetry = find(prod(), "Telemetry", "default")["spec"]
    assert telemetry["tracing"][0]["randomSamplingPercentage"] <= 10
    (log,) = telemetry["accessLogging"]
    assert log["providers"] == [{"name": "meridian-json"}]
