"""What payment may expect of any provider: one table, run against each adapter and a real server behind it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from libs.ids import new_id
from libs.money import Money
from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Refused, Succeeded, Unknown, Verdict
from tests.payment.clients.conftest import MONEY, Provider, again, asked_for, following


def call(provider: PaymentProvider, work: Work) -> Awaitable[Verdict]:
    calls: dict[Purpose, Callable[[Work], Awaitable[Verdict]]] = {
        Purpose.AUTHORIZE: provider.authorize,
        Purpose.CAPTURE: provider.capture,
        Purpose.VOID: provider.void,
        Purpose.REFUND: provider.refund,
    }
    return calls[work.operation.purpose](work)


async def settled(provider: Provider, work: Work) -> Verdict:
    """Bring a call to its end as settlement does: first by its key, then by calling again with the same key."""
    verdict: Verdict = Unknown("never asked")
    while isinstance(verdict, Unknown):
        work = again(work)
        assert work.operation.attempts < 5, verdict
        found = await provider.patient.find_by_key(work)
        verdict = await call(provider.patient, work) if found is None else found
    return verdict


async def authorised(provider: Provider, method: str = "tok_ok", money: Money = MONEY) -> Work:
    work = asked_for(method, money)
    verdict = await provider.patient.authorize(work)
    assert isinstance(verdict, Succeeded)
    assert verdict.money == money
    return following(work, reference=verdict.reference)


async def captured(provider: Provider, method: str = "tok_ok", money: Money = MONEY) -> Work:
    work = await authorised(provider, method, money)
    reference = work.payment.provider_reference
    assert reference is not None
    capture = following(work, Purpose.CAPTURE, reference=reference)
    assert await provider.patient.capture(capture) == Succeeded(reference, money)
    return following(work, reference=reference)


def refund_of(work: Work, amount_minor: int) -> Work:
    return following(
        work,
        Purpose.REFUND,
        reference=work.payment.provider_reference,
        money=Money(amount_minor, work.operation.money.currency),
        refund_id=new_id("rfd"),
    )


@pytest.mark.parametrize(
    "money", [Money(1000, "USD"), Money(77, "JPY"), Money(12_340, "KWD"), Money(99, "INR")]
)
async def test_an_amount_is_reserved_taken_and_returned_to_the_last_digit(
    provider: Provider, money: Money
) -> None:
    work = await captured(provider, money=money)
    refunded = await provider.patient.refund(refund_of(work, money.amount_minor))
    assert isinstance(refunded, Succeeded)
    assert refunded.money == money


@pytest.mark.parametrize("token", ["tok_decline", "tok_insufficient_funds"])
async def test_a_decline_is_final_and_stays_so(provider: Provider, token: str) -> None:
    work = asked_for(token)
    first = await provider.patient.authorize(work)
    assert isinstance(first, Refused)
    assert await settled(provider, work) == first
    assert await provider.charges(work) == 1


async def test_a_repeated_call_has_one_effect_and_one_answer(provider: Provider) -> None:
    work = asked_for("tok_ok")
    answers = [await provider.patient.authorize(work) for _ in range(3)]
    assert len(set(answers)) == 1
    assert await provider.charges(work) == 1


async def test_a_key_with_another_body_is_never_a_final_answer(provider: Provider) -> None:
    work = asked_for("tok_ok")
    await provider.patient.authorize(work)
    dearer = replace(work, operation=replace(work.operation, money=Money(2000, "USD")))
    assert await provider.patient.authorize(dearer) == Unknown("idempotency_key_reused")
    assert await provider.charges(work) == 1


@pytest.mark.parametrize("fault", ["timeout", "error"])
async def test_a_charge_whose_answer_is_lost_is_found_and_not_repeated(
    provider: Provider, fault: str
) -> None:
    work = asked_for(f"tok_{fault}_after_charge")
    lost = await provider.losing(fault).authorize(work)
    assert lost == Unknown("timeout" if fault == "timeout" else "http_500")
    verdict = await settled(provider, work)
    assert isinstance(verdict, Succeeded)
    assert verdict.money == MONEY
    assert await provider.charges(work) == 1


@pytest.mark.parametrize("fault", ["timeout", "error"])
@pytest.mark.parametrize("purpose", [Purpose.CAPTURE, Purpose.VOID])
async def test_a_capture_or_void_whose_answer_is_lost_is_found(
    provider: Provider, fault: str, purpose: Purpose
) -> None:
    work = await authorised(provider, f"tok_{fault}_after_{purpose}")
    reference = work.payment.provider_reference
    assert reference is not None
    asked = following(work, purpose, reference=reference)
    assert isinstance(await call(provider.losing(fault), asked), Unknown)
    assert await settled(provider, asked) == Succeeded(reference, MONEY)


@pytest.mark.parametrize("fault", ["timeout", "error"])
async def test_a_refund_whose_answer_is_lost_is_found_and_not_repeated(
    provider: Provider, fault: str
) -> None:
    work = await captured(provider, f"tok_{fault}_after_refund")
    refund = refund_of(work, 400)
    assert isinstance(await call(provider.losing(fault), refund), Unknown)
    verdict = await settled(provider, refund)
    assert isinstance(verdict, Succeeded)
    assert verdict.money == Money(400, "USD")
    assert await provider.refunds(work) == 1


async def test_a_call_that_never_arrived_is_known_not_to_have_happened(provider: Provider) -> None:
    work = await authorised(provider)
    reference = work.payment.provider_reference
    for purpose in (Purpose.CAPTURE, Purpose.VOID):
        asked = following(work, purpose, reference=reference)
        assert await provider.patient.find_by_key(asked) is None
    assert await provider.patient.find_by_key(refund_of(work, 1)) is None


async def test_refunds_may_be_partial_and_repeated_but_never_exceed_the_capture(
    provider: Provider,
) -> None:
    work = await captured(provider)
    assert isinstance(await provider.patient.refund(refund_of(work, 400)), Succeeded)
    assert isinstance(await provider.patient.refund(refund_of(work, 600)), Succeeded)
    assert isinstance(await provider.patient.refund(refund_of(work, 1)), Refused)
    assert await provider.refunds(work) == 2


async def test_money_that_was_given_back_cannot_be_captured(provider: Provider) -> None:
    work = await authorised(provider)
    reference = work.payment.provider_reference
    void = following(work, Purpose.VOID, reference=reference)
    assert isinstance(await provider.patient.void(void), Succeeded)
    capture = following(work, Purpose.CAPTURE, reference=reference)
    assert isinstance(await provider.patient.capture(capture), Refused)
