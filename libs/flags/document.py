"""The document of all flags: what AWS AppConfig hands out for a profile of feature flags, and a file holds just so.

`{"checkout_open": {"enabled": true}}`; AppConfig's further attributes of a flag are nobody's here and passed over.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError


class MalformedDocument(ValueError):
    """It is not a document of flags; nothing of it counts."""


class _State(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    enabled: bool


_DOCUMENT: Final = TypeAdapter(dict[str, _State])


def parse(content: bytes) -> Mapping[str, bool]:
    """Return which flags are on.

    Raises:
        MalformedDocument: not every member is a flag; the message names the first that is none.
    """
    try:
        states = _DOCUMENT.validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise MalformedDocument(f"{where}: {first['msg']}") from None
    return {name: state.enabled for name, state in states.items()}
