"""The configurations for containers and for clusters, as they are checked in, on a real Envoy."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from edge.envoy.bootstrap import envoy_config
from edge.envoy.surroundings import in_cluster
from edge.table import RouteTable, load_table
from edge.text import as_yaml
from local.binaries import envoy_program
from local.paths import Paths
from local.settings import StackSettings, inherited_environment
from tests.edge.containers import (
    CLUSTER,
    COMPOSE,
    ISSUER,
    RunningEdge,
    client,
    running_container_edge,
    with_tokens,
)
from tests.local.edge import assert_problem, token
from tests.local.upstream import Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = {"ORIGIN_SECRET": "of-today", "ORIGIN_SECRET_PREVIOUS": "of-yesterday"}
HOPS = "6.6.6.6, 203.0.113.9, 198.51.100.1"
"""What a client claims, who the delivery network saw, and whom the load balancer saw."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def compose(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningEdge]:
    home = Paths(tmp_path_factory.mktemp("compose"))
    home.create()
    async with running_container_edge(COMPOSE, upstream.port, home) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningEdge]:
    home = Paths(tmp_path_factory.mktemp("cluster"))
    home.create()
    async with running_container_edge(CLUSTER, upstream.port, home, **SECRET) as running:
        yield running


def signed_in(key: RSAKey, **claims: object) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(key, StackSettings(), **{'iss': ISSUER, **claims})}"}


def proven(**others: str) -> dict[str, str]:
    return {"X-Origin-Secret": SECRET["ORIGIN_SECRET"], **others}


