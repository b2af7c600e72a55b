"""Both providers, each behind its own real HTTP server, told apart by nothing but their adapters."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

import httpx
import pytest

from libs.clock import SystemClock, utc_now
from libs.ids import new_id
from libs.money import Money
from services.payment.clients.protocol import PaymentProvider
from services.payment.clients.simulator import SimulatorProvider
from services.payment.clients.stripe import StripeProvider
from services.payment.clients.stripe_http import open_stripe
from services.payment.domain.records import Operation, Payment, Work
from services.payment.domain.states import OperationState, PaymentState, Purpose, provider_key
from tests.payment.stripe_stand_in.server import API_KEY as STRIPE_KEY
from tests.payment.stripe_stand_in.server import StandIn, running_stand_in
from tests.simulator.processes import API_KEY, SimulatorProcess, start_simulator


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    started = start_simulator(tmp_path_factory.mktemp("simulator"), hang_seconds=3)
    yield started
    started.process.kill()


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    async with running_stand_in() as started:
        yield started


@dataclass(frozen=True)
class Provider:
    """An adapter that waits, one that does not, and the provider's own count of what was charged."""

    name: str
    patient: PaymentProvider
    impatient: PaymentProvider
    charges: Callable[[Work], Awaitable[int]]
    refunds: Callable[[Work], Awaitable[int]]

    def losing(self, fault: str) -> PaymentProvider:
        """The one to whom a fault shows as what it is: only silence is for the impatient."""
        return self.impatient if fault.startswith("timeout") else self.patient


def stripe_provider(
    stand_in: StandIn, http: httpx.AsyncClient, timeout_seconds: float = 10
) -> StripeProvider:
    client = open_stripe(
        http,
        api_key=STRIPE_KEY,
        base_url=stand_in.book.base_url,
        timeout_seconds=timeout_seconds,
    )
    return StripeProvider(client, timeout_seconds=timeout_seconds, clock=SystemClock())


def stripe(stand_in: StandIn, http: httpx.AsyncClient) -> Provider:
    async def charges(work: Work) -> int:
        return sum(
            intent["metadata"]["payment_id"] == work.payment.id
            for intent in stand_in.book.intents.values()
        )

    async def refunds(work: Work) -> int:
        return sum(
            refund["metadata"]["payment_id"] == work.payment.id
            for refund in stand_in.book.refunds.values()
        )

    patient, impatient = (stripe_provider(stand_in, http, seconds) for seconds in (10, 0.4))
    return Provider("stripe", patient, impatient, charges, refunds)


def simulator(book: SimulatorProcess, http: httpx.AsyncClient) -> Provider:
    async def charges(work: Work) -> int:
        return len(await listed("/v1/charges", work.payment.id))

    async def refunds(work: Work) -> int:
        return len(await listed("/v1/refunds", work.payment.id))

    async def listed(path: str, payment_id: str) -> list[dict[str, object]]:
        async with book.client() as client:
            day = utc_now().strftime("%Y-%m-%d")
            answer = await client.get(path, params={"day": day, "limit": 1000})
        return [row for row in answer.json()["data"] if row["metadata"]["payment_id"] == payment_id]

    patient, impatient = (
        SimulatorProvider(http, base_url=book.url, api_key=API_KEY, timeout_seconds=seconds)
        for seconds in (10, 0.4)
    )
    return Provider("simulator", patient, impatient, charges, refunds)


@pytest.fixture(params=["simulator", "stripe"])
def provider(
    request: pytest.FixtureRequest,
    http: httpx.AsyncClient,
    book: SimulatorProcess,
    stand_in: StandIn,
) -> Provider:
    return simulator(book, http) if request.param == "simulator" else stripe(stand_in, http)


MONEY = Money(1000, "USD")


def asked_for(token: str, money: Money = MONEY) -> Work:
    """Return the first try of an authorisation."""
    payment = Payment(
        id=new_id("pay"),
        order_id=new_id("ord"),
        user_id="usr_1",
        money=money,
        payment_method=token,
        state=PaymentState.AUTHORIZING,
        void_requested=False,
        provider_reference=None,
        decline_reason=None,
        return_url="https://shop.example/back",
        redirect_url=None,
        captured_minor=0,
        refunded_minor=0,
        version=1,
        created_at=utc_now(),
        updated_at=utc_now(),
    )
    return following(Work(payment, _operation(payment, Purpose.AUTHORIZE, money)))


def following(
    work: Work,
    purpose: Purpose = Purpose.AUTHORIZE,
    *,
    reference: str | None = None,
    money: Money | None = None,
    refund_id: str | None = None,
) -> Work:
    """Return the call that follows on the same payment."""
    payment = replace(work.payment, provider_reference=reference)
    return Work(payment, _operation(payment, purpose, money or work.operation.money, refund_id))


def again(work: Work) -> Work:
    """Return the next try of the same call."""
    return replace(work, operation=replace(work.operation, attempts=work.operation.attempts + 1))


def _operation(
    payment: Payment, purpose: Purpose, money: Money, refund_id: str | None = None
) -> Operation:
    key = provider_key(payment.id, purpose, refund_id)
    return Operation(key, payment.id, purpose, refund_id, money, OperationState.INTENDED, 1)
