from typing import Any

import pytest

from libs.messaging.compatibility import breaking_changes

OLD: dict[str, Any] = {
    "type": "object",
    "required": ["id", "line"],
    "properties": {
        "id": {"type": "string", "title": "Id"},
        "line": {"$ref": "#/$defs/Line"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "note": {"type": "string", "default": ""},
    },
    "$defs": {
        "Line": {
            "type": "object",
            "required": ["sku"],
            "properties": {"sku": {"type": "string"}},
        }
    },
}


def changed(**properties: Any) -> dict[str, Any]:
    return {**OLD, "properties": {**OLD["properties"], **properties}}


def without(name: str) -> dict[str, Any]:
    kept = {key: value for key, value in OLD["properties"].items() if key != name}
    return {**OLD, "properties": kept}


@pytest.mark.parametrize(
    "new",
    [
        OLD,
        changed(gift={"type": "string", "default": ""}),
        changed(id={"type": "string", "title": "Another", "description": "better words"}),
        changed(
            line={
                "type": "object",
                "required": ["sku"],
                "properties": {"sku": {"type": "string"}, "colour": {"type": "string"}},
            }
        ),
    ],
)
def test_an_optional_field_and_better_words_keep_the_version(new: dict[str, Any]) -> None:
    assert breaking_changes(OLD, new) == []


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (changed(id={"type": "integer"}), "id changes its type"),
        (without("note"), "note is gone"),
        (without("id"), "id is gone"),
        ({**OLD, "required": ["id", "line", "note"]}, "note becomes required"),
        ({**OLD, "required": ["line"]}, "id is no longer always there"),
        (changed(line={"type": "object", "properties": {}}), "line.sku is gone"),
        (
            changed(tags={"type": "array", "items": {"type": "integer"}}),
            "tags[] changes its type",
        ),
        (changed(id={"type": "string", "enum": ["a"]}), "id changes its enum"),
    ],
)
def test_anything_else_needs_a_new_version(new: dict[str, Any], told: str) -> None:
    assert told in breaking_changes(OLD, new)
