"""Commands against the simulator: outcomes by token, repetition, order of arrival."""

import asyncio

import pytest

from libs.contracts.message import Amount
from libs.contracts.payment import AuthorizePayment
from libs.ids import new_id
from libs.messaging.handlers import TooEarly
from services.payment.errors import PaymentNotFound, RefundIdReused
from tests.payment.conftest import Shop


async def test_an_order_is_authorised_captured_and_booked(shop: Shop) -> None:
    order_id = await shop.authorize("tok_ok")
    assert await shop.state(order_id) == "authorized"
    assert await shop.balances() == {}, "a promise is no money"
    await shop.capture(order_id)
    assert await shop.state(order_id) == "captured"
    assert await shop.events(order_id) == ["authorized", "captured"]
    assert await shop.balances() == {"provider_clearing": 1000, "sales": -1000}
    [charge] = await shop.charges(order_id)
    assert charge["captured_minor"] == 1000


@pytest.mark.parametrize(
    ("token", "reason"),
    [("tok_decline", "card_declined"), ("tok_insufficient_funds", "insufficient_funds")],
)
async def test_a_decline_is_final_and_says_why(shop: Shop, token: str, reason: str) -> None:
    order_id = await shop.authorize(token)
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["decline_reason"]) == ("declined", reason)
    assert await shop.events(order_id) == ["declined"]
    await shop.authorize(token, order_id=order_id)
    assert await shop.events(order_id) == ["declined", "declined"]


@pytest.mark.parametrize("token", ["tok_slow", "tok_duplicate_webhook", "tok_late_webhook"])
async def test_slow_answers_and_odd_webhooks_end_authorised(shop: Shop, token: str) -> None:
    order_id = await shop.authorize(token)
    assert await shop.state(order_id) == "authorized"


async def test_an_unknown_token_is_declined(shop: Shop) -> None:
    order_id = await shop.authorize("tok_nonsense")
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["decline_reason"]) == ("declined", "payment_method_unknown")


@pytest.mark.parametrize(
    ("method", "amount", "currency", "reason"),
    [
        ("4242 4242 4242 4242", 100, "USD", "card_number_rejected"),
        ("tok_ok", 0, "USD", "amount_invalid"),
        ("tok_ok", 100, "XXX", "currency_unsupported"),
    ],
)
async def test_an_impossible_authorisation_is_declined_without_asking(
    shop: Shop, method: str, amount: int, currency: str, reason: str
) -> None:
    order_id = await shop.authorize(method, amount_minor=amount, currency=currency)
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["decline_reason"]) == ("declined", reason)
    assert payment["payment_method"] is None
    assert await shop.charges(order_id) == []
    await shop.authorize(method, order_id=order_id, amount_minor=amount, currency=currency)
    assert await shop.events(order_id) == ["declined", "declined"]


async def test_a_card_number_is_stored_nowhere(shop: Shop) -> None:
    await shop.authorize("4242424242424242")
    for table in ("payments", "provider_operations", "outbox_messages"):
        found = await shop.admin.fetchval(
            f"SELECT count(*) FROM {table} AS t WHERE t::text LIKE '%42424242%'"  # noqa: S608 - constants
        )
        assert found == 0


async def test_repeated_commands_have_one_effect_and_tell_the_outcome_each_time(
    shop: Shop,
) -> None:
    order_id = await shop.captured()
    for _ in range(2):
        await shop.authorize("tok_ok", order_id=order_id)
        await shop.capture(order_id)
    assert await shop.events(order_id) == ["authorized", "captured"] * 3
    refund_id = await shop.refund(order_id, 300)
    await shop.refund(order_id, 300, refund_id=refund_id)
    assert (await shop.events(order_id))[6:] == ["refunded", "refunded"]
    assert await shop.balances() == {"provider_clearing": 700, "sales": -1000, "refunds": 300}
    [charge] = await shop.charges(order_id)
    assert (charge["captured_minor"], charge["refunded_minor"]) == (1000, 300)


async def test_each_event_of_a_payment_has_a_higher_version(shop: Shop) -> None:
    order_id = await shop.captured()
    await shop.capture(order_id)
    await shop.refund(order_id, 1)
    await shop.refund(order_id, 5000)
    versions = [
        row["aggregate_version"]
        for row in await shop.admin.fetch(
            "SELECT aggregate_version FROM outbox_messages ORDER BY position"
        )
    ]
    assert len(versions) == 5
    assert versions == sorted(set(versions))


async def test_fifty_concurrent_authorisations_of_an_order_charge_once(shop: Shop) -> None:
    order_id = new_id("ord")
    await asyncio.gather(*(shop.authorize("tok_ok", order_id=order_id) for _ in range(50)))
    await shop.settle()
    assert await shop.state(order_id) == "authorized"
    assert len(await shop.charges(order_id)) == 1
    assert await shop.admin.fetchval("SELECT count(*) FROM payments") == 1


async def test_a_payment_that_a_restore_has_forgotten_is_the_same_charge_when_it_is_asked_for_again(
    shop: Shop,
) -> None:
    order_id = await shop.authorize("tok_ok")
    before = await shop.payment(order_id)
    await shop.admin.execute("SET session_replication_role = replica")
    for table in ("provider_operations", "payments"):
        await shop.admin.execute(f"DELETE FROM {table}")  # noqa: S608 - constants
    await shop.admin.execute("SET session_replication_role = origin")
    await shop.authorize("tok_ok", order_id=order_id)
    again = await shop.payment(order_id)
    assert again["state"] == "authorized"
    assert again["provider_reference"] == before["provider_reference"]


