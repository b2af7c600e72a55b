"""Bases of request and response bodies: requests refuse what they do not know, responses say everything."""

from typing import Final

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

_NUL: Final = "\x00"


class RequestModel(BaseModel):
    """Base of request bodies.

    Unknown fields are refused, `"5"` and `true` are not numbers, surrounding white space goes. Types that JSON has no
    word for (datetime, enum, tuple) need `Field(strict=False)`; `Literal`, `str`, `int`, lists and nested models do not.
    NUL characters are refused because PostgreSQL cannot keep them.
    """

    model_config = ConfigDict(
        extra="forbid", strict=True, str_strip_whitespace=True, frozen=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_nul_characters(cls, data: object) -> object:
        if isinstance(data, dict) and any(_holds_nul(value) for value in data.values()):
            raise PydanticCustomError("nul_character", "must not contain NUL characters")
        return data


class ResponseModel(BaseModel):
    """Base of response bodies: frozen, and without defaults in subclasses, so that clients can rely on every member."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return _NUL in value
    if isinstance(value, list):
        return any(_holds_nul(item) for item in value)
    # Members of nested objects that are RequestModels check themselves; free-form ones are checked here.
    if isinstance(value, dict):
        return any(_holds_nul(item) or _NUL in str(key) for key, item in value.items())
    return False
