import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.observability.redaction import MASK, clean_text, is_secret_key, redact


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "new_password",
        "access_token",
        "Authorization",
        "Set-Cookie",
        "email",
        "e-mail-address",
        "client_secret",
        "api_key",
        "payment_method",
        "display_name",
        "cvc",
    ],
)
def test_secret_and_personal_members_are_masked_at_any_depth(key: str) -> None:
    assert is_secret_key(key)
    assert redact({"a": [{key: "value"}]}) == {"a": [{key: MASK}]}


@pytest.mark.parametrize("key", ["order_id", "status", "sku", "duration_ms", "event", "route"])
def test_ordinary_members_stay(key: str) -> None:
    assert redact({key: "value"}) == {key: "value"}


@pytest.mark.parametrize(
    "secret",
    [
        "ada@example.com",
        "first.last+tag@mail.example.co.uk",
        "Bearer abcdefgh12345",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c3JfMSJ9.c2lnbmF0dXJl",
    ],
)
def test_secrets_inside_texts_are_masked(secret: str) -> None:
    assert secret not in clean_text(f"could not serve {secret}, sorry")


def test_the_password_of_an_address_is_masked() -> None:
    cleaned = clean_text("cannot open postgresql://app:hunter2@db:5432/meridian")
    assert "hunter2" not in cleaned
    assert "db:5432/meridian" in cleaned


@given(st.text(max_size=60))
def test_no_control_character_survives(text: str) -> None:
    cleaned = clean_text(text)
    assert not [one for one in cleaned if ord(one) < 32 or 0x7F <= ord(one) <= 0x9F]
    assert "\u2028" not in cleaned
    assert "\u202e" not in cleaned


def test_line_breaks_and_terminal_sequences_are_spelled_out() -> None:
    assert clean_text("a\r\nb\x1b[31m\u2028") == "a\\r\\nb\\x1b[31m\\u2028"


def test_anything_becomes_json_of_bounded_size() -> None:
    deep: dict[str, object] = {}
    deep["self"] = deep
    redacted = redact({"deep": deep, "set": {1}, "bytes": b"x", "long": "x" * 100_000, 1: None})
    assert len(json.dumps(redacted)) < 10_000
