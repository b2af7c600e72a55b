"""What the edge repeats, gives up, turns away and survives when a service, a client or its start is slow."""

import asyncio

import httpx
import pytest
from joserfc.jwk import RSAKey

from edge.table import RouteTable, load_table
from libs.testing.servers import free_port
from libs.testing.waiting import eventually
from local.gateway import gateway_part, write_config
from local.paths import Paths
from local.process import Supervised
from local.refusal import Refusal
from local.settings import StackSettings
from local.state import StateFile
from tests.local.edge import assert_problem, bearer, running_edge
from tests.local.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")


def impatient_table() -> RouteTable:
    """The table with rows that wait for nobody, streams excepted."""
    table = load_table().model_dump(by_alias=True)
    for row in table["routes"]:
        row["timeout_seconds"] = 0 if row["stream"] else 0.2
    return RouteTable.model_validate(table)


async def test_a_stream_passes_event_by_event_and_outlives_every_timeout(
    upstream: Upstream, key: RSAKey, paths: Paths
) -> None:
    upstream.go_on.clear()
    async with running_edge(upstream, paths, impatient_table()) as http:
        path, token = "/v1/orders/ord_1/events", bearer(key, http)
        async with http.stream("GET", path, headers=token) as answer:
            events = answer.aiter_text()
            assert await anext(events) == "data: 1\n\n"
            assert_problem(await http.get("/v1/products/slow"), 504, "gateway_timeout")
            upstream.go_on.set()
            assert await anext(events) == "data: 2\n\n"


async def test_a_version_is_written_as_the_services_know_it(
    upstream: Upstream, paths: Paths
) -> None:
    table = load_table().model_dump(by_alias=True)
    table["versions"] = {"v1": "v1", "v2": "v1"}
    table["routes"] += [
        {**row, "version": "v2"} for row in table["routes"] if row["path"] == "/products"
    ]
    async with running_edge(upstream, paths, RouteTable.model_validate(table)) as http:
        upstream.calls.clear()
        assert (await http.get("/v2/products/v2/x?a=/v2/")).status_code == 200
        assert (await http.get("/v2/orders")).status_code == 404
        assert upstream.calls == {("GET", "/v1/products/v2/x"): 1}


async def test_while_the_edge_has_no_keys_a_good_token_is_not_called_a_bad_one(
    upstream: Upstream, key: RSAKey, paths: Paths
) -> None:
    nobody = free_port()
    settings = StackSettings(auth_port=nobody, product_port=upstream.port, gateway_port=free_port())
    config = await write_config(load_table(), settings, paths)
    envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
    starting = asyncio.create_task(envoy.start())
    async with httpx.AsyncClient(base_url=settings.url("gateway"), trust_env=False) as http:

        async def listens() -> bool:
            try:
                return (await http.get("/v1/products")).status_code == 200
            except httpx.ConnectError:
                return False

        await eventually(listens)
        answer = await http.get("/v1/orders", headers=bearer(key, http))
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await envoy.stop()
    assert_problem(answer, 503, "service_unavailable")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_only_safe_methods_are_sent_again(
    edge: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.calls.clear()
    assert_problem(await edge.get("/v1/carts/break"), 503, "service_unavailable")
    assert_problem(await edge.post("/v1/carts/break"), 503, "service_unavailable")
    assert upstream.calls["GET", "/v1/carts/break"] == 3
    assert upstream.calls["POST", "/v1/carts/break"] == 1


async def test_a_service_that_asks_for_a_pause_is_not_asked_again(
    edge: httpx.AsyncClient, upstream: Upstream
) -> None:
    upstream.calls.clear()
    assert (await edge.get("/v1/carts/busy")).status_code == 503
    assert upstream.calls["GET", "/v1/carts/busy"] == 1


async def test_a_route_ends_at_its_timeout(upstream: Upstream, paths: Paths) -> None:
    async with running_edge(upstream, paths, impatient_table()) as http:
        assert_problem(await http.get("/v1/products/slow"), 504, "gateway_timeout")


async def test_too_many_requests_are_told_when_to_come_back(
    upstream: Upstream, paths: Paths
) -> None:
    table = load_table().model_dump(by_alias=True)
    table["rate_classes"]["credentials"] = {"requests": 1, "burst": 3, "per_client": True}
    changed = RouteTable.model_validate(table)
    async with running_edge(upstream, paths, changed, refill_seconds=3600) as http:
        let_in = [(await http.post("/v1/auth/login")).status_code for _ in range(3)]
        assert let_in == [200] * 3
        refused = await http.post("/v1/auth/login")
        assert_problem(refused, 429, "rate_limited")
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["ratelimit-policy"] == '"edge-credentials";q=1;w=1'
        assert refused.headers["ratelimit"] == '"edge-credentials";r=0;t=1'
        assert (await http.get("/v1/products")).status_code == 200


async def test_a_service_that_is_away_is_a_problem_document(
    upstream: Upstream, paths: Paths
) -> None:
    async with running_edge(upstream, paths, load_table(), cart_port=free_port()) as http:
        assert_problem(await http.post("/v1/carts"), 503, "service_unavailable")


async def test_the_edge_is_not_ready_before_it_has_the_keys(paths: Paths) -> None:
    nobody = free_port()
    settings = StackSettings(auth_port=nobody, gateway_port=free_port())
    config = await write_config(load_table(), settings, paths)
    envoy = Supervised(gateway_part(settings, paths, config), StateFile(paths.state))
    starting = asyncio.create_task(envoy.start())
    await eventually((paths.run / "envoy-admin").exists)
    assert not await envoy.part.ready()
    assert not starting.done()
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await envoy.stop()


async def test_envoy_itself_checks_the_configuration(paths: Paths) -> None:
    table = load_table().model_dump(by_alias=True)
    table["headers"]["safe_request_id"] = "("
    settings = StackSettings(gateway_port=free_port())
    with pytest.raises(Refusal, match="Envoy does not accept"):
        await write_config(RouteTable.model_validate(table), settings, paths)
