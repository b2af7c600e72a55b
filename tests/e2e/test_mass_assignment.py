"""A body that says more than it may is refused by name, whoever sends it, and nothing of it takes effect."""

import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from libs.security.allow import find_call
from libs.security.service_tokens import ServiceSigner
from libs.testing.scale import trials
from libs.topology import LOCAL_PORTS, SERVICES
from local.credentials import SERVICE_KEYS_FOLDER
from tests.architecture.applications import application_of
from tests.architecture.authorization import rows
from tests.architecture.test_request_bodies import JSON_BODIES
from tests.e2e.shopper import Shopper
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

COVETED: Final[Sequence[tuple[str, object]]] = (
    ("role", "admin"),
    ("roles", ["admin"]),
    ("scopes", "orders:admin"),
    ("owner_id", "usr_00000000000000000000000000000000"),
    ("home_region", "eu-west-1"),
    ("order_status", "confirmed"),
    ("unit_price", {"amount_minor": 1, "currency": "USD"}),
    ("discount", 100),
    ("aggregate_version", 99),
    ("email_verified", True),
    ("__class__", "Admin"),
    ("created_at", "1970-01-01T00:00:00Z"),
)
"""What an attacker would like to be taken over. Staff may say some of it where it belongs: `roles` of an account, `scopes` of an application."""

BODIES: Final = trials(100, 1_000)


@dataclass(frozen=True)
class Target:
    """An operation that takes JSON, and a body with every member its schema lists."""

    service: str
    method: str
    path: str
    operation: str
    media_type: str
    body: Any
    audience: str


def targets() -> Sequence[Target]:
    audiences = {(service, name): row.audience for service, name, row in rows()}
    return [
        Target(
            service, method.upper(), path, name, media_type,
            filled(content[media_type]["schema"], document), audiences[service, name],
        )
        for service in SERVICES
        for document in [application_of(service).openapi()]
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for name, content in [(operation["operationId"], operation.get("requestBody", {}).get("content", {}))]
        for media_type in JSON_BODIES
        if media_type in content
    ]  # fmt: skip


def filled(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Any:
    """Return a value of the schema's shape; whether its texts and numbers would do does not matter here."""
    if "$ref" in schema:
        return filled(
            document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document
        )
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return filled(schema[choice][0], document)
    if "properties" in schema:
        return {name: filled(part, document) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [filled(schema.get("items", {}), document)]
    if schema.get("type") == "object":
        return {}
    return schema.get(
        "const", schema.get("enum", [1 if schema.get("type") == "integer" else "x"])[0]
    )


def objects_of(body: Any) -> list[dict[str, Any]]:
    """Return every object in a body, itself included, that has members of its own."""
    if isinstance(body, list):
        return [found for part in body for found in objects_of(part)]
    if not isinstance(body, dict) or not body:
        return []
    return [body, *(found for part in body.values() for found in objects_of(part))]


def headers_for(target: Target, stack: Stack, admin: Shopper) -> dict[str, str]:
    headers = {"Content-Type": target.media_type, "Idempotency-Key": secrets.token_hex(12)}
    if target.audience != "internal":
        return {**headers, **admin.headers}
    [caller, *_] = [s for s in SERVICES if find_call(s, target.service, target.operation)]
    keys = stack.home / "meridian" / "secrets" / SERVICE_KEYS_FOLDER
    token = ServiceSigner(caller, keys / f"{caller}.key.json").token_for(target.service)
    return {**headers, **admin.headers, "Service-Authorization": f"Bearer {token}"}


async def test_what_nobody_listed_is_refused_by_name_wherever_it_stands(
    stack: Stack, http: httpx.AsyncClient, admin: Shopper
) -> None:
    chance, choices = random.Random(20_261_123), targets()  # noqa: S311 - to repeat, not to keep secret
    taken: list[str] = []
    for number in range(max(BODIES, len(choices))):
        target = choices[number % len(choices)]
        name, value = chance.choice(not_listed_in(target.body))
        body = with_one_more(target.body, name, value, chance)
        port = LOCAL_PORTS[target.service] + int(stack.environment["PORT_OFFSET"])
        path = target.path.replace("{", "").replace("}", "")
        answer = await http.request(
            target.method, f"http://127.0.0.1:{port}{path}", json=body,
            headers=headers_for(target, stack, admin),
        )  # fmt: skip
        if not names(answer, name):
            taken.append(f"{target.service} {target.operation} {name}: {answer.status_code}")
    assert not taken


def not_listed_in(body: Any) -> Sequence[tuple[str, object]]:
    """Return what is coveted and no object of the body has as a member."""
    listed = {name for one in objects_of(body) for name in one}
    return [one for one in COVETED if one[0] not in listed]


def with_one_more(body: Any, name: str, value: object, chance: random.Random) -> Any:
    """Return the body with a member that one of its objects, at any depth, does not list."""
    if isinstance(body, list):
        return [with_one_more(part, name, value, chance) for part in body]
    inner = [key for key, part in body.items() if objects_of(part)]
    if inner and chance.random() < 1 / 2:
        key = chance.choice(inner)
        return {**body, key: with_one_more(body[key], name, value, chance)}
    return {**body, name: value}


def names(answer: httpx.Response, name: str) -> bool:
    """Tell whether the answer refuses just this member."""
    return answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY and any(
        error["code"] == "extra_forbidden" and error.get("pointer", "").endswith(f"/{name}")
        for error in answer.json().get("errors", ())
    )
