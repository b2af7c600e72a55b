"""Which passwords nobody may have."""

from collections.abc import Callable

import httpx
import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from libs.testing.scale import trials
from services.auth.domain.passwords import SHORTEST_PASSWORD, Unfit, reason_against
from tests.auth.conftest import PASSWORD
from tests.auth.sessions import problem


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("responsibilities", Unfit.COMMON),
        ("RESPONSIBILITIES", Unfit.COMMON),
        ("qwertyuiopasdfghj", Unfit.COMMON),
        ("lkjhgfdsapoiuytrewq", Unfit.COMMON),
        ("123456789012345", Unfit.COMMON),
        ("passwordpassword", Unfit.COMMON),
        ("Password1234567!", Unfit.COMMON),
        ("P@ssw0rd-2026!!", Unfit.COMMON),
        ("trustno1trustno2", Unfit.COMMON),
        ("correcthorsebatterystaple", Unfit.COMMON),
        ("bbbbbbbbbbbbbbbb", Unfit.REPETITIVE),
        ("aaaaaaaabbbbbbbb", Unfit.COMMON),
        ("lmnopqr98765432", Unfit.REPETITIVE),
        ("xX9$xX9$xX9$xX9$xX8", Unfit.REPETITIVE),
        ("meridian2026!!!", Unfit.ABOUT_YOU),
        ("ada.lovelace@example.com", Unfit.ABOUT_YOU),
        ("Lovelace!Lovelace", Unfit.ABOUT_YOU),
        ("AdaLovelace-1815", Unfit.ABOUT_YOU),
        (PASSWORD, None),
        ("lovelace likes seven donkeys", None),
        ("password of my seven donkeys", None),
        ("49173062518394710", None),
    ],
)
def test_what_attackers_try_first_is_unfit(password: str, reason: Unfit | None) -> None:
    assert reason_against(password, ["ada.lovelace@example.com", "Ada Lovelace"]) == reason


@pytest.mark.parametrize(
    "lengthened",
    [
        lambda word: word + "12345678901"[: max(0, SHORTEST_PASSWORD - len(word))],
        lambda word: word.capitalize().ljust(SHORTEST_PASSWORD, "!"),
        lambda word: word.rjust(SHORTEST_PASSWORD, "0"),
        lambda word: word * (1 + SHORTEST_PASSWORD // len(word)),
        lambda word: f"{word}2026!".rjust(SHORTEST_PASSWORD, "0"),
    ],
    ids=["counting", "signs", "zeros", "over and over", "and a year"],
)
def test_no_common_password_gets_good_by_being_lengthened(lengthened: Callable[[str], str]) -> None:
    commonest = FREQUENCY_LISTS["passwords"][: trials(3_000, 30_000)]
    good = [word for word in commonest if reason_against(lengthened(word), []) is None]
    assert good == []


async def test_an_unfit_password_is_refused_with_why_and_what_to_do(
    client: httpx.AsyncClient,
) -> None:
    body = {"email": "a@example.com", "password": "responsibilities", "display_name": "Ada"}
    response = await client.post("/v1/auth/register", json=body)
    assert problem(response) == (422, "password_unfit")
    assert response.json()["reason"] == "common"
    assert "several words" in response.json()["detail"]
