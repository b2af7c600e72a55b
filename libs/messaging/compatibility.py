"""Tells whether a message's schema changed in a way its version does not allow."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_MEANING: Final = ("type", "enum", "const", "anyOf", "format")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Tell in what a schema no longer fits messages in flight, or readers of the old one.

    Allowed in the same version: a new optional field. Everything else needs a new type.
    """
    return list(_compare("", _inlined(old, old), _inlined(new, new)))


def _compare(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for keyword in _MEANING:
        if old.get(keyword) != new.get(keyword):
            yield f"{where or 'the message'} changes its {keyword}"
    yield from _compare_required(where, old, new)
    fields = new.get("properties", {})
    for name, field in old.get("properties", {}).items():
        if name in fields:
            yield from _compare(f"{where}.{name}".lstrip("."), field, fields[name])
        else:
            yield f"{where}.{name} is gone".lstrip(".")
    if "items" in old and "items" in new:
        yield from _compare(f"{where}[]", old["items"], new["items"])


def _compare_required(where: str, old: Schema, new: Schema) -> Iterator[str]:
    before, now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(now - before):
        yield f"{where}.{name} becomes required".lstrip(".")
    for name in sorted((before - now) & set(new.get("properties", {}))):
        yield f"{where}.{name} is no longer always there".lstrip(".")


def _inlined(schema: Any, root: Schema) -> Any:
    """Replace references by what they point to and drop what carries no meaning for a reader."""
    if isinstance(schema, list):
        return [_inlined(item, root) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return _inlined(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    return {key: _inlined(value, root) for key, value in schema.items() if key != "$defs"}
