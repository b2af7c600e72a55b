"""What is kept of a request that may be repeated."""

import pytest
from fastapi import FastAPI, Request

from libs.idempotency.keys import identity_of
from libs.testing.apps import client_of


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/orders/{order_id}/lines/{sku}")  # noqa: FAST003 - they are read from the request
    async def describe(request: Request) -> list[str]:
        identity = await identity_of(request, "k", b"secret")
        return [identity.method_path, identity.fingerprint.hex()]

    return app


async def test_the_table_is_told_the_route_and_no_word_a_client_wrote(app: FastAPI) -> None:
    order = f"ord_{'0a' * 16}"
    async with client_of(app) as client:
        shown, one = (await client.post(f"/v1/orders/{order}/lines/Ada%20Lovelace?q=Ada")).json()
        same, other = (await client.post(f"/v1/orders/{order}/lines/Grace?q=Ada")).json()
    assert shown == same == f"POST /v1/orders/{order}/lines/{{sku}}"
    assert one != other, "which thing it is about still tells requests apart"
