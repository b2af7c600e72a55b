"""Processes that die between intent and effect, and processes that work at the same time."""

import asyncio
from dataclasses import dataclass

import pytest
from typing_extensions import override

from libs.ids import new_id
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Refused, Unknown, Verdict
from services.payment.service.settlement import ImpossibleAnswerError
from tests.payment.conftest import Shop
from tests.payment.service.faulty import CrashError, FaultyProvider


@pytest.mark.parametrize("after_the_effect", [False, True])
@pytest.mark.parametrize("purpose", list(Purpose))
async def test_a_process_that_dies_between_intent_and_effect_is_succeeded_by_another(
    shop: Shop,
    faulty: FaultyProvider,
    purpose: Purpose,
    after_the_effect: bool,  # noqa: FBT001 - pytest passes parameters by name
) -> None:
    shop.lease_seconds = 30  # longer than any pause of a busy machine
    if after_the_effect:
        faulty.crash_after = {purpose}
    else:
        faulty.crash_before = {purpose}
    order_id = new_id("ord")

    async def buy_and_return() -> None:
        await shop.authorize("tok_ok", order_id=order_id, provider=faulty)
        if purpose is Purpose.VOID:
            await shop.void(order_id, provider=faulty)
        await shop.capture(order_id, provider=faulty)
        await shop.refund(order_id, 100, provider=faulty)

    with pytest.raises(CrashError):
        await buy_and_return()
    events = await shop.events(order_id)
    await shop.settlement().settle_due()
    assert await shop.events(order_id) == events, "the dead process still holds its lease"
    await shop.settle()
    told = {
        Purpose.AUTHORIZE: "authorized",
        Purpose.CAPTURE: "captured",
        Purpose.VOID: "voided",
        Purpose.REFUND: "refunded",
    }
    assert (await shop.events(order_id))[-1] == told[purpose]
    [charge] = await shop.charges(order_id)
    balances = await shop.balances()
    held = charge["captured_minor"] - charge["refunded_minor"]
    assert balances.get("provider_clearing", 0) == held
    assert sum(balances.values()) == 0


async def test_a_redelivered_command_resumes_when_the_lease_is_over(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.crash_after = {Purpose.AUTHORIZE, Purpose.REFUND}
    order_id = new_id("ord")
    with pytest.raises(CrashError):
        await shop.authorize("tok_ok", order_id=order_id, provider=faulty)
    await shop.authorize("tok_ok", order_id=order_id)
    assert await shop.state(order_id) == "authorizing", "somebody may still be at it"
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    await shop.authorize("tok_ok", order_id=order_id)
    assert await shop.state(order_id) == "authorized"
    await shop.capture(order_id)
    refund_id = new_id("rfd")
    with pytest.raises(CrashError):
        await shop.refund(order_id, 5, refund_id=refund_id, provider=faulty)
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    await shop.refund(order_id, 5, refund_id=refund_id)
    assert await shop.events(order_id) == ["authorized", "captured", "refunded"]
    assert len(await shop.charges(order_id)) == 1


async def test_an_answer_that_comes_after_another_process_settled_changes_nothing(
    shop: Shop, faulty: FaultyProvider
) -> None:
    faulty.crash_before = {Purpose.AUTHORIZE}
    order_id = new_id("ord")
    with pytest.raises(CrashError):
        await shop.authorize("tok_ok", order_id=order_id, provider=faulty)
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    stale = await shop.units.run(shop.settlement()._claim_due)
    await shop.settle()
    events = await shop.events(order_id)
    settlement = shop.settlement()
    for verdict in (Refused("card_declined"), Unknown("timeout")):
        faulty.answers, faulty.crash_before = {Purpose.AUTHORIZE: verdict}, set()
        await settlement._units.run(
            lambda unit, verdict=verdict: settlement._conclude(unit, work=stale[0], verdict=verdict)  # type: ignore[misc]  # binds the loop's value
        )
    assert await shop.events(order_id) == events == ["authorized"]


async def test_an_open_call_that_does_not_fit_its_payment_is_a_fault_not_a_guess(
    shop: Shop, faulty: FaultyProvider
) -> None:
    order_id = await shop.authorize("tok_ok")
    await shop.admin.execute("UPDATE provider_operations SET state = 'unknown'")
    faulty.lost_before = {Purpose.AUTHORIZE}
    other = await shop.authorize("tok_ok", provider=faulty)
    await shop.settle()
    assert await shop.events(order_id) == ["authorized"]
    assert await shop.state(other) == "authorized", "one fault does not hold up the others"
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    [work] = await shop.units.run(shop.settlement()._claim_due)
    with pytest.raises(ImpossibleAnswerError):
        await shop.settlement().carry_on(work)


async def test_many_timers_settle_each_call_once(shop: Shop, faulty: FaultyProvider) -> None:
    faulty.lost_before = {Purpose.AUTHORIZE}
    orders = [await shop.authorize("tok_ok", provider=faulty) for _ in range(25)]
    await shop.admin.execute("UPDATE provider_operations SET next_attempt_at = now()")
    shop.lease_seconds = 30
    settled = await asyncio.gather(*(shop.settlement().settle_due() for _ in range(4)))
    assert sum(settled) == 25
    for order_id in orders:
        assert await shop.events(order_id) == ["outcome_unknown", "authorized"]


async def test_no_transaction_is_open_while_the_provider_is_asked(
    shop: Shop, faulty: FaultyProvider
) -> None:
    open_transactions: list[int] = []
    real = faulty.real

    @dataclass
    class Watching(FaultyProvider):
        @override
        async def _call(self, work: Work) -> Verdict:
            open_transactions.append(
                await shop.admin.fetchval(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test-payment'"
                    " AND xact_start IS NOT NULL"
                )
            )
            return await super()._call(work)

    watching = Watching(real)
    order_id = await shop.authorize("tok_ok", provider=watching)
    await shop.capture(order_id, provider=watching)
    await shop.refund(order_id, 1, provider=watching)
    assert open_transactions == [0, 0, 0]
