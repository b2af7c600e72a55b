import json
import random
from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI, Request

from libs.ids import new_id
from libs.testing.apps import client_of
from libs.testing.scale import trials
from libs.web.middleware.card_numbers import holds_card_number
from tests.libs.web.conftest import AppOf

KNOWN = [
    "4111111111111111", "4012 8888 8888 1881", "5555-5555-5555-4444", "2223003122003222",
    "378282246310005", "3714 496353 98431", "30569309025904", "6011111111111117",
    "3530111333300000", "6200000000000005",
]  # fmt: skip
"""Numbers that schemes publish for tests."""


@pytest.fixture
def kept() -> list[bytes]:
    return []


@pytest.fixture
def app(app_of: AppOf, kept: list[bytes]) -> FastAPI:
    router = APIRouter()

    @router.post("/notes")
    async def keep(request: Request) -> None:
        kept.append(await request.body())

    return app_of(router)


def numbers(count: int) -> Iterator[str]:
    chance = random.Random(20_261_123)  # noqa: S311 - to repeat, not to keep secret
    for _ in range(count):
        digits = [4, *(chance.randrange(10) for _ in range(14))]
        doubled = sum((2 * digit) // 10 + (2 * digit) % 10 for digit in digits[::2])
        check = -(doubled + sum(digits[1::2])) % 10
        yield "".join(map(str, [*digits, check]))


async def test_no_request_with_a_card_number_reaches_an_operation(
    app: FastAPI, kept: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(app) as client:
        for number in [*KNOWN, *numbers(trials(100, 1_000))]:
            answer = await client.post("/notes", json={"note": f"my card is {number}, thanks"})
            assert (answer.status_code, answer.json()["code"]) == (422, "card_number_refused")
            assert number not in answer.text
            assert number not in caplog.text
            caplog.clear()
    assert kept == []


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("/notes?card=4111111111111111", {}),
        ("/notes/4111111111111111", {}),
        ("/notes/4111%201111%201111%201111", {}),
        ("/notes", {"Idempotency-Key": "4111111111111111"}),
        ("/notes", {"User-Agent": "4111 1111 1111 1111"}),
    ],
)
async def test_nor_does_one_in_an_address_or_in_a_header_that_is_kept(
    app: FastAPI, kept: list[bytes], address: str, headers: dict[str, str]
) -> None:
    async with client_of(app) as client:
        answer = await client.post(address, json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "card_number_refused")
    assert kept == []


@pytest.mark.parametrize(
    "harmless",
    [
        "4111111111111112",  # a wrong check digit
        "+4111111111111111",  # a telephone number
        "1Z4111111111111111",  # a parcel
        "#4111111111111111",
        "4111111111111111.50",
        "ord_4111111111111111",
        "12345678901234567890",
        "1767225600000",  # milliseconds
    ],
)
def test_what_only_looks_like_one_is_let_through(harmless: str) -> None:
    assert not holds_card_number(json.dumps({"note": harmless}).encode())


def test_no_id_of_ours_looks_like_one() -> None:
    made = "".join(json.dumps([new_id("ord"), new_id("adr")]) for _ in range(20_000))
    assert not holds_card_number(made.encode())
