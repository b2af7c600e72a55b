"""What a body may say is what its schema lists: nothing else is bound to anything (mass assignment)."""

from collections.abc import Iterator
from typing import Any

import pytest

from libs.topology import SERVICES
from tests.architecture.applications import application_of

JSON_BODIES = ("application/json", "application/merge-patch+json")


def objects_in(
    schema: object, document: dict[str, Any], seen: set[str]
) -> Iterator[dict[str, Any]]:
    """Give every object a body can hold, wherever it is defined."""
    if isinstance(schema, list):
        for part in schema:
            yield from objects_in(part, document, seen)
    if not isinstance(schema, dict):
        return
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        yield from objects_in(document["components"]["schemas"][name], document, seen)
    if "properties" in schema:
        yield schema
    for part in schema.values():
        yield from objects_in(part, document, seen)


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for item in document["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {})
            for media_type in JSON_BODIES:
                if media_type in content:
                    yield operation["operationId"], content[media_type]["schema"]


@pytest.mark.parametrize("service", SERVICES)
def test_no_body_takes_members_nobody_listed(service: str) -> None:
    document = application_of(service).openapi()
    found = list(bodies(document))
    assert found
    for operation, schema in found:
        for body in objects_in(schema, document, set()):
            assert body.get("additionalProperties") is False, f"{operation}: {body.get('title')}"