@pytest.mark.parametrize("text", [COMPOSE, CLUSTER], ids=["compose", "cluster"])
async def test_envoy_accepts_the_file_as_it_is(text: str, tmp_path: Path) -> None:
    file = tmp_path / "envoy.yaml"
    file.write_text(with_tokens(text, tmp_path), encoding="utf-8")
    checker = await asyncio.create_subprocess_exec(
        str(envoy_program()),
        *("--mode", "validate", "--config-path", str(file), "--log-level", "error"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=inherited_environment(),
    )
    said, _ = await checker.communicate()
    assert checker.returncode == 0, said.decode()


async def test_who_has_a_token_gets_in_and_is_named_to_the_service(
    compose: RunningEdge, key: RSAKey
) -> None:
    refused = await compose.http.get("/v1/orders", headers={"X-User-Id": "usr_admin"})
    assert_problem(refused, 401, "authentication_required")
    bad = await compose.http.get("/v1/orders", headers=signed_in(key, aud="another"))
    assert_problem(bad, 401, "invalid_token")
    seen = (await compose.http.get("/v1/orders", headers=signed_in(key))).json()
    assert seen["x-user-id"] == "usr_1"
    assert seen["host"] == "localhost"  # the upstream's name, not what the client called us
    assert_problem(await compose.http.get("/v1/reservations"), 404, "route_not_found")


async def test_only_readiness_and_metrics_are_told_outside(compose: RunningEdge) -> None:
    assert (await compose.status.get("/ready")).status_code == 200
    metrics = await compose.status.get("/stats/prometheus")
    assert "envoy_cluster_upstream_rq" in metrics.text
    for path in (
        "/",
        "/config_dump",
        "/certs",
        "/stats",
        "/ready/",
        "/stats/prometheus/../../quitquitquit",
    ):
        assert (await compose.status.get(path)).status_code == 404, path
    for path in ("/ready", "/quitquitquit"):
        assert (await compose.status.post(path)).status_code == 404, path
    assert (await compose.http.get("/ready")).status_code == 404


async def test_in_a_cluster_both_ports_speak_tls_and_nothing_else(cluster: RunningEdge) -> None:
    """The two clients of the fixture check the certificate, and get their answers."""
    assert (await cluster.http.get("/v1/products", headers=proven())).status_code == 200
    assert (await cluster.status.get("/ready")).status_code == 200
    for secure, path in ((cluster.http, "/v1/products"), (cluster.status, "/ready")):
        async with client(secure.base_url.port or 0, trusted=None) as plain:
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await plain.get(path, headers=proven())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_in_a_cluster_older_versions_of_tls_are_refused(cluster: RunningEdge) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # or our own side would be the one that refuses
    context.minimum_version = ssl.TLSVersion.TLSv1
    agreed = {}
    for newest in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context.maximum_version = newest
        agreed[newest] = await handshake(cluster, context)
    assert list(agreed.values()) == ["TLSv1.2", "TLSv1.3"]
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        await handshake(cluster, context)


async def handshake(edge: RunningEdge, context: ssl.SSLContext) -> str:
    _, writer = await asyncio.open_connection("127.0.0.1", edge.http.base_url.port, ssl=context)
    version: str = writer.get_extra_info("ssl_object").version()
    writer.close()
    await writer.wait_closed()
    return version


async def test_without_a_secret_to_ask_for_everybody_may_come(compose: RunningEdge) -> None:
    for sent in ({}, {"X-Origin-Secret": "anything"}):
        seen = (await compose.http.get("/v1/products", headers=sent)).json()
        assert "x-origin-secret" not in seen


@pytest.mark.parametrize("secret", SECRET.values())
async def test_who_comes_through_the_delivery_network_gets_in(
    cluster: RunningEdge, secret: str
) -> None:
    answer = await cluster.http.get("/v1/products", headers={"X-Origin-Secret": secret})
    assert answer.status_code == 200
    assert not [name for name in answer.json() if name.startswith(("x-origin-", "x-edge-"))]
    assert "of-today" not in answer.text


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"X-Origin-Secret": "guessed"},
        {"X-Origin-Secret": ""},
        {"X-Origin-Secret": "-"},
        {"X-Origin-Secret": "of-today,of-today"},
        {"X-Edge-Origin": "open"},
        {"X-Edge-Secret": "mine", "X-Origin-Secret": "mine"},
        {"X-Edge-Secret-Previous": "mine", "X-Origin-Secret": "mine"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/v1/products", "/v1/auth/login", "/v1/orders", "/nowhere"])
async def test_who_goes_around_the_delivery_network_is_turned_away(
    cluster: RunningEdge, upstream: Upstream, key: RSAKey, sent: dict[str, str], path: str
) -> None:
    upstream.calls.clear()
    answer = await cluster.http.get(path, headers={**signed_in(key), **sent})
    assert_problem(answer, 403, "origin_required")
    assert not upstream.calls


async def test_a_dash_does_not_pass_for_a_secret_that_is_not_set(
    upstream: Upstream, paths: Paths
) -> None:
    async with running_container_edge(
        CLUSTER, upstream.port, paths, ORIGIN_SECRET="of-today"
    ) as edge:
        refused = await edge.http.get("/v1/products", headers={"X-Origin-Secret": "-"})
        assert_problem(refused, 403, "origin_required")
        assert (await edge.http.get("/v1/products", headers=proven())).status_code == 200


@pytest.mark.parametrize("secret", [{}, {"ORIGIN_SECRET": ""}], ids=["not set", "empty"])
async def test_a_cluster_without_an_origin_secret_lets_nobody_in(
    upstream: Upstream, paths: Paths, secret: dict[str, str]
) -> None:
    async with running_container_edge(CLUSTER, upstream.port, paths, **secret) as edge:
        for sent in ({}, {"X-Origin-Secret": ""}, {"X-Origin-Secret": "-"}):
            refused = await edge.http.get("/v1/products", headers=sent)
            assert_problem(refused, 403, "origin_required")


async def test_a_token_for_others_is_still_a_bad_token(cluster: RunningEdge, key: RSAKey) -> None:
    answer = await cluster.http.get("/v1/orders", headers=signed_in(key, aud="another") | proven())
    assert_problem(answer, 401, "invalid_token")


async def test_behind_our_own_proxies_the_client_is_who_the_outermost_of_them_saw(
    cluster: RunningEdge,
) -> None:
    sent = proven(**{"X-Forwarded-For": HOPS, "X-Forwarded-Proto": "https"})
    sent["X-Forwarded-Host"] = "evil.example"
    seen = (await cluster.http.get("/v1/products", headers=sent)).json()
    assert seen["x-forwarded-for"] == "203.0.113.9"
    assert seen["x-forwarded-proto"] == "https"
    assert "x-forwarded-host" not in seen


async def test_without_proxies_in_front_nobody_is_believed(compose: RunningEdge) -> None:
    sent = {"X-Forwarded-For": HOPS, "X-Forwarded-Proto": "https"}
    seen = (await compose.http.get("/v1/products", headers=sent)).json()
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"


async def test_a_client_is_limited_by_its_own_address_however_many_others_there_are(
    upstream: Upstream, paths: Paths
) -> None:
    table = load_table().model_dump(by_alias=True)
    table["rate_classes"]["credentials"] = {"requests": 1, "burst": 30, "per_client": True}
    text = as_yaml(envoy_config(RouteTable.model_validate(table), in_cluster()))

    async with running_container_edge(text, upstream.port, paths, **SECRET) as edge:

        async def log_in(client: str) -> httpx.Response:
            sent = proven(**{"X-Forwarded-For": f"{client}, 198.51.100.1"})
            return await edge.http.post("/v1/auth/login", headers=sent)

        for _ in range(30):
            assert (await log_in("203.0.113.1")).status_code == 200
        # More clients than Envoy remembers by default: none of them makes it forget the first.
        others = [await log_in(f"203.0.113.{host}") for host in range(2, 42)]
        assert {answer.status_code for answer in others} == {200}
        # Forgotten, it could come thirty times again.
        assert 429 in {(await log_in("203.0.113.1")).status_code for _ in range(29)}
