"""Every caller has an allowance of requests, strangers by their address."""

from pathlib import Path

import httpx

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
