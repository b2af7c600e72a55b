from datetime import datetime

import pytest
from pydantic import Field, SecretStr, ValidationError

from libs.web.strict import RequestModel, ResponseModel


class Inner(RequestModel):
    quantity: int


class Outer(RequestModel):
    name: str = ""
    inner: Inner | None = None
    many: list[Inner] = Field(default_factory=list)
    free: dict[str, object] = Field(default_factory=dict)
    tags: list[str] = Field(default_factory=list)
    when: datetime | None = Field(default=None, strict=False)
    price: float = 0.0
    secret: SecretStr = SecretStr("")


@pytest.mark.parametrize("quantity", ["3", 3.0, True, None, [3]])
def test_only_an_integer_is_an_integer(quantity: object) -> None:
    with pytest.raises(ValidationError):
        Outer.model_validate({"inner": {"quantity": quantity}})


def test_nested_models_and_lists_are_read_from_plain_json() -> None:
    outer = Outer.model_validate(
        {"name": " Mug ", "inner": {"quantity": 1}, "many": [{"quantity": 2}], "tags": ["a"]}
    )
    assert outer == Outer(name="Mug", inner=Inner(quantity=1), many=[Inner(quantity=2)], tags=["a"])


def test_what_json_has_no_word_for_is_read_where_the_field_says_so() -> None:
    assert Outer.model_validate({"when": "2026-01-01T00:00:00Z"}).when is not None


@pytest.mark.parametrize(
    "body",
    [
        {"name": "a\x00b"},
        {"tags": ["ok", "\x00"]},
        {"free": {"a": {"b": ["\x00"]}}},
        {"free": {"\x00": 1}},
        {"name": "\ud800"},
        {"secret": "\ud800"},
        {"free": {"\udfff": 1}},
        {"surprise": 1},
        {"inner": {"quantity": 1, "surprise": 1}},
        {"price": float("nan")},
        {"price": float("inf")},
    ],
)
def test_what_cannot_be_stored_or_is_not_known_is_refused(body: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Outer.model_validate(body)


def test_the_member_with_characters_nobody_can_keep_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate({"tags": ["a\x00"], "secret": "a\ud800", "name": "fine ☕ 😀"})
    assert {(one["loc"], one["type"]) for one in refused.value.errors()} == {
        (("tags",), "nul_character"),
        (("secret",), "surrogate"),
    }


def test_models_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Outer().name = "x"  # type: ignore[misc] # that it is refused is the test


def test_a_response_is_made_from_any_object_with_its_members() -> None:
    class Shown(ResponseModel):
        name: str

    assert Shown.model_validate(Outer(name="Mug")).name == "Mug"
