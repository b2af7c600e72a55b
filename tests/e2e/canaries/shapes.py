"""Bodies and parameters that have the shape an OpenAPI document asks for, with a mark in every text."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_FIXED: Final = ("US", "97201", "123456", "USD", "en-US", "crt_" + "0" * 32)
"""What fits where a rule leaves no room for a mark."""

_WRITTEN: Final[Mapping[str, str]] = {
    "email": "{mark}@example.com",
    "password": "pass phrase {mark}",
    "return_url": "https://{mark}.example.com/back",
    "redirect_uris": "https://{mark}.example.com/back",
    "post_logout_redirect_uris": "https://{mark}.example.com/bye",
}
"""How what some members ask for is written, where the document says so in words alone."""

_LISTED: Final[Mapping[str, str]] = {"scopes": "orders:read"}
"""Members whose words are from a list that the document does not repeat."""


@dataclass(frozen=True)
class Text:
    """A text of a body: its rule, and where it stands (`/lines/0/sku`)."""

    schema: Schema
    pointer: str

    @property
    def name(self) -> str:
        """The member's name; that of the list for one of its entries."""
        return next(part for part in reversed(self.pointer.split("/")) if not part.isdigit())


def resolved(schema: Schema, document: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def variants(schema: Schema, document: Schema, pointer: str = "") -> list[Any]:
    """Return bodies with every member, and between them every choice; their texts are `Text`s."""
    schema = resolved(schema, document)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            ways = [way for way in schema[choice] if way.get("type") != "null"]
            return [one for way in ways for one in variants(way, document, pointer)]
    if "properties" in schema:
        return _objects(schema["properties"], document, pointer)
    if schema.get("type") == "array":
        return [[one] for one in variants(schema.get("items", {}), document, f"{pointer}/0")]
    return [_one_value(schema, pointer)]


def _one_value(schema: Schema, pointer: str) -> Any:
    if "patternProperties" in schema:
        return {"USD": 1500}
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    others = {"boolean": True, "integer": int(schema.get("minimum", 1)), "number": 1}
    if schema.get("type") == "object":
        return {"note": Text({"type": "string"}, f"{pointer}/note")}
    return others.get(schema.get("type", "string"), Text(schema, pointer))


def _objects(members: Mapping[str, Schema], document: Schema, pointer: str) -> list[Any]:
    choices = {
        name: variants(part, document, f"{pointer}/{name}") for name, part in members.items()
    }
    most = max((len(ways) for ways in choices.values()), default=1)
    return [
        {name: ways[number % len(ways)] for name, ways in choices.items()} for number in range(most)
    ]


def texts_of(body: Any) -> Iterator[Text]:
    """Give every text of a body."""
    if isinstance(body, Text):
        yield body
    for part in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        yield from texts_of(part)


def written(body: Any, write: Callable[[Text], Any]) -> Any:
    """Return the body with what `write` puts in each text's place."""
    if isinstance(body, Text):
        return write(body)
    if isinstance(body, dict):
        return {name: written(part, write) for name, part in body.items()}
    return [written(part, write) for part in body] if isinstance(body, list) else body


def well_shaped(text: Text, mark: str, phone: str) -> str:
    """Return a value with the mark that the rule allows; one without, where it allows none."""
    if text.name in _LISTED:
        return _LISTED[text.name]
    if text.name in _WRITTEN:
        return _WRITTEN[text.name].format(mark=mark)
    tries: Sequence[str] = (mark, f"tok_{mark}", mark * 2, phone, *_FIXED)
    return next(one for one in tries if _fits(one, text.schema))


def _fits(value: str, schema: Schema) -> bool:
    shortest, longest = schema.get("minLength", 0), schema.get("maxLength", len(value))
    return shortest <= len(value) <= longest and bool(
        re.search(schema.get("pattern", ""), value, re.ASCII)
    )
