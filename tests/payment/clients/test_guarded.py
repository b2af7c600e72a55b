"""A failing provider is cut off, a slow one holds a bounded number of calls, and every call is counted."""

import asyncio
from dataclasses import dataclass, field

import pytest

from libs.money import Money
from libs.observability.metrics import configure_metrics, render_metrics
from libs.testing.waiting import eventually
from libs.web.resilience import CircuitBreaker
from services.payment.clients.guarded import GuardedProvider, provider_breaker
from services.payment.domain.records import Work
from services.payment.domain.states import (
    ActionRequired,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
    Verdict,
)
from tests.payment.clients.test_simulator import work_for

LOST = Unknown("timeout")
DONE = Succeeded("ch_1", Money(1000, "USD"))


@dataclass
class Scripted:
    """Answers what it is told to, once it is let."""

    answer: Verdict | None = DONE
    asked: list[Work] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def authorize(self, work: Work) -> Verdict:
        return await self._answered(work)

    async def capture(self, work: Work) -> Verdict:
        return await self._answered(work)

    async def void(self, work: Work) -> Verdict:
        return await self._answered(work)

    async def refund(self, work: Work) -> Verdict:
        return await self._answered(work)

    async def find_by_key(self, work: Work) -> Verdict | None:
        await self._answered(work)
        return self.answer

    async def _answered(self, work: Work) -> Verdict:
        self.asked.append(work)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.open.wait()
        finally:
            self.under_way -= 1
        return self.answer or LOST


class Time:
    """A clock for the breaker."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def guarded(scripted: Scripted, breaker: CircuitBreaker | None = None) -> GuardedProvider:
    return GuardedProvider(
        scripted, breaker=breaker or provider_breaker(), at_once=3, wait_seconds=0.05
    )


@pytest.mark.parametrize("purpose", Purpose)
async def test_answers_pass_unchanged(purpose: Purpose) -> None:
    for answer in (DONE, Refused("card_declined"), ActionRequired("https://bank", "ch_1"), LOST):
        call = getattr(guarded(Scripted(answer)), purpose)
        assert await call(work_for(purpose)) is answer


@pytest.mark.parametrize("answer", [DONE, LOST, None])
async def test_what_a_question_finds_passes_unchanged(answer: Verdict | None) -> None:
    assert await guarded(Scripted(answer)).find_by_key(work_for(Purpose.CAPTURE)) is answer


async def test_a_provider_that_fails_is_asked_again_only_by_a_probe() -> None:
    scripted, clock = Scripted(LOST), Time()
    breaker = provider_breaker()
    breaker.now = clock
    provider, work = guarded(scripted, breaker), work_for(Purpose.AUTHORIZE)
    for _ in range(30):
        await provider.authorize(work)
    assert len(scripted.asked) == breaker.smallest
    assert await provider.authorize(work) == Unknown("circuit_open")
    clock.now += breaker.open_seconds
    assert await provider.authorize(work) is LOST
    assert await provider.authorize(work) == Unknown("circuit_open")
    clock.now += breaker.open_seconds
    scripted.answer = DONE
    assert [await provider.authorize(work) for _ in range(5)] == [DONE] * 5


async def test_refusals_and_some_lost_answers_do_not_cut_the_provider_off() -> None:
    scripted = Scripted()
    provider, work = guarded(scripted), work_for(Purpose.AUTHORIZE)
    for number in range(60):
        scripted.answer = (LOST, Refused("card_declined"), LOST, DONE)[number % 4]
        await provider.authorize(work)
    assert len(scripted.asked) == 60


async def test_a_slow_provider_holds_a_bounded_number_of_calls() -> None:
    scripted = Scripted()
    scripted.open.clear()
    provider, work = guarded(scripted), work_for(Purpose.CAPTURE)
    calls = [asyncio.create_task(provider.capture(work)) for _ in range(10)]
    await eventually(lambda: sum(call.done() for call in calls) == 7)
    scripted.open.set()
    answers = await asyncio.gather(*calls)
    assert answers.count(Unknown("too_many_calls")) == 7
    assert (scripted.most, answers.count(DONE)) == (3, 3)


async def test_a_call_that_is_cancelled_gives_its_place_back() -> None:
    scripted = Scripted()
    provider, work = guarded(scripted), work_for(Purpose.CAPTURE)
    for _ in range(10):
        scripted.open.clear()
        call = asyncio.create_task(provider.capture(work))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait({call})
    scripted.open.set()
    assert await asyncio.gather(*(provider.capture(work) for _ in range(3))) == [DONE] * 3


async def test_calls_their_outcomes_and_the_breaker_are_shown() -> None:
    configure_metrics("payment", "us-east-1", None)
    provider = guarded(Scripted(LOST))
    forget = provider.show()
    for _ in range(12):
        await provider.refund(work_for(Purpose.REFUND))
    shown = render_metrics()[0].decode()
    forget()
    assert 'payment_provider_calls_total{call="refund",outcome="unknown"}' in shown
    assert 'payment_provider_calls_total{call="refund",outcome="not_made"}' in shown
    assert 'payment_provider_call_seconds_count{call="refund"}' in shown
    assert "payment_provider_circuit_open 1.0" in shown
