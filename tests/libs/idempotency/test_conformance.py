"""What a client may rely on, in both modes: the conformance table of retried POSTs."""

import asyncio
from dataclasses import replace

import httpx
import pytest

from libs.idempotency.keys import id_from
from libs.ids import is_id
from libs.testing.waiting import eventually
from tests.libs.idempotency.conftest import CalleeAway, CardDeclined, OutOfStock, Shop

BOTH_MODES = pytest.mark.parametrize("path", ["/one", "/two"])


@BOTH_MODES
async def test_a_missing_key_is_400(shop: Shop, path: str) -> None:
    answer = await shop.post(path, key=None)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    assert shop.calls == []


@BOTH_MODES
@pytest.mark.parametrize(
    "key", ["", '"unclosed', '"a"b', "k" * 256, '"a\\n"', "a, b", 'bare"quote', "tab\there"]
)
async def test_a_malformed_key_is_400(shop: Shop, path: str, key: str) -> None:
    answer = await shop.post(path, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert shop.calls == []


@BOTH_MODES
async def test_two_keys_at_once_are_400(shop: Shop, path: str) -> None:
    answer = await shop.client.post(
        path,
        json={"sku": "MUG"},
        headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    )
    assert answer.json()["code"] == "idempotency_key_malformed"


@BOTH_MODES
async def test_255_characters_are_a_key(shop: Shop, path: str) -> None:
    assert (await shop.post(path, key="k" * 255)).status_code == 201


@BOTH_MODES
async def test_the_first_request_is_executed_and_not_marked(shop: Shop, path: str) -> None:
    answer = await shop.post(path)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert await shop.made() == 1


@BOTH_MODES
async def test_a_replay_has_the_same_status_headers_and_bytes(shop: Shop, path: str) -> None:
    first = await shop.post(path)
    again = await shop.post(path)
    assert again.headers.pop("Idempotency-Replayed") == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers == first.headers
    assert await shop.made() == 1
    assert len(shop.calls) == 1


@BOTH_MODES
async def test_the_quoted_and_the_bare_form_name_the_same_key(shop: Shop, path: str) -> None:
    first = await shop.post(path, key='"a \\"b\\" \\\\"')
    assert first.status_code == 201
    assert (await shop.post(path, key='"k"')).status_code == 201
    assert (await shop.post(path, key="k")).headers["Idempotency-Replayed"] == "true"


@BOTH_MODES
async def test_another_body_under_the_same_key_is_422(shop: Shop, path: str) -> None:
    await shop.post(path)
    answer = await shop.post(path, sku="CUP")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert await shop.made() == 1


@BOTH_MODES
async def test_another_query_or_route_under_the_same_key_is_422(shop: Shop, path: str) -> None:
    await shop.post(path)
    assert (await shop.post(f"{path}?dry=1")).status_code == 422
    assert (await shop.post(f"{path}-other")).status_code == 422


@BOTH_MODES
async def test_the_same_key_of_another_principal_is_independent(shop: Shop, path: str) -> None:
    headers = [{}, {"Subject": "usr_1"}, {"Subject": "usr_2"}, {"Cart_Token": "t"}]
    for sent in headers:
        answer = await shop.post(path, **sent)
        assert answer.status_code == 201
        assert "Idempotency-Replayed" not in answer.headers
    assert await shop.made() == 4


@BOTH_MODES
async def test_a_stranger_elsewhere_is_not_answered_with_what_nobody_in_particular_got(
    shop: Shop, path: str
) -> None:
    elsewhere = httpx.ASGITransport(shop.app, client=("203.0.113.9", 1))
    mine = await shop.post(path)
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://service") as stranger:
        theirs = await replace(shop, client=stranger).post(path)
    assert theirs.json()["made_id"] != mine.json()["made_id"]
    assert (await shop.post(path)).json() == mine.json()


@BOTH_MODES
async def test_the_same_request_in_flight_is_409_with_retry_after(shop: Shop, path: str) -> None:
    shop.gate = asyncio.Event()
    first = asyncio.create_task(shop.post(path))
    await eventually(lambda: shop.calls)
    second = await shop.post(path)
    shop.gate.set()
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_flight")
    assert 1 <= int(second.headers["Retry-After"]) <= 5
    assert (await first).status_code == 201
    assert (await shop.post(path)).headers["Idempotency-Replayed"] == "true"


@BOTH_MODES
async def test_validation_errors_are_not_stored(shop: Shop, path: str) -> None:
    bad = await shop.client.post(path, json={}, headers={"Idempotency-Key": "k"})
    assert bad.status_code == 422
    assert (await shop.post(path)).status_code == 201


@BOTH_MODES
async def test_refusals_are_not_stored_and_the_key_stays_free(shop: Shop, path: str) -> None:
    shop.failure = OutOfStock("none left")
    assert (await shop.post(path)).status_code == 409
    assert await shop.keys() == 0
    shop.failure = None
    assert (await shop.post(path, sku="CUP")).status_code == 201


@BOTH_MODES
async def test_a_failure_before_an_effect_is_not_stored(shop: Shop, path: str) -> None:
    shop.failure = CalleeAway("later")
    assert (await shop.post(path)).status_code == 503
    shop.failure = None
    answer = await shop.post(path)
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer.headers
    assert await shop.made() == 1


async def test_a_declined_card_is_stored(shop: Shop) -> None:
    shop.failure = CardDeclined("insufficient funds", extensions={"decline": "funds"})
    first = await shop.post("/two")
    shop.failure = None
    again = await shop.post("/two")
    assert (first.status_code, again.status_code) == (402, 402)
    assert first.headers["Content-Type"] == "application/problem+json"
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    assert again.json()["code"] == "card_declined"
    assert again.json()["decline"] == "funds"
    assert len(shop.calls) == 1


@BOTH_MODES
async def test_answers_are_kept_longer_than_a_day(shop: Shop, path: str) -> None:
    await shop.post(path)
    await shop.sql.execute("UPDATE idempotency_keys SET created_at = now() - interval '71 hours'")
    assert (await shop.post(path)).headers["Idempotency-Replayed"] == "true"


@BOTH_MODES
async def test_a_hundred_equal_requests_at_once_are_one_execution(shop: Shop, path: str) -> None:
    answers = await asyncio.gather(*(shop.post(path) for _ in range(100)))
    executed = [
        answer
        for answer in answers
        if answer.status_code == 201 and "Idempotency-Replayed" not in answer.headers
    ]
    assert len(executed) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(shop.calls) == 1
    assert await shop.made() == 1


@BOTH_MODES
async def test_racing_requests_over_three_replicas_execute_once_per_key(
    replicas: list[Shop], path: str
) -> None:
    answers = await asyncio.gather(
        *(replicas[n % 3].post(path, key=f"k{key}") for n in range(30) for key in range(10))
    )
    executed = [
        answer
        for answer in answers
        if answer.status_code == 201 and "Idempotency-Replayed" not in answer.headers
    ]
    assert len(executed) == 10
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(replicas[0].calls) == 10
    assert await replicas[0].made() == 10


async def test_without_a_key_an_operation_that_does_not_need_one_just_runs(shop: Shop) -> None:
    assert (await shop.post("/optional", key=None)).status_code == 201
    assert (await shop.post("/optional", key=None)).status_code == 201
    assert await shop.made() == 2
    assert await shop.keys() == 0


async def test_a_key_is_honoured_where_it_is_not_needed(shop: Shop) -> None:
    await shop.post("/optional")
    assert (await shop.post("/optional")).headers["Idempotency-Replayed"] == "true"
    assert await shop.made() == 1


def test_an_id_is_the_same_for_the_same_principal_key_and_operation_only() -> None:
    mine = id_from("usr_1", "k", "POST /v1/refunds", "rfd")
    assert is_id(mine, "rfd")
    assert mine == id_from("usr_1", "k", "POST /v1/refunds", "rfd")
    others = {
        id_from("usr_2", "k", "POST /v1/refunds", "rfd"),
        id_from("usr_1", "k2", "POST /v1/refunds", "rfd"),
        id_from("usr_1", "k", "POST /v1/returns", "rfd"),
        id_from("usr_1k", "", "POST /v1/refunds", "rfd"),
    }
    assert len(others - {mine}) == 4
