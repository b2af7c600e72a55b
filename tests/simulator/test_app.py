"""The provider's API: idempotency like Stripe's, and outcomes by token."""

import asyncio

import httpx
import pytest

from libs.testing.waiting import eventually
from simulator.settings import SimulatorSettings
from tests.simulator.calls import CHARGE, charge, code_of, count_charges, post
from tests.simulator.conftest import opened


async def test_a_charge_is_authorised_and_captured_only_on_demand(
    client: httpx.AsyncClient,
) -> None:
    created = await charge(client, metadata={"order_id": "ord_1"})
    assert created["status"] == "authorized"
    assert created["captured_minor"] == 0
    captured = await post(client, f"/charges/{created['id']}/capture", "c")
    assert captured.json()["status"] == "captured"
    read = await client.get(f"/v1/charges/{created['id']}")
    assert read.json() == captured.json()
    assert read.json()["metadata"] == {"order_id": "ord_1"}


async def test_a_charge_can_be_taken_at_once(client: httpx.AsyncClient) -> None:
    created = await charge(client, capture=True)
    assert (created["status"], created["captured_minor"]) == ("captured", 1000)


async def test_the_first_answer_is_replayed_for_the_same_key(client: httpx.AsyncClient) -> None:
    first = await post(client, "/charges", "k", CHARGE)
    again = await post(client, "/charges", "k", CHARGE)
    assert again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


@pytest.mark.parametrize(
    ("token", "code"),
    [("tok_decline", "card_declined"), ("tok_insufficient_funds", "insufficient_funds")],
)
async def test_a_decline_is_final_kept_in_the_book_and_replayed(
    client: httpx.AsyncClient, token: str, code: str
) -> None:
    body = {**CHARGE, "payment_method": token}
    first = await post(client, "/charges", "k", body)
    assert (first.status_code, code_of(first)) == (402, code)
    assert (await post(client, "/charges", "k", body)).json() == first.json()
    found = (await client.get("/v1/charges", params={"idempotency_key": "k"})).json()["data"]
    assert [(one["status"], one["decline_code"]) for one in found] == [("declined", code)]


async def test_a_key_used_for_something_else_is_refused(client: httpx.AsyncClient) -> None:
    await charge(client)
    response = await post(client, "/charges", "k", {**CHARGE, "amount_minor": 1001})
    assert (response.status_code, code_of(response)) == (400, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        (" ", "idempotency_key_missing"),
        ("k" * 256, "idempotency_key_malformed"),
    ],
)
async def test_a_key_is_required_and_bounded(
    client: httpx.AsyncClient, key: str | None, code: str
) -> None:
    response = await post(client, "/charges", key, CHARGE)
    assert (response.status_code, code_of(response)) == (400, code)


async def test_a_refused_request_does_not_use_up_its_key(client: httpx.AsyncClient) -> None:
    missing = await post(client, "/charges/ch_none/capture", "k")
    assert (missing.status_code, code_of(missing)) == (404, "charge_not_found")
    bad = await post(client, "/charges", "k", {**CHARGE, "amount_minor": 0})
    assert (bad.status_code, code_of(bad)) == (400, "parameter_invalid")
    assert (await post(client, "/charges", "k", CHARGE)).status_code == 201


