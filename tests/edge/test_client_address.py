"""Who the client is in shape b: what the chart tells Istio's gateway, on a real Envoy. Shape a: test_container_edge.py."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import yaml

from local.paths import Paths
from tests.deploy.charts import find
from tests.deploy.platform import Place
from tests.edge.containers import COMPOSE, RunningEdge, running_container_edge
from tests.local.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHAPE_B = {"edge": {"shape": "apigateway"}}
CLIENT, CLOUDFRONT, LINK = "203.0.113.9", "198.51.100.1", "10.0.10.7"
"""Whom CloudFront, API Gateway and the internal load balancer see, in the order in which they write it down."""


def istios_gateway() -> str:
    """A gateway as Istio makes one, with the chart's patch merged in and its route's headers."""
    manifests = Place().rendered(SHAPE_B)
    [patch] = find(manifests, "EnvoyFilter", "edge-client-address")["spec"]["configPatches"]
    routes = find(manifests, "VirtualService", "edge")["spec"]["http"]
    route = next(one for one in routes if "headers" in one)
    headers = route["headers"]["request"]
    config = yaml.safe_load(COMPOSE)
    edge = next(one for one in config["static_resources"]["listeners"] if one["name"] == "edge")
    [manager] = edge["filter_chains"][0]["filters"]
    before = manager["typed_config"]
    manager["typed_config"] = {
        "stat_prefix": "edge",
        "route_config": {"virtual_hosts": [host(headers)]},
        "http_filters": [one for one in before["http_filters"] if one["name"].endswith("router")],
        **patch["patch"]["value"]["typed_config"],
    }
    return yaml.safe_dump(config)


def host(headers: dict[str, Any]) -> dict[str, Any]:
    """What Istio makes of a VirtualService's `headers.request`."""
    return {
        "name": "edge",
        "domains": ["*"],
        "routes": [
            {
                "match": {"prefix": "/"},
                "route": {"cluster": "product"},
                "request_headers_to_remove": headers["remove"],
                "request_headers_to_add": [
                    {
                        "header": {"key": name, "value": value},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                    for name, value in headers["set"].items()
                ],
            }
        ],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningEdge]:
    home = Paths(tmp_path_factory.mktemp("istio"))
    home.create()
    async with running_container_edge(istios_gateway(), upstream.port, home) as running:
        yield running


@pytest.mark.parametrize(
    "claimed", ["", "6.6.6.6, ", "6.6.6.6, 7.7.7.7, 8.8.8.8, ", "not an address, "], ids=repr
)
async def test_the_client_is_who_cloudfront_saw_whatever_it_claims(
    gateway: RunningEdge, claimed: str
) -> None:
    sent = {"X-Forwarded-For": f"{claimed}{CLIENT}, {CLOUDFRONT}, {LINK}"}
    seen = (await gateway.http.get("/v1/products", headers=sent)).json()
    assert seen["x-forwarded-for"] == CLIENT


@pytest.mark.parametrize("hops", ["6.6.6.6", "6.6.6.6, 10.0.10.7"])
async def test_who_did_not_come_through_all_of_them_is_believed_nothing(
    gateway: RunningEdge, hops: str
) -> None:
    seen = (await gateway.http.get("/v1/products", headers={"X-Forwarded-For": hops})).json()
    assert seen["x-forwarded-for"] == "127.0.0.1"
