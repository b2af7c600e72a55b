"""Lost answers: the truth is asked for with the same key, and nothing happens twice."""

import pytest

from services.payment.domain.states import Purpose, Refused, Succeeded
from tests.payment.conftest import Shop
from tests.payment.service.faulty import FaultyProvider


@pytest.mark.parametrize("token", ["tok_timeout_after_charge", "tok_error_after_charge"])
async def test_a_lost_answer_is_unknown_until_the_provider_tells_the_truth(
    shop: Shop, token: str
) -> None:
    order_id = await shop.authorize(token)
    assert await shop.state(order_id) == "outcome_unknown"
    await shop.authorize(token, order_id=order_id)
    assert await shop.events(order_id) == ["outcome_unknown", "outcome_unknown"]
    await shop.settle()
    assert await shop.state(order_id) == "authorized"
    assert (await shop.events(order_id))[2:] == ["authorized"]
    assert len(await shop.charges(order_id)) == 1


@pytest.mark.parametrize("fault", ["timeout", "error"])
async def test_a_lost_answer_to_a_capture_books_once(shop: Shop, fault: str) -> None:
    order_id = await shop.captured(f"tok_{fault}_after_capture")
    assert await shop.state(order_id) == "capturing"
    assert await shop.balances() == {}
    await shop.settle()
    assert await shop.state(order_id) == "captured"
    assert await shop.events(order_id) == ["authorized", "captured"]
    assert await shop.balances() == {"provider_clearing": 1000, "sales": -1000}


@pytest.mark.parametrize("fault", ["timeout", "error"])
async def test_a_lost_answer_to_a_void_ends_voided(shop: Shop, fault: str) -> None:
    order_id = await shop.authorize(f"tok_{fault}_after_void")
    await shop.void(order_id)
    assert await shop.state(order_id) == "voiding"
    await shop.void(order_id)
    await shop.capture(order_id)
    await shop.settle()
    assert await shop.events(order_id) == ["authorized", "voided"]


@pytest.mark.parametrize("fault", ["timeout", "error"])
async def test_a_lost_answer_to_a_refund_returns_the_money_once(shop: Shop, fault: str) -> None:
    order_id = await shop.captured(f"tok_{fault}_after_refund")
    refund_id = await shop.refund(order_id, 400)
    assert await shop.events(order_id) == ["authorized", "captured"]
    over = await shop.refund(order_id, 601)
    await shop.settle()
    await shop.refund(order_id, 400, refund_id=refund_id)
    assert (await shop.events(order_id))[2:] == ["refund_failed", "refunded", "refunded"]
    assert over != refund_id
    [charge] = await shop.charges(order_id)
    assert charge["refunded_minor"] == 400


