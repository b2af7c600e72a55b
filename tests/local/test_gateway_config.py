"""The route table: what it may say, and that it says it in the services' words."""

import json
from pathlib import Path

import pytest

from libs.errors import DomainError
from libs.security import errors as security_errors
from libs.web import errors as web_errors
from local.envoy_problems import EDGE_PROBLEMS
from local.gateway import envoy_config, load_routes
from local.refusal import Refusal
from local.settings import StackSettings


@pytest.mark.parametrize(
    "change",
    [
        {"service": "nobody"},
        {"rate": "unheard"},
        {"retry": "unheard"},
        {"regex": "/v1/x"},
        {"exact": "/v1/x/", "path": "/v1/x"},
        {"path": "/v1/me/"},
    ],
)
def test_a_broken_route_table_is_refused(tmp_path: Path, change: dict[str, str]) -> None:
    table = load_routes().model_dump(by_alias=True)
    table["routes"] = [{**table["routes"][6], **change}]
    file = tmp_path / "routes.json"
    file.write_text(json.dumps(table), encoding="utf-8")
    with pytest.raises(Refusal, match="is not a route table"):
        load_routes(file)


def test_the_table_finds_the_row_envoy_would() -> None:
    table = load_routes()
    events = table.route_for("/v1/orders/ord_1/events")
    assert events is not None
    assert events.stream
    order = table.route_for("/v1/orders/ord_1")
    assert order is not None
    assert not order.stream
    logout = table.route_for("/v1/auth/logout")
    assert logout is not None
    assert logout.auth == "required"
    assert table.route_for("/v1/reservations") is None


def test_streams_have_no_timeout() -> None:
    config = json.dumps(envoy_config(load_routes(), StackSettings()))
    assert '"timeout": "0.0s", "idle_timeout": "60s"' in config


def test_the_edge_repeats_only_what_no_service_has_answered() -> None:
    """An answer such as 503 has tried the callees already: trying again here would multiply their retries."""
    policies = [policy for policy in load_routes().retry_policies.values() if policy is not None]
    assert policies
    for policy in policies:
        assert set(policy.on) <= {"connect-failure", "refused-stream", "reset"}
        assert set(policy.methods) <= {"GET", "HEAD"}
        assert policy.attempts <= 2


def test_only_browsing_is_refused_early_at_the_edge() -> None:
    table = load_routes()
    assert {route.path for route in table.routes if route.browsing} == {
        "/v1/products",
        "/v1/categories",
        "/v1/variants",
    }
    config = envoy_config(table, StackSettings())
    for cluster in config["static_resources"]["clusters"]:
        most = {
            threshold["priority"]: threshold["max_requests"]
            for threshold in cluster["circuit_breakers"]["thresholds"]
        }
        assert most["DEFAULT"] * 4 <= most["HIGH"]


def test_who_does_not_say_how_long_they_wait_gets_the_tables_deadline() -> None:
    config = json.dumps(envoy_config(load_routes(), StackSettings()))
    header = '{"key": "Request-Timeout", "value": "3000"}'
    assert f'"header": {header}, "append_action": "ADD_IF_ABSENT"' in config


def test_edge_and_services_use_the_same_words() -> None:
    known = {
        error.code: error.title
        for module in (web_errors, security_errors)
        for error in vars(module).values()
        if isinstance(error, type) and issubclass(error, DomainError) and error is not DomainError
    }
    shared = [problem for problem in EDGE_PROBLEMS if problem.code in known]
    assert len(shared) >= 6
    for problem in shared:
        assert problem.title == known[problem.code]
