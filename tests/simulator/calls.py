"""Calls of the provider's API."""

from typing import Any

import httpx

CHARGE = {"amount_minor": 1000, "currency": "USD", "payment_method": "tok_ok"}


async def post(
    client: httpx.AsyncClient, path: str, key: str | None, body: object = None
) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post(f"/v1{path}", json={} if body is None else body, headers=headers)


async def charge(client: httpx.AsyncClient, key: str = "k", **changes: object) -> dict[str, Any]:
    response = await post(client, "/charges", key, {**CHARGE, **changes})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def code_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


async def count_charges(client: httpx.AsyncClient, key: str) -> int:
    response = await client.get("/v1/charges", params={"idempotency_key": key})
    return len(response.json()["data"])
