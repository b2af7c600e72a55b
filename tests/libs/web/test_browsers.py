"""What a browser may do with an answer: show it to nobody but its own origin, and run nothing."""

import pytest
from fastapi import APIRouter, FastAPI
from starlette.responses import HTMLResponse

from tests.libs.web.conftest import AppOf, client_of

YEAR = 365 * 24 * 3600


@pytest.fixture
def shop(app_of: AppOf) -> FastAPI:
    router = APIRouter(prefix="/v1")

    @router.get("/things")
    async def list_things() -> list[str]:
        return ["a thing"]

    @router.get("/pages")
    async def show_page() -> HTMLResponse:
        return HTMLResponse("<p>Gr\u00fc\u00dfe</p>")

    return app_of(router)


def directives(policy: str) -> dict[str, str]:
    named = (one.strip().partition(" ") for one in policy.split(";"))
    return {name: value for name, _, value in named}


@pytest.mark.parametrize("path", ["/v1/things", "/nope"])
async def test_an_answer_can_do_nothing_in_a_browser(shop: FastAPI, path: str) -> None:
    async with client_of(shop) as client:
        headers = (await client.get(path)).headers
    policy = directives(headers["content-security-policy"])
    for name in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[name] == "'none'"
    assert policy["sandbox"] == "", "no scripts, no forms, and an origin of its own"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_browsers_come_back_by_https_only(shop: FastAPI) -> None:
    async with client_of(shop) as client:
        policy = directives((await client.get("/v1/things")).headers["strict-transport-security"])
    assert "includeSubDomains" in policy
    (age,) = (int(name.removeprefix("max-age=")) for name in policy if name.startswith("max-age="))
    assert age >= YEAR


async def test_pages_name_their_character_set(shop: FastAPI) -> None:
    async with client_of(shop) as client:
        page = await client.get("/v1/pages")
        listed = await client.get("/v1/things")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert listed.headers["content-type"] == "application/json"
