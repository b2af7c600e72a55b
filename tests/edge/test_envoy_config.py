"""Envoy's configuration as data: deadlines, streams, importance, the same edge in all surroundings."""

import json
from dataclasses import replace
from typing import Any

import pytest

from edge.envoy.bootstrap import envoy_config
from edge.envoy.surroundings import (
    BROWSING_PER_PROCESS,
    Surroundings,
    in_cluster,
    in_compose,
)
from edge.table import RouteTable, load_table
from local.gateway import surroundings
from local.settings import StackSettings
from tests.deploy.charts import VALUES, values_of

EVERYWHERE = {
    "local": surroundings(StackSettings()),
    "compose": in_compose(),
    "cluster": in_cluster(),
}


def manager_of(config: dict[str, Any]) -> dict[str, Any]:
    listener = config["static_resources"]["listeners"][0]
    manager: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return manager


@pytest.fixture(params=EVERYWHERE.values(), ids=list(EVERYWHERE))
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return envoy_config(load_table(), request.param)


def test_streams_have_no_timeout_but_an_end(config: dict[str, Any]) -> None:
    routes = manager_of(config)["route_config"]["virtual_hosts"][0]["routes"]
    streams = [row["route"] for row in routes if "max_stream_duration" in row["route"]]
    assert streams
    for route in streams:
        assert route["timeout"] == "0.0s"
        assert route["idle_timeout"] == "60s"
        assert route["max_stream_duration"] == {"max_stream_duration": "330s"}


def test_who_does_not_say_how_long_they_wait_gets_the_tables_deadline(
    config: dict[str, Any],
) -> None:
    added = manager_of(config)["route_config"]["virtual_hosts"][0]["request_headers_to_add"]
    deadline = {"key": "Request-Timeout", "value": "3000"}
    assert {"header": deadline, "append_action": "ADD_IF_ABSENT"} in added


def test_browsing_finds_a_quarter_of_the_places_at_most(config: dict[str, Any]) -> None:
    for cluster in config["static_resources"]["clusters"]:
        if "circuit_breakers" not in cluster:
            continue  # Envoy's own pages
        most = {
            threshold["priority"]: threshold["max_requests"]
            for threshold in cluster["circuit_breakers"]["thresholds"]
        }
        assert most["DEFAULT"] * 4 <= most["HIGH"]


def test_in_a_cluster_the_places_for_browsing_grow_with_the_processes_behind_each_gateway() -> None:
    """Too few would refuse what product has time for; too many only leave the refusing to product."""
    product = values_of([VALUES / "services" / "product.yaml"])["api"]["replicas"]["max"]
    gateways = values_of([VALUES / "platform" / "prod.yaml"])["gateway"]["replicas"]["min"]
    assert in_cluster().browsing_places == BROWSING_PER_PROCESS * product // gateways
    assert in_compose().browsing_places == BROWSING_PER_PROCESS


def test_the_admin_pages_are_on_loopback_only(config: dict[str, Any]) -> None:
    assert config["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


def test_a_thousand_clients_are_told_apart(config: dict[str, Any]) -> None:
    text = json.dumps(config)
    assert text.count('"descriptors"') == text.count('"max_dynamic_descriptors": 10000') > 0


@pytest.mark.parametrize("where", EVERYWHERE.values(), ids=list(EVERYWHERE))
def test_the_same_rules_hold_wherever_the_edge_runs(where: Surroundings) -> None:
    mine = manager_of(envoy_config(load_table(), replace(where, by_name=True)))
    theirs = manager_of(envoy_config(load_table(), in_compose()))
    addresses = {"xff_num_trusted_hops", "early_header_mutation_extensions", "http_filters"}
    assert {name for name in mine if mine[name] != theirs[name]} <= addresses
    filters = [one["name"] for one in mine["http_filters"]]
    assert filters == [one["name"] for one in theirs["http_filters"]]
    assert filters[0] == "envoy.filters.http.rbac"


def test_another_version_is_written_anew_for_the_services() -> None:
    table = load_table().model_dump(by_alias=True)
    table["versions"] = {"v1": "v1", "v2": "v1"}
    plain = next(row for row in table["routes"] if row["path"] == "/me")
    table["routes"] = [{**plain, "version": "v2"}]
    config = envoy_config(RouteTable.model_validate(table), in_compose())
    row = manager_of(config)["route_config"]["virtual_hosts"][0]["routes"][0]
    assert row["match"]["path_separated_prefix"] == "/v2/me"
    assert row["route"]["regex_rewrite"]["substitution"] == "/v1/"
