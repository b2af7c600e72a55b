from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.security.scopes import ACCOUNT_MANAGE
from services.auth.domain.accounts import normalised_email, scopes_of
from services.auth.domain.families import (
    FAMILY_IDLE_LIMIT,
    REFRESH_GRACE,
    Family,
    PresentedToken,
    Rotation,
    TokenState,
    decide_rotation,
    is_live,
)
from services.auth.domain.oauth.scopes import granted_to, known_scopes
from services.auth.domain.passwords import normalised_password

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIVE = Family(revoked=False, expires_at=NOW + timedelta(days=1), last_used_at=NOW)
SECOND = timedelta(seconds=1)


def token(
    state: TokenState, used_at: datetime | None = None, *, successor_is_live: bool = False
) -> PresentedToken:
    return PresentedToken(state, used_at, successor_is_live)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@EXAMPLE.com ", "ada@example.com"),
        ("a.b+c_d-e@mail.example.co.uk", "a.b+c_d-e@mail.example.co.uk"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
    ],
)
def test_an_address_has_one_spelling(written: str, stored: str) -> None:
    assert normalised_email(written) == stored


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@example",
        "ada@@example.com",
        "ada@exa mple.com",
        "a da@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..a@example.com",
        "ada@-example.com",
        "ada@example-.com",
        "ada@example..com",
        "ada@example.com\n@evil.test",
        "ada@example.123",
        "ädä@example.com",
        "ada@exämple.com",
        f"{'a' * 65}@example.com",
        f"ada@{'a' * 64}.com",
        f"ada@{'a.' * 130}com",
        "<ada@example.com>",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="e-mail address"):
        normalised_email(address)


@given(st.text(max_size=300))
def test_normalising_an_address_twice_changes_nothing(text: str) -> None:
    try:
        once = normalised_email(text)
    except ValueError:
        return
    assert normalised_email(once) == once


@pytest.mark.parametrize(
    "password", ["a" * 15, "a" * 128, "        spaces        ", "пароль и пароль"]
)
def test_only_the_length_of_a_password_counts(password: str) -> None:
    assert normalised_password(password) == password


@pytest.mark.parametrize("password", ["", "a" * 14, "a" * 129])
def test_passwords_too_short_or_too_long_are_refused(password: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        normalised_password(password)


def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    assert normalised_password("un café au lait!") == normalised_password("un cafe\u0301 au lait!")


def test_scopes_follow_from_roles() -> None:
    assert "orders:write" in scopes_of(["customer"])
    assert "orders:admin" not in scopes_of(["customer"])
    assert set(scopes_of(["customer"])) < set(scopes_of(["admin"]))
    assert scopes_of(["customer", "admin"]) == scopes_of(["admin"])
    assert scopes_of(["owner"]) == scopes_of([]) == ()


def test_everybody_manages_their_account_and_no_application_does() -> None:
    assert ACCOUNT_MANAGE not in known_scopes()
    for role in ("customer", "admin"):
        assert ACCOUNT_MANAGE in scopes_of([role])
        assert granted_to([ACCOUNT_MANAGE, "profile:read"], [role]) == ("profile:read",)


@pytest.mark.parametrize(
    "family",
    [
        Family(revoked=True, expires_at=LIVE.expires_at, last_used_at=NOW),
        Family(revoked=False, expires_at=NOW, last_used_at=NOW),
        Family(revoked=False, expires_at=LIVE.expires_at, last_used_at=NOW - FAMILY_IDLE_LIMIT),
    ],
)
@pytest.mark.parametrize("state", TokenState)
def test_nothing_refreshes_a_family_that_is_over(family: Family, state: TokenState) -> None:
    assert not is_live(family, NOW)
    assert decide_rotation(token(state, NOW, successor_is_live=True), family, NOW) is Rotation.ENDED


def test_a_live_token_rotates() -> None:
    assert decide_rotation(token(TokenState.LIVE), LIVE, NOW) is Rotation.ROTATE


@pytest.mark.parametrize(
    ("presented", "outcome"),
    [
        (token(TokenState.USED, NOW - REFRESH_GRACE, successor_is_live=True), Rotation.REPLACE),
        (token(TokenState.USED, NOW, successor_is_live=True), Rotation.REPLACE),
        (
            token(TokenState.USED, NOW - REFRESH_GRACE - SECOND, successor_is_live=True),
            Rotation.REUSED,
        ),
        (token(TokenState.USED, NOW, successor_is_live=False), Rotation.REUSED),
        (token(TokenState.USED, None, successor_is_live=True), Rotation.REUSED),
        (token(TokenState.VOID, NOW, successor_is_live=True), Rotation.REUSED),
        (token(TokenState.VOID), Rotation.REUSED),
    ],
)
def test_a_used_token_is_a_lost_answer_or_a_copy(
    presented: PresentedToken, outcome: Rotation
) -> None:
    assert decide_rotation(presented, LIVE, NOW) is outcome
