import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from libs.web.strict import RequestModel
from tests.libs.web.conftest import AppOf, client_of


class Free(RequestModel):
    free: dict[str, object]


@pytest.fixture
def app(app_of: AppOf) -> FastAPI:
    router = APIRouter()

    @router.post("/free")
    async def write(body: Free) -> int:
        return len(body.free)

    @router.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    return app_of(router)


async def sent(
    app: FastAPI, body: bytes, media_type: str = "application/json", path: str = "/free"
) -> httpx.Response:
    async with client_of(app) as client:
        return await client.post(path, content=body, headers={"content-type": media_type})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"free":{},"free":{}}', "once"),
        (b'{"free":{"a":[{"b":1,"b":2}]}}', "once"),
        (b'{"free":{"a":1,"\\u0061":2}}', "once"),
        (b'{"free":{"a":NaN}}', "NaN"),
        (b'{"free":{"a":-Infinity}}', "NaN"),
        (b'{"free":' + b"[" * 50_000, "deeply"),
    ],
)
async def test_json_that_readers_understand_differently_is_refused(
    app: FastAPI, body: bytes, told: str
) -> None:
    answer = await sent(app, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")
    assert told in answer.json()["detail"]


async def test_members_of_different_objects_may_have_equal_names(app: FastAPI) -> None:
    answer = await sent(app, b'{"free":{"free":{"a":1},"a":{"a":1},"b":[{"a":1},{"a":1}]}}')
    assert answer.json() == 3


async def test_what_is_no_json_is_left_to_the_operation(app: FastAPI) -> None:
    assert (await sent(app, b"{", path="/raw")).json() == 1
    assert (await sent(app, b'{"a":1,"a":2}', "text/plain", path="/raw")).json() == 13
    assert "stopped at character" in (await sent(app, b"{")).json()["detail"]
