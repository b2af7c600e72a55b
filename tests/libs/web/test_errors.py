import re
from typing import ClassVar

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from pydantic import Field
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException as StarletteHTTPException

from libs.database.session import DatabaseUnreachableError
from libs.errors import DomainError
from libs.web.audience import public
from libs.web.calls import CalleeProblem
from libs.web.errors import problem_responses
from libs.web.strict import RequestModel
from tests.libs.web.conftest import AppOf, client_of


class OutOfStock(DomainError):
    """Somebody else bought the last piece."""

    code: ClassVar[str] = "out_of_stock"
    status: ClassVar[int] = 409
    title: ClassVar[str] = "Out of stock"


class Line(RequestModel):
    sku: str = Field(max_length=20)
    quantity: int = Field(ge=1, le=99)


class Basket(RequestModel):
    lines: list[Line]
    note: str = ""


class SqlState(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("conflict")
        self.sqlstate = sqlstate


def database_error(sqlstate: str) -> DBAPIError:
    return DBAPIError("SELECT secret_column", {}, SqlState(sqlstate))


router = APIRouter(prefix="/v1")


@router.post("/baskets", openapi_extra=public(), responses=problem_responses(OutOfStock))
async def make_basket(body: Basket, limit: int = 1) -> dict[str, int]:
    return {"lines": len(body.lines) * limit}


@router.get("/baskets")
async def list_baskets() -> list[str]:
    return []


@router.get("/baskets/{number}")
async def get_basket(number: int) -> dict[str, int]:
    return {"number": number}


@router.get("/sold-out")
async def buy_sold_out() -> None:
    raise OutOfStock(
        "Choose fewer pieces.",
        extensions={"available": 2, "status": 200},
        headers={"Retry-After": "7"},
    )


FAILURES = {
    "bug": KeyError("hunter2"),
    "pool": PoolTimeout("QueuePool limit"),
    "refused": DatabaseUnreachableError("refused"),
    "lock_timeout": database_error("55P03"),
    "statement_timeout": database_error("57014"),
    "deadlock": database_error("40P01"),
    "callee": CalleeProblem("product", "hold_reservation", 409, "out_of_stock", {}),
    "teapot": StarletteHTTPException(418, "short and stout"),
}


@router.get("/fail/{kind}")
async def fail(kind: str) -> None:
    raise FAILURES[kind]


@pytest.fixture
def app(app_of: AppOf) -> FastAPI:
    return app_of(router)


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem: dict[str, object] = answer.json()
    assert problem["type"] == f"urn:meridian:problem:{code}"
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


@pytest.mark.parametrize("path", ["/nope", "/v1/baskets/", "/v1", "/v1/baskets/1/2"])
async def test_an_unknown_path_is_a_problem(app: FastAPI, path: str) -> None:
    async with client_of(app) as client:
        problem = assert_problem(await client.get(path), 404, "route_not_found")
    assert problem["instance"] == path


async def test_an_address_that_cannot_name_anything_is_not_found(app: FastAPI) -> None:
    async with client_of(app) as client:
        assert_problem(await client.get("/v1/baskets/abc"), 404, "route_not_found")


async def test_a_wrong_method_names_every_method_of_the_path(app: FastAPI) -> None:
    async with client_of(app) as client:
        for method in ("DELETE", "TRACE", "OPTIONS", "BREW"):
            answer = await client.request(method, "/v1/baskets")
            assert_problem(answer, 405, "method_not_allowed")
            assert answer.headers["allow"] == "GET, HEAD, POST"
        assert (await client.post("/v1/sold-out")).headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("text/plain", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/vnd.other+json", 415),
        ("application/merge-patch+json", 415),
        ("application/json; charset=latin-1", 415),
        ("", 415),
        ("application/json; charset=UTF-8", 200),
        ("Application/JSON", 200),
    ],
)
async def test_only_json_is_read(app: FastAPI, content_type: str, status: int) -> None:
    async with client_of(app) as client:
        answer = await client.post(
            "/v1/baskets", content=b'{"lines":[]}', headers={"content-type": content_type}
        )
    assert answer.status_code == status
    if status == 415:
        assert_problem(answer, 415, "unsupported_media_type")
        assert answer.headers["accept"] == "application/json"


