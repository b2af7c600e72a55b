"""Every caller has an allowance of requests, strangers by their address."""

from pathlib import Path

import httpx
import pytest

from libs.cache.rate_limit import network_of
from tests.libs.security.guarded import code, service, user


async def test_each_caller_has_an_allowance_and_hears_of_it(
    client: httpx.AsyncClient, keys: Path
) -> None:
    for left in reversed(range(20)):
        response = await client.get("/orders", headers=user())
        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"default";q=20;w=60'
        assert response.headers["RateLimit"].startswith(f'"default";r={left};t=')
    refused = await client.get("/orders", headers=user())

    assert code(refused) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit"].startswith('"default";r=0;t=')
    assert (await client.get("/orders", headers=user(sub="usr_2"))).status_code == 200
    assert (await client.get("/products")).status_code == 200
    assert (await client.get("/variants", headers=service(keys, "order"))).status_code == 200


async def test_strangers_and_forgers_share_their_addresss_allowance(
    client: httpx.AsyncClient,
) -> None:
    for number in range(20):
        forged = {"Authorization": f"Bearer a.b.{number}", "Service-Authorization": "Bearer a.b.c"}
        assert (await client.get("/orders", headers=forged)).status_code == 401
    assert (await client.get("/products")).status_code == 429
    assert (await client.get("/missing")).status_code == 429
    assert (await client.get("/livez")).status_code == 200


async def test_a_request_takes_what_its_operation_costs(client: httpx.AsyncClient) -> None:
    left = []
    for path in ("/orders", "/costly", "/orders"):
        response = await client.get(path, headers=user())
        left.append(response.headers["RateLimit"].split(";")[1])
    assert left == ["r=19", "r=12", "r=11"]


async def test_nothing_costs_more_than_a_whole_allowance(client: httpx.AsyncClient) -> None:
    assert (await client.get("/priceless", headers=user())).status_code == 404
    assert (await client.get("/priceless", headers=user())).status_code == 429


async def test_a_refusal_says_when_there_will_be_enough(client: httpx.AsyncClient) -> None:
    refused = [await client.get("/priceless", headers=user()) for _ in range(2)][1]
    _, left, wait = refused.headers["RateLimit"].split(";")
    assert left == "r=0"
    assert int(refused.headers["Retry-After"]) == int(wait.removeprefix("t="))


@pytest.mark.parametrize(
    ("address", "counted_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("unknown", "unknown"),
    ],
)
def test_a_network_of_ipv6_is_one_caller(address: str, counted_as: str) -> None:
    assert network_of(address) == counted_as
