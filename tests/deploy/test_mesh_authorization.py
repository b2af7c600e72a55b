"""Who gets through the mesh, cell by cell: exactly the allow-matrix between services, exactly the route table from the edge."""

import itertools

import pytest

from edge.mesh import mesh_config
from edge.operations import Operation, load_operations
from edge.table import load_table
from libs.security.allow import AllowedCall, allowed_calls
from libs.topology import SERVICES
from tests.deploy.charts import Manifest, find, of_kind
from tests.deploy.istio import Call, is_allowed
from tests.deploy.platform import Place, example_of, operations_of

KEYS_FOR_ALL = ("auth", "get_jwks")
STRANGERS = (
    None,
    "cluster.local/ns/default/sa/default",
    "cluster.local/ns/meridian/sa/default",
    "cluster.local/ns/meridian/sa/simulator",
    "cluster.local/ns/elsewhere/sa/order",
    "cluster.local/ns/meridian/sa/order-migration",
    "cluster.local/ns/observability/sa/prometheus",
    "cluster.local/ns/istio-ingress/sa/istio-ingressgateway",
)
UNROUTED = (
    "/",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/v1",
    "/v1/",
    "/v2/orders",
)


def prod() -> list[Manifest]:
    return Place().rendered()


def pod_of(service: str, component: str = "api") -> dict[str, str]:
    return {
        "app.kubernetes.io/name": service,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "meridian",
    }


def principal_of(caller: str) -> str:
    return f"cluster.local/ns/meridian/sa/{caller}"


def may_call(caller: str | None, callee: str, operation: Operation) -> bool:
    call = Call(caller, operation.method, example_of(operation))
    return is_allowed(prod(), pod_of(callee), call)


@pytest.mark.parametrize(("caller", "callee"), list(itertools.product(SERVICES, SERVICES)))
def test_a_service_reaches_exactly_the_operations_of_its_rows(caller: str, callee: str) -> None:
    rows = {
        row.operation for row in allowed_calls() if (row.caller, row.callee) == (caller, callee)
    }
    rows |= {name for service, name in [KEYS_FOR_ALL] if service == callee}
    operations = operations_of(callee)
    reached = {one.name for one in operations if may_call(principal_of(caller), callee, one)}
    assert reached == rows


@pytest.mark.parametrize("callee", SERVICES)
def test_the_gateway_reaches_exactly_what_the_route_table_serves(callee: str) -> None:
    table = load_table()
    for operation in operations_of(callee):
        route = table.route_for(operation.path)
        served = route is not None and route.service == callee
        assert may_call(principal_of("gateway"), callee, operation) == served, operation.name
        assert served == (operation.audience != "internal"), operation.name


@pytest.mark.parametrize("callee", SERVICES)
def test_the_gateway_reaches_nothing_beside_its_rows(callee: str) -> None:
    table = load_table()
    others = [path for path in UNROUTED if table.route_for(path) is None]
    elsewhere = [one.path for name in SERVICES if name != callee for one in operations_of(name)]
    for path, method in itertools.product(others + elsewhere, ("GET", "POST", "DELETE")):
        call = Call(principal_of("gateway"), method, path)
        assert not is_allowed(prod(), pod_of(callee), call), f"{method} {path}"
    longer = [f"{route.matcher.path}x" for route in table.edge_routes if route.service == callee]
    for path in longer:
        if table.route_for(path) is None:
            call = Call(principal_of("gateway"), "GET", path)
            assert not is_allowed(prod(), pod_of(callee), call), path


@pytest.mark.parametrize("stranger", STRANGERS, ids=str)
@pytest.mark.parametrize("callee", SERVICES)
def test_nobody_else_reaches_any_operation(callee: str, stranger: str | None) -> None:
    reached = [one.name for one in operations_of(callee) if may_call(stranger, callee, one)]
    assert not reached


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("component", ["api", "worker"])
def test_metrics_are_prometheus_own_and_prometheus_gets_nothing_else(
    service: str, component: str
) -> None:
    pod = pod_of(service, component)
    prometheus = "cluster.local/ns/observability/sa/prometheus"
    assert is_allowed(prod(), pod, Call(prometheus, "GET", "/metrics"))
    assert not is_allowed(prod(), pod, Call(prometheus, "POST", "/metrics"))
    assert not is_allowed(prod(), pod, Call(prometheus, "GET", "/readyz"))
    for caller in (*SERVICES, "gateway"):
        assert not is_allowed(prod(), pod, Call(principal_of(caller), "GET", "/metrics"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_is_called_by_nobody(service: str) -> None:
    for caller, operation in itertools.product((*SERVICES, "gateway"), operations_of(service)):
        call = Call(principal_of(caller), operation.method, example_of(operation))
        assert not is_allowed(prod(), pod_of(service, "worker"), call)


def test_another_port_of_a_pod_is_closed_even_to_who_may_call() -> None:
    call = Call(principal_of("order"), "POST", "/v1/reservations", port="15000")
    assert not is_allowed(prod(), pod_of("product"), call)


def test_a_pod_nobody_wrote_a_policy_for_is_closed() -> None:
    pod = {"app.kubernetes.io/name": "debug"}
    assert not is_allowed(prod(), pod, Call(principal_of("order"), "GET", "/"))


def test_in_the_other_shape_the_gateway_is_istios_own() -> None:
    manifests = Place().rendered({"edge": {"shape": "apigateway"}})
    login = Call("cluster.local/ns/istio-ingress/sa/istio-ingressgateway", "POST", "/v1/auth/login")
    assert is_allowed(manifests, pod_of("auth"), login)
    own = Call(principal_of("gateway"), "POST", "/v1/auth/login")
    assert not is_allowed(manifests, pod_of("auth"), own)


def test_every_connection_in_the_namespace_is_mutual_tls() -> None:
    (peer,) = of_kind(prod(), "PeerAuthentication")
    assert peer["spec"] == {"mtls": {"mode": "STRICT"}}
    for rule in of_kind(prod(), "DestinationRule"):
        assert rule["spec"]["trafficPolicy"]["tls"] == {"mode": "ISTIO_MUTUAL"}


@pytest.mark.parametrize("service", ["user", "product", "cart", "order", "payment"])
def test_a_token_that_is_sent_has_to_be_ours(service: str) -> None:
    (rule,) = find(prod(), "RequestAuthentication", service)["spec"]["jwtRules"]
    assert rule["issuer"] == "https://api.example.com"
    assert rule["audiences"] == ["meridian"]
    assert rule["jwksUri"].startswith("http://auth.meridian.svc.cluster.local:8080/")
    assert rule["forwardOriginalToken"] is True
    assert [header["name"] for header in rule["fromHeaders"]] == ["Authorization"]


def test_whoever_logs_in_may_still_send_an_expired_token() -> None:
    checked = {one["metadata"]["name"] for one in of_kind(prod(), "RequestAuthentication")}
    assert checked == set(SERVICES) - {"auth"}


def test_a_row_for_an_operation_nobody_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    row = AllowedCall(caller="order", callee="cart", operation="get_basket", user_token=False)
    monkeypatch.setattr("edge.mesh.allowed_calls", lambda: (row,))
    with pytest.raises(LookupError, match="get_basket"):
        mesh_config(load_table(), load_operations())
