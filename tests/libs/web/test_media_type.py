import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from libs.web.strict import RequestModel
from tests.libs.web.conftest import AppOf, client_of


class Text(RequestModel):
    text: str


@pytest.fixture
def app(app_of: AppOf) -> FastAPI:
    inner = APIRouter(prefix="/texts")

    @inner.post("/{text_id}")
    async def write(text_id: str, body: Text) -> str:
        return text_id + body.text

    @inner.post("/{text_id}/publish")
    async def publish(text_id: str) -> str:
        return text_id

    @inner.post("/{text_id}/raw")
    async def raw(text_id: str, request: Request) -> int:
        return len(text_id) + len(await request.body())

    outer = APIRouter(prefix="/v1")
    outer.include_router(inner)
    return app_of(outer)


async def sent(app: FastAPI, method: str, path: str, media_type: str) -> httpx.Response:
    async with client_of(app) as client:
        return await client.request(
            method, path, content=b'{"text":"a"}', headers={"content-type": media_type}
        )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/texts/1", 415),
        ("POST", "/v1/texts/1/publish", 200),
        ("POST", "/v1/texts/1/raw", 200),
        ("PUT", "/v1/texts/1", 405),
        ("POST", "/v1/unknown", 404),
        ("POST", "/livez", 405),
    ],
)
async def test_only_operations_that_read_json_mind_another_media_type(
    app: FastAPI, method: str, path: str, status: int
) -> None:
    assert (await sent(app, method, path, "text/plain")).status_code == status
    plain = await sent(app, method, path, "application/json")
    assert plain.status_code == (200 if status == 415 else status)
