"""Bases of request and response bodies: requests refuse what they do not know, responses say everything."""

import re
from typing import Final

from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError

_NUL: Final = "\x00"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class RequestModel(BaseModel):
    """Base of request bodies.

    Unknown fields are refused, `"5"` and `true` are not numbers, surrounding white space goes. Types that JSON has no
    word for (datetime, enum, tuple) need `Field(strict=False)`; `Literal`, `str`, `int`, lists and nested models do not.
    NUL characters are refused because PostgreSQL cannot keep them, halves of surrogate pairs because nothing can.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, str_strip_whitespace=True, frozen=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_what_is_no_text(cls, value: object) -> object:
        _check(value)
        return value


class ResponseModel(BaseModel):
    """Base of response bodies: frozen, and without defaults in subclasses, so that clients can rely on every member."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _check(value: object) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, list):
        for item in value:
            _check(item)
    elif isinstance(value, dict):
        # Members of nested objects that are RequestModels check themselves; free-form ones are checked here.
        for key, item in value.items():
            _check_text(str(key))
            _check(item)


def _check_text(text: str) -> None:
    if _NUL in text:
        raise PydanticCustomError("nul_character", "must not contain NUL characters")
    # Pydantic looks at plain strings itself, but not into secret ones.
    if not text.isascii() and _SURROGATE.search(text) is not None:
        raise PydanticCustomError("surrogate", "must not contain half of a surrogate pair")
