"""Every fault of the simulator on every call: nothing is believed too early, and nothing is done twice."""

from collections.abc import Iterator

import httpx
import pytest

from libs.ids import new_id
from libs.money import Money
from libs.testing.waiting import eventually
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Succeeded, Unknown, Verdict, credible
from tests.payment.clients.conftest import (
    MONEY,
    Provider,
    again,
    asked_for,
    following,
    simulator,
)
from tests.payment.clients.test_conformance import call
from tests.simulator.processes import SimulatorProcess, start_simulator

WORDS = {
    "timeout_before": "timeout",
    "timeout_after": "timeout",
    "error_before": "http_500",
    "error_after": "http_500",
    "reset_before": "transport_",
    "reset_after": "transport_",
    "rate_limited": "http_429",
    "wrong_amount": "amount_mismatch",
}


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    started = start_simulator(tmp_path_factory.mktemp("troubled"), hang_seconds=1)
    yield started
    started.process.kill()


@pytest.fixture
def provider(troubled: SimulatorProcess, http: httpx.AsyncClient) -> Provider:
    return simulator(troubled, http)


async def prepared(provider: Provider, purpose: Purpose, token: str) -> Work:
    """Bring a payment to where the call can be made."""
    work = asked_for(token)
    if purpose is Purpose.AUTHORIZE:
        return work
    verdict = await provider.patient.authorize(work)
    assert isinstance(verdict, Succeeded)
    if purpose is Purpose.REFUND:
        capture = following(work, Purpose.CAPTURE, reference=verdict.reference)
        await provider.patient.capture(capture)
    return following(
        work,
        purpose,
        reference=verdict.reference,
        money=Money(400, "USD") if purpose is Purpose.REFUND else None,
        refund_id=new_id("rfd") if purpose is Purpose.REFUND else None,
    )


async def known_in_the_end(provider: Provider, work: Work) -> Verdict:
    async def asked() -> Verdict | None:
        found = await provider.patient.find_by_key(again(work))
        verdict = await call(provider.patient, again(work)) if found is None else found
        return None if isinstance(verdict, Unknown) else verdict

    verdict = await eventually(asked)
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("word", WORDS)
async def test_a_spoilt_answer_is_unknown_and_the_truth_is_found_without_a_second_effect(
    provider: Provider, purpose: Purpose, word: str
) -> None:
    operation = "charge" if purpose is Purpose.AUTHORIZE else purpose
    work = await prepared(provider, purpose, f"tok_{word}_{operation}")
    first = credible(await call(provider.losing(word), work), work.operation.money)
    assert isinstance(first, Unknown)
    assert first.reason.startswith(WORDS[word])
    verdict = credible(await known_in_the_end(provider, work), work.operation.money)
    assert isinstance(verdict, Succeeded)
    assert await provider.charges(work) == 1
    assert await provider.refunds(work) == (purpose is Purpose.REFUND)


async def test_a_slow_answer_is_waited_for(provider: Provider) -> None:
    verdict = await provider.patient.authorize(asked_for("tok_slow_charge"))
    assert isinstance(verdict, Succeeded)
    assert verdict.money == MONEY


async def test_a_rate_limit_says_when_to_come_back(troubled: SimulatorProcess) -> None:
    body = {"amount_minor": 1, "currency": "USD", "payment_method": "tok_rate_limited_charge"}
    async with troubled.client() as client:
        answers = [
            await client.post("/v1/charges", json=body, headers={"Idempotency-Key": "limited"})
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [429, 201]
    assert answers[0].headers["retry-after"] == "1"