async def test_a_concurrent_call_with_the_same_key_is_told_to_wait(
    client: httpx.AsyncClient,
) -> None:
    body = {**CHARGE, "payment_method": "tok_slow"}
    answers = await asyncio.gather(*(post(client, "/charges", "k", body) for _ in range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [409] * 7
    assert await count_charges(client, "k") == 1


async def test_an_error_after_the_charge_hides_it_once(client: httpx.AsyncClient) -> None:
    body = {**CHARGE, "payment_method": "tok_error_after_charge"}
    first = await post(client, "/charges", "k", body)
    assert first.status_code == 500
    assert await count_charges(client, "k") == 1
    again = await post(client, "/charges", "k", body)
    assert again.status_code == 201
    assert await count_charges(client, "k") == 1


async def test_a_timeout_after_the_charge_hangs_once(settings: SimulatorSettings) -> None:
    body = {**CHARGE, "payment_method": "tok_timeout_after_charge"}
    async with opened(settings.model_copy(update={"hang_seconds": 3_600})) as client:
        hanging = asyncio.create_task(post(client, "/charges", "k", body))
        await eventually(lambda: count_charges(client, "k"))
        again = await post(client, "/charges", "k", body)
        assert again.status_code == 201
        assert not hanging.done()
        hanging.cancel()
        await asyncio.wait([hanging])


async def test_an_answer_that_hung_comes_in_the_end(client: httpx.AsyncClient) -> None:
    body = {**CHARGE, "payment_method": "tok_timeout_after_charge"}
    late = await post(client, "/charges", "k", body)
    assert late.status_code == 201
    assert late.json() == (await post(client, "/charges", "k", body)).json()


@pytest.mark.parametrize("fault", ["timeout", "error"])
@pytest.mark.parametrize("operation", ["capture", "void", "refund"])
async def test_later_calls_can_lose_their_answer_as_well(
    client: httpx.AsyncClient, fault: str, operation: str
) -> None:
    token = f"tok_{fault}_after_{operation}"
    created = await charge(client, payment_method=token, capture=operation == "refund")
    path = f"/charges/{created['id']}/{'refunds' if operation == 'refund' else operation}"
    body = {"amount_minor": 1000} if operation == "refund" else {}
    first = await post(client, path, "second", body)
    assert first.status_code == (500 if fault == "error" else first.status_code)
    again = await post(client, path, "second", body)
    assert again.is_success
    assert again.headers["idempotent-replayed"] == "true"


async def test_what_is_captured_or_refunded_never_exceeds_what_was_promised(
    client: httpx.AsyncClient,
) -> None:
    created = await charge(client)
    path = f"/charges/{created['id']}"
    over = await post(client, f"{path}/capture", "c1", {"amount_minor": 1001})
    assert code_of(over) == "amount_too_large"
    early = await post(client, f"{path}/refunds", "r0", {"amount_minor": 1})
    assert code_of(early) == "charge_not_refundable"
    await post(client, f"{path}/capture", "c2", {"amount_minor": 900})
    twice = await post(client, f"{path}/capture", "c3")
    assert code_of(twice) == "charge_not_capturable"
    assert (await post(client, f"{path}/refunds", "r1", {"amount_minor": 600})).status_code == 201
    over = await post(client, f"{path}/refunds", "r2", {"amount_minor": 301})
    assert code_of(over) == "amount_too_large"
    rest = await post(
        client, f"{path}/refunds", "r3", {"amount_minor": 300, "metadata": {"a": "b"}}
    )
    assert rest.status_code == 201
    book = (await client.get(f"/v1{path}")).json()
    assert (book["captured_minor"], book["refunded_minor"]) == (900, 900)
    refunds = (await client.get("/v1/refunds", params={"charge_id": created["id"]})).json()["data"]
    assert sorted(one["amount_minor"] for one in refunds) == [300, 600]


async def test_racing_refunds_return_no_more_than_was_captured(client: httpx.AsyncClient) -> None:
    created = await charge(client, capture=True)
    path = f"/charges/{created['id']}/refunds"
    answers = await asyncio.gather(
        *(post(client, path, f"r{number}", {"amount_minor": 300}) for number in range(10))
    )
    assert sum(answer.is_success for answer in answers) == 3


async def test_a_voided_charge_stays_voided(client: httpx.AsyncClient) -> None:
    created = await charge(client)
    path = f"/charges/{created['id']}"
    assert (await post(client, f"{path}/void", "v1")).json()["status"] == "voided"
    assert (await post(client, f"{path}/void", "v2")).json()["status"] == "voided"
    assert code_of(await post(client, f"{path}/capture", "c")) == "charge_not_capturable"
    taken = await charge(client, "other", capture=True)
    refused = await post(client, f"/charges/{taken['id']}/void", "v3")
    assert code_of(refused) == "charge_not_voidable"


@pytest.mark.parametrize(
    "body",
    [
        {**CHARGE, "payment_method": "4242 4242 4242 4242"},
        {**CHARGE, "metadata": {"note": "4242424242424242"}},
        {**CHARGE, "metadata": {"4242424242424242": "note"}},
    ],
)
async def test_a_card_number_is_rejected_and_stored_nowhere(
    client: httpx.AsyncClient, settings: SimulatorSettings, body: object
) -> None:
    response = await post(client, "/charges", "k", body)
    assert (response.status_code, code_of(response)) == (400, "card_number_rejected")
    assert "4242" not in response.text
    stored = b"".join(path.read_bytes() for path in settings.data.iterdir())
    assert b"4242" not in stored


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": -1},
        {"amount_minor": "1000"},
        {"amount_minor": 10.5},
        {"currency": "XXX"},
        {"surprise": 1},
        {"payment_method": None},
    ],
)
async def test_a_malformed_charge_says_what_to_correct(
    client: httpx.AsyncClient, changes: dict[str, object]
) -> None:
    response = await post(client, "/charges", "k", {**CHARGE, **changes})
    assert (response.status_code, code_of(response)) == (400, "parameter_invalid")
    assert next(iter(changes)) in response.json()["error"]["message"]


async def test_an_unknown_token_is_refused(client: httpx.AsyncClient) -> None:
    response = await post(client, "/charges", "k", {**CHARGE, "payment_method": "tok_other"})
    assert (response.status_code, code_of(response)) == (400, "payment_method_unknown")


async def test_the_api_key_is_required(client: httpx.AsyncClient) -> None:
    for headers in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        response = await client.get("/v1/charges/ch_1", headers=headers)
        assert (response.status_code, code_of(response)) == (401, "api_key_invalid")
    assert (await client.get("/livez", headers={"Authorization": ""})).status_code == 200