async def test_a_call_the_provider_never_saw_is_made_again_with_the_same_key(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.lost_before = {Purpose.AUTHORIZE}
    order_id = await shop.authorize("tok_ok", provider=faulty)
    assert await shop.state(order_id) == "outcome_unknown"
    assert await shop.charges(order_id) == []
    await shop.settle()
    assert await shop.state(order_id) == "authorized"
    assert len(await shop.charges(order_id)) == 1


async def test_a_call_that_was_tried_is_looked_up_before_it_is_made_again(
    shop: Shop, faulty: FaultyProvider
) -> None:
    order_id = await shop.authorize("tok_error_after_charge", provider=faulty)
    assert faulty.asked == [Purpose.AUTHORIZE]
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    await shop.settlement(faulty).settle_due()
    assert await shop.state(order_id) == "authorized"
    assert faulty.asked == [Purpose.AUTHORIZE], "the provider's keys may be forgotten after a day"


async def test_a_truth_that_is_a_decline_is_told_as_one(shop: Shop, faulty: FaultyProvider) -> None:
    faulty.lost_before = {Purpose.AUTHORIZE}
    order_id = await shop.authorize("tok_decline", provider=faulty)
    await shop.settle()
    assert await shop.events(order_id) == ["outcome_unknown", "declined"]


async def test_an_outcome_that_stays_unknown_is_asked_for_again_and_told_once(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.lost_before = {Purpose.AUTHORIZE}
    order_id = await shop.authorize("tok_ok", provider=faulty)
    for _ in range(3):
        await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
        await shop.settlement(faulty).settle_due()
    assert await shop.events(order_id) == ["outcome_unknown"]
    row = await shop.admin.fetchrow(
        "SELECT attempts, last_error, next_attempt_at > now() + interval '6 seconds' AS later"
        " FROM provider_operations"
    )
    assert (row["attempts"], row["last_error"], row["later"]) == (4, "timeout", True)


async def test_a_void_during_an_unknown_authorisation_voids_it_when_it_is_known(
    shop: Shop,
) -> None:
    order_id = await shop.authorize("tok_timeout_after_charge")
    await shop.void(order_id)
    await shop.void(order_id)
    assert await shop.events(order_id) == ["outcome_unknown"]
    await shop.settle()
    assert await shop.events(order_id) == ["outcome_unknown", "voided"]
    [charge] = await shop.charges(order_id)
    assert charge["status"] == "voided"


async def test_a_void_during_an_unknown_decline_ends_voided(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.lost_before = {Purpose.AUTHORIZE}
    order_id = await shop.authorize("tok_decline", provider=faulty)
    await shop.void(order_id)
    await shop.settle()
    assert await shop.events(order_id) == ["outcome_unknown", "voided"]


async def test_a_void_during_an_unknown_capture_does_not_hide_the_capture(shop: Shop) -> None:
    order_id = await shop.captured("tok_timeout_after_capture")
    await shop.void(order_id)
    await shop.settle()
    assert await shop.events(order_id) == ["authorized", "captured"]
    assert await shop.state(order_id) == "captured"


async def test_a_refused_capture_is_voided_and_then_told_as_a_decline_once(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.answers = {Purpose.CAPTURE: Refused("authorisation_expired")}
    order_id = await shop.authorize("tok_ok")
    await shop.capture(order_id, provider=faulty)
    payment = await shop.payment(order_id)
    assert (payment["state"], payment["decline_reason"]) == ("declined", "authorisation_expired")
    assert await shop.events(order_id) == ["authorized", "declined"]
    [charge] = await shop.charges(order_id)
    assert charge["status"] == "voided", "nothing stays reserved"
    assert await shop.balances() == {}


@pytest.mark.parametrize(
    ("order_voids", "told"), [(False, "declined"), (True, "voided")], ids=["alone", "with_a_void"]
)
async def test_the_void_after_a_refused_capture_is_asked_for_until_it_is_done(
    shop: Shop,
    faulty: FaultyProvider,
    order_voids: bool,  # noqa: FBT001 - pytest passes parameters by name
    told: str,
) -> None:
    faulty.answers = {Purpose.CAPTURE: Refused("authorisation_expired")}
    faulty.lost_before = {Purpose.VOID}
    order_id = await shop.authorize("tok_ok")
    await shop.capture(order_id, provider=faulty)
    if order_voids:
        await shop.void(order_id)
    await shop.capture(order_id)
    assert await shop.state(order_id) == "voiding"
    assert await shop.events(order_id) == ["authorized"], "not before nothing is reserved"
    await shop.settle()
    assert await shop.events(order_id) == ["authorized", told]
    [charge] = await shop.charges(order_id)
    assert charge["status"] == "voided"


async def test_a_refused_refund_leaves_the_money_refundable(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.answers = {Purpose.REFUND: Refused("refund_limit")}
    order_id = await shop.captured()
    await shop.refund(order_id, 1000, provider=faulty)
    await shop.refund(order_id, 1000)
    assert (await shop.events(order_id))[2:] == ["refund_failed", "refunded"]


async def test_a_refused_void_stays_open(shop: Shop, faulty: FaultyProvider) -> None:
    faulty.answers = {Purpose.VOID: Refused("charge_not_voidable")}
    order_id = await shop.authorize("tok_ok")
    await shop.void(order_id, provider=faulty)
    assert await shop.state(order_id) == "voiding"
    await shop.settle()
    assert await shop.state(order_id) == "voided"


async def test_a_confirmation_of_another_amount_is_not_believed(
    shop: Shop, faulty: FaultyProvider
) -> None:
    order_id = await shop.authorize("tok_ok")
    [charge] = await shop.charges(order_id)
    money = (await shop.units.run(lambda unit: unit.payments.by_order(order_id))).money  # type: ignore[union-attr]  # it exists
    assert money is not None
    faulty.answers = {Purpose.CAPTURE: Succeeded(charge["id"], money * 2)}
    await shop.capture(order_id, provider=faulty)
    assert await shop.state(order_id) == "capturing"
    assert await shop.balances() == {}
