"""Which services may call what, and on whose behalf."""

from pathlib import Path

import httpx
import pytest

from tests.libs.security.guarded import code, service, user


async def test_an_allowed_service_may_call(client: httpx.AsyncClient, keys: Path) -> None:
    for caller in ("order", "cart"):
        response = await client.get("/variants", headers=service(keys, caller))
        assert (response.status_code, response.json()) == (200, caller)


async def test_an_unlisted_service_may_not(client: httpx.AsyncClient, keys: Path) -> None:
    for caller in ("auth", "user", "payment", "product"):
        response = await client.get("/variants", headers=service(keys, caller))
        assert code(response) == (403, "caller_not_allowed")


async def test_internal_operations_need_a_service_token(
    client: httpx.AsyncClient, keys: Path
) -> None:
    assert code(await client.get("/variants")) == (401, "service_token_required")
    assert code(await client.get("/variants", headers=user())) == (401, "service_token_required")
    as_service = {"Service-Authorization": user()["Authorization"]}
    assert code(await client.get("/variants", headers=as_service))[0] == 401
    for_another = service(keys, "order", "cart")
    assert code(await client.get("/variants", headers=for_another))[0] == 401


async def test_a_blanked_service_token_claims_nothing(client: httpx.AsyncClient) -> None:
    """Gateways that cannot remove `Service-Authorization` blank it on every request."""
    empty = {"Service-Authorization": ""}
    assert (await client.get("/orders", headers=user() | empty)).status_code == 200
    assert (await client.get("/products", headers=empty)).json() == "guest"
    assert code(await client.get("/variants", headers=empty)) == (401, "service_token_required")


async def test_a_service_token_opens_no_user_operation(
    client: httpx.AsyncClient, keys: Path
) -> None:
    token = service(keys, "order")["Service-Authorization"]
    assert code(await client.get("/orders", headers={"Authorization": token}))[0] == 401


@pytest.mark.parametrize("me", ["cart"], indirect=True)
async def test_a_row_that_says_so_also_needs_the_users_token(
    client: httpx.AsyncClient, keys: Path
) -> None:
    headers = service(keys, "order", "cart")
    assert code(await client.get("/cart", headers=headers)) == (401, "authentication_required")
    response = await client.get("/cart", headers={**headers, **user()})
    assert response.json() == "order for usr_1"


@pytest.mark.parametrize("me", ["user"], indirect=True)
async def test_a_service_acting_for_a_user_must_be_listed(
    client: httpx.AsyncClient, keys: Path
) -> None:
    allowed = {**service(keys, "order", "user"), **user()}
    assert (await client.get("/address", headers=allowed)).status_code == 200
    unlisted = {**service(keys, "cart", "user"), **user()}
    assert code(await client.get("/address", headers=unlisted)) == (403, "caller_not_allowed")
    forged = {"Service-Authorization": "Bearer x.y.z", **user()}
    assert code(await client.get("/address", headers=forged)) == (401, "service_token_required")
