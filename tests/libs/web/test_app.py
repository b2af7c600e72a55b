import asyncio
import json

import httpx
import pytest
from fastapi import APIRouter, FastAPI

from libs.settings import ServiceSettings
from libs.web.app import add_defaults, add_health, new_app
from libs.web.audience import admin, customer, internal, public
from libs.web.strict import RequestModel, ResponseModel
from tests.libs.web.conftest import AppOf, client_of

router = APIRouter(prefix="/v1")


class Note(RequestModel):
    text: str


class Shown(ResponseModel):
    text: str


@router.post("/notes/{note_id}", openapi_extra=customer())
async def write_note(note_id: str, body: Note) -> Shown:
    """Write a note."""
    return Shown(text=f"{note_id}: {body.text}")


@pytest.fixture
def app(app_of: AppOf) -> FastAPI:
    return app_of(router)


def test_operations_are_named_after_their_functions_and_marked_with_their_audience(
    app: FastAPI,
) -> None:
    operation = app.openapi()["paths"]["/v1/notes/{note_id}"]["post"]
    assert operation["operationId"] == "write_note"
    assert operation["x-audience"] == "customer"
    assert [mark()["x-audience"] for mark in (public, customer, admin, internal)] == [
        "public",
        "customer",
        "admin",
        "internal",
    ]


def test_the_document_is_openapi_3_1_and_describes_failures_as_problems(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    responses = document["paths"]["/v1/notes/{note_id}"]["post"]["responses"]
    assert set(responses) == {"200", "default"}
    assert responses["default"]["content"] == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
    schemas = document["components"]["schemas"]
    assert {"Problem", "FieldError"} <= set(schemas)
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    assert app.openapi() is document


async def test_every_reference_in_the_document_leads_somewhere(app: FastAPI) -> None:
    async with client_of(app) as client:
        text = (await client.get("/openapi.json")).text
    schemas = json.loads(text)["components"]["schemas"]
    for part in text.split("#/components/schemas/")[1:]:
        assert part.split('"')[0] in schemas


async def test_liveness_touches_nothing_and_metrics_are_prometheus_text(app: FastAPI) -> None:
    async with client_of(app) as client:
        alive, metrics = await client.get("/livez"), await client.get("/metrics")
    assert alive.json() == {"status": "alive"}
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'http_route="/livez"' in metrics.text


async def readiness(settings: ServiceSettings, **checks: object) -> httpx.Response:
    app = new_app("order", "Orders")
    add_defaults(app, settings)
    add_health(app, checks)  # type: ignore[arg-type] # keyword arguments are checks here
    async with client_of(app) as client:
        return await client.get("/readyz")


async def test_readiness_names_the_checks_that_fail_or_take_too_long(
    settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.web.app._CHECK_SECONDS", 0.05)

    async def fine(_: object) -> None:
        return None

    async def broken(_: object) -> None:
        raise ConnectionRefusedError

    async def hanging(_: object) -> None:
        await asyncio.Event().wait()

    assert (await readiness(settings, fine=fine)).json() == {"status": "ready"}
    answer = await readiness(settings, fine=fine, broken=broken, hanging=hanging)
    assert answer.status_code == 503
    assert answer.json()["code"] == "not_ready"
    assert answer.json()["failed"] == ["broken", "hanging"]
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(("environment", "status"), [("local", 200), ("production", 404)])
async def test_the_documentation_page_exists_everywhere_but_in_production(
    settings: ServiceSettings, environment: str, status: int
) -> None:
    app = new_app("order", "Orders")
    add_defaults(app, settings.model_copy(update={"environment": environment}))
    async with client_of(app) as client:
        page = await client.get("/docs")
    assert page.status_code == status
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