async def test_concurrent_captures_and_refunds_book_once(shop: Shop) -> None:
    order_id = await shop.authorize("tok_ok")
    await asyncio.gather(*(shop.capture(order_id) for _ in range(10)))
    refund_id = new_id("rfd")
    await asyncio.gather(
        *(shop.refund(order_id, 400, refund_id=refund_id) for _ in range(10)),
        *(shop.refund(order_id, 400) for _ in range(3)),
    )
    await shop.settle()
    payment = await shop.payment(order_id)
    assert (payment["captured_minor"], payment["refunded_minor"]) == (1000, 800)
    assert await shop.balances() == {"provider_clearing": 200, "sales": -1000, "refunds": 800}
    [charge] = await shop.charges(order_id)
    assert charge["refunded_minor"] == 800


async def test_an_authorisation_is_voided(shop: Shop) -> None:
    order_id = await shop.authorize("tok_ok")
    await shop.void(order_id)
    assert await shop.state(order_id) == "voided"
    [charge] = await shop.charges(order_id)
    assert charge["status"] == "voided"
    await shop.void(order_id)
    await shop.capture(order_id)
    assert await shop.events(order_id) == ["authorized", "voided", "voided", "voided"]
    assert await shop.balances() == {}


async def test_a_void_that_comes_first_keeps_the_order_from_being_charged(shop: Shop) -> None:
    order_id = new_id("ord")
    await shop.void(order_id)
    await shop.authorize("tok_ok", order_id=order_id)
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["user_id"]) == ("voided", "usr_1")
    assert await shop.charges(order_id) == []
    assert await shop.events(order_id) == ["voided", "voided"]


async def test_a_void_of_a_declined_payment_is_answered(shop: Shop) -> None:
    order_id = await shop.authorize("tok_decline")
    await shop.void(order_id)
    assert await shop.events(order_id) == ["declined", "voided"]


async def test_a_void_after_the_capture_is_answered_with_the_capture(shop: Shop) -> None:
    order_id = await shop.captured()
    await shop.void(order_id)
    assert await shop.events(order_id) == ["authorized", "captured", "captured"]


async def test_a_capture_of_a_declined_payment_is_answered(shop: Shop) -> None:
    order_id = await shop.authorize("tok_decline")
    await shop.capture(order_id)
    assert await shop.events(order_id) == ["declined", "declined"]


async def test_a_capture_or_refund_without_payment_is_a_fault_of_the_sender(shop: Shop) -> None:
    with pytest.raises(PaymentNotFound):
        await shop.capture("ord_none")
    with pytest.raises(PaymentNotFound):
        await shop.refund("ord_none", 1)


async def test_refunds_end_with_the_capture(shop: Shop) -> None:
    order_id = await shop.captured()
    await shop.refund(order_id, 400)
    assert await shop.state(order_id) == "partially_refunded"
    refused = await shop.refund(order_id, 601)
    await shop.refund(order_id, 600)
    assert await shop.state(order_id) == "refunded"
    await shop.refund(order_id, 601, refund_id=refused)
    assert await shop.events(order_id) == [
        *("authorized", "captured", "refunded"),
        *("refund_failed", "refunded", "refund_failed"),
    ]
    reason = await shop.admin.fetchval("SELECT failure_reason FROM refunds WHERE id = $1", refused)
    assert reason == "exceeds_captured"
    assert await shop.balances() == {"provider_clearing": 0, "sales": -1000, "refunds": 1000}


async def test_money_that_was_not_captured_is_not_refunded(shop: Shop) -> None:
    order_id = await shop.authorize("tok_ok")
    await shop.refund(order_id, 1)
    assert await shop.events(order_id) == ["authorized", "refund_failed"]


async def test_a_refund_under_way_is_a_new_version_of_its_payment(shop: Shop) -> None:
    order_id = await shop.captured("tok_timeout_after_refund")
    before = (await shop.payment(order_id))["version"]
    await shop.refund(order_id, 300)
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["version"]) == ("captured", before + 1)


async def test_a_refund_id_belongs_to_one_payment(shop: Shop) -> None:
    first, second = await shop.captured(), await shop.captured()
    refund_id = await shop.refund(first, 1)
    with pytest.raises(RefundIdReused):
        await shop.refund(second, 1, refund_id=refund_id)


async def test_what_depends_on_an_unknown_outcome_waits_for_it(shop: Shop) -> None:
    order_id = await shop.authorize("tok_timeout_after_charge")
    with pytest.raises(TooEarly):
        await shop.capture(order_id)
    with pytest.raises(TooEarly):
        await shop.refund(order_id, 1)


async def test_a_zero_decimal_and_a_three_decimal_currency_keep_their_minor_units(
    shop: Shop,
) -> None:
    for currency, amount in (("JPY", 1234), ("KWD", 1234)):
        order_id = await shop.captured(amount_minor=amount, currency=currency)
        await shop.refund(order_id, 234, currency=currency)
        payment = await shop.payment(order_id)
        assert (payment["captured_minor"], payment["refunded_minor"]) == (1234, 234)
    assert await shop.balances() == {"provider_clearing": 2000, "sales": -2468, "refunds": 468}


def test_a_command_holds_no_card_data() -> None:
    command = AuthorizePayment(
        order_id="ord_1",
        user_id="usr_1",
        home_region="us-east-1",
        amount=Amount(amount_minor=1, currency="USD"),
        payment_method="tok_ok",
    )
    assert not {"card", "number", "cvc"} & set(command.model_dump())