async def test_a_compressed_body_is_refused(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.post(
            "/v1/baskets", json={"lines": []}, headers={"content-encoding": "gzip"}
        )
    assert_problem(answer, 415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "identity"


async def test_a_wrong_media_type_on_an_unknown_path_is_still_not_found(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.post("/nope", content=b"x", headers={"content-type": "text/plain"})
    assert_problem(answer, 404, "route_not_found")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nope",
        b'{"lines": [}',
        b'{"a": "\x01"}',
        b'{"a": "\\q"}',
        b"\xff\xfe\xfd",
        b'{"note": "\xe9"}',
        b"[" * 100_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"\x00",
    ],
)
async def test_a_body_that_is_not_json_says_so(app: FastAPI, body: bytes) -> None:
    async with client_of(app) as client:
        answer = await client.post(
            "/v1/baskets", content=body, headers={"content-type": "application/json"}
        )
    problem = assert_problem(answer, 400, "malformed_json")
    assert "'" not in str(problem["detail"])


async def test_a_missing_body_is_invalid(app: FastAPI) -> None:
    async with client_of(app) as client:
        problem = assert_problem(await client.post("/v1/baskets"), 422, "invalid_request")
    assert problem["errors"] == [
        {"location": "body", "pointer": "", "code": "missing", "detail": "is required"}
    ]


async def test_every_broken_rule_is_named_with_its_place_and_without_the_input(
    app: FastAPI,
) -> None:
    secret = "correct horse battery staple, much too long"
    body = {
        "lines": [{"sku": secret, "quantity": 0}, {"sku": "MUG", "quantity": "3"}, 7],
        "no/te~": secret,
    }
    async with client_of(app) as client:
        answer = await client.post("/v1/baskets?limit=hunter2", json=body)
    problem = assert_problem(answer, 422, "invalid_request")
    errors = problem["errors"]
    assert isinstance(errors, list)
    assert {(e["location"], e.get("pointer", e.get("name")), e["code"]) for e in errors} == {
        ("query", "limit", "int_parsing"),
        ("body", "/lines/0/sku", "string_too_long"),
        ("body", "/lines/0/quantity", "greater_than_equal"),
        ("body", "/lines/1/quantity", "int_type"),
        ("body", "/lines/2", "model_attributes_type"),
        ("body", "/no~1te~0", "extra_forbidden"),
    }
    assert secret not in answer.text
    assert "hunter2" not in answer.text
    assert "Line" not in answer.text


async def test_only_so_many_errors_are_listed(app: FastAPI) -> None:
    body = {f"field{number}": 1 for number in range(1000)}
    async with client_of(app) as client:
        problem = (await client.post("/v1/baskets", json=body)).json()
    assert len(problem["errors"]) == 30


async def test_a_domain_error_carries_its_extensions_and_headers(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.get("/v1/sold-out")
    problem = assert_problem(answer, 409, "out_of_stock")
    assert problem["available"] == 2
    assert problem["status"] == 409, "extensions never replace a standard member"
    assert answer.headers["retry-after"] == "7"


async def test_a_bug_is_answered_with_the_request_id_and_nothing_else(app: FastAPI) -> None:
    async with client_of(app) as client:
        answer = await client.get(
            "/v1/fail/bug", headers={"X-Request-Id": "req_00000000000000000000000000000001"}
        )
    problem = assert_problem(answer, 500, "internal_error")
    assert problem["request_id"] == "req_00000000000000000000000000000001"
    assert not re.search(r"hunter2|KeyError|Traceback|\.py", answer.text)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("pool", 503, "database_unavailable"),
        ("refused", 503, "database_unavailable"),
        ("deadlock", 503, "transaction_conflict"),
        ("lock_timeout", 503, "transaction_conflict"),
        ("statement_timeout", 503, "transaction_conflict"),
        ("callee", 502, "callee_refused"),
        ("teapot", 500, "internal_error"),
    ],
)
async def test_failures_below_become_problems(
    app: FastAPI, kind: str, status: int, code: str
) -> None:
    async with client_of(app) as client:
        answer = await client.get(f"/v1/fail/{kind}")
    assert_problem(answer, status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    assert "SELECT" not in answer.text


async def test_a_bodyless_answer_to_head_keeps_status_and_headers(app: FastAPI) -> None:
    async with client_of(app) as client:
        head, get = await client.head("/nope"), await client.get("/nope")
    assert head.status_code == 404
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]


def test_documented_errors_show_an_example_per_code() -> None:
    class AlsoConflict(OutOfStock):
        """Something else."""

        code: ClassVar[str] = "also_conflict"

    documented = problem_responses(OutOfStock, AlsoConflict)
    content = documented[409]["content"]["application/problem+json"]
    assert set(content["examples"]) == {"out_of_stock", "also_conflict"}
    assert content["examples"]["out_of_stock"]["value"]["detail"] == OutOfStock.__doc__
