"""JSON Merge Patch (RFC 7396): what is sent changes, what is null goes, what is absent stays."""

from collections.abc import Mapping
from typing import Final

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from libs.web.strict import RequestModel

MERGE_PATCH_TYPE: Final = "application/merge-patch+json"


class MergePatch(RequestModel):
    """Base of the bodies of PATCH requests.

    A member that may be removed is declared `phone: str | None = None`, one that may not `name: str = ""`: its default
    is never used, and `null` is refused as a wrong type.
    """

    @model_validator(mode="after")
    def _refuse_empty(self) -> "MergePatch":
        if not self.model_fields_set:
            raise PydanticCustomError("empty_patch", "must change at least one member")
        return self

    def changes(self) -> dict[str, object]:
        """Return the members that were sent, with `None` for those to remove."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


def merge_patch(target: object, patch: object) -> object:
    """Apply a patch to free-form JSON, by the algorithm of RFC 7396 section 2; the inputs stay as they are."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result
