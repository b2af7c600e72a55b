"""The line of a refused request: whoever looks for attacks sees which rule said no, and nothing that was sent."""

import logging

import pytest
from fastapi import APIRouter
from pydantic import BaseModel

from tests.libs.web.conftest import AppOf, client_of


class Thing(BaseModel):
    pieces: int


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/things", b'{"pieces": "my secret"}', 422, "invalid_request"),
        ("/v1/things", b'{"pieces": my secret}', 400, "malformed_json"),
        ("/v1/things", b'{"pieces": 1, "pieces": 2}', 400, "malformed_json"),
        ("/v1/nothing", b"{}", 404, "route_not_found"),
        ("/v1/things", b'{"pieces": 1}', 200, None),
    ],
)
async def test_a_refused_request_is_logged_with_its_reason_and_without_its_content(
    app_of: AppOf,
    caplog: pytest.LogCaptureFixture,
    path: str,
    body: bytes,
    status: int,
    code: str | None,
) -> None:
    router = APIRouter()

    @router.post("/v1/things")
    async def make_thing(thing: Thing) -> int:
        return thing.pieces

    with caplog.at_level(logging.INFO):
        async with client_of(app_of(router)) as client:
            await client.post(path, content=body, headers={"Content-Type": "application/json"})
    (line,) = [record.msg for record in caplog.records if record.name.endswith("observe")]
    assert isinstance(line, dict)
    assert (line["status"], line["problem"]) == (status, code)
    assert "my secret" not in str([record.msg for record in caplog.records])
