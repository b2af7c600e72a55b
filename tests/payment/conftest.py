"""Payment's use cases over a real database and a real simulator process."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from libs.contracts.message import Amount
from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.database.session import Database
from libs.ids import new_id
from libs.messaging.outbox import Outbox
from libs.settings import ServiceSettings
from libs.testing.databases import Databases
from libs.testing.plugin import SettingsFor
from libs.testing.settings import NOBODY_LISTENS
from services.payment.clients.choice import EVENT_READERS
from services.payment.clients.protocol import PaymentProvider
from services.payment.clients.simulator import SimulatorProvider
from services.payment.domain.records import Work
from services.payment.domain.states import Verdict
from services.payment.repository.unit import Units
from services.payment.service.commands import PaymentCommands
from services.payment.service.settlement import Settlement
from services.payment.service.webhooks import WebhookProcessor
from tests.simulator.processes import API_KEY, WEBHOOK_SECRET, SimulatorProcess, start_simulator

REGION = "us-east-1"
LEASE = 0.3


@pytest.fixture
def settings_for(settings_for: SettingsFor) -> SettingsFor:
    """Settings that name a provider; nobody listens there unless the test says who does."""
    defaults = {
        "provider_base_url": NOBODY_LISTENS,
        "provider_api_key": API_KEY,
        "webhook_secret": WEBHOOK_SECRET,
    }

    def build(service: str, **overrides: object) -> ServiceSettings:
        return settings_for(service, **{**defaults, **overrides})

    return build


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One simulator for all tests; orders keep them apart."""
    started = start_simulator(tmp_path_factory.mktemp("simulator"), hang_seconds=3)
    yield started
    started.process.kill()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as client:
        yield client


@dataclass(frozen=True)
class TokenProvider:
    """Waits long for every answer but the one a token withholds, so that a busy machine loses no other."""

    patient: PaymentProvider
    impatient: PaymentProvider
    also_withheld: tuple[str, ...] = ()

    async def authorize(self, work: Work) -> Verdict:
        return await self._for(work, "charge").authorize(work)

    async def capture(self, work: Work) -> Verdict:
        return await self._for(work, "capture").capture(work)

    async def void(self, work: Work) -> Verdict:
        return await self._for(work, "void").void(work)

    async def refund(self, work: Work) -> Verdict:
        return await self._for(work, "refund").refund(work)

    async def find_by_key(self, work: Work) -> Verdict | None:
        return await self.patient.find_by_key(work)

    def _for(self, work: Work, call: str) -> PaymentProvider:
        withheld = work.payment.payment_method in {f"tok_timeout_after_{call}", *self.also_withheld}
        return self.impatient if withheld and work.operation.attempts == 1 else self.patient


@pytest.fixture
def provider(simulator: SimulatorProcess, http: httpx.AsyncClient) -> PaymentProvider:
    patient, impatient = (
        SimulatorProvider(http, base_url=simulator.url, api_key=API_KEY, timeout_seconds=seconds)
        for seconds in (10, 0.6)
    )
    return TokenProvider(patient, impatient)


@pytest.fixture
async def admin(databases: Databases) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, to look and to force."""
    connection = await asyncpg.connect(
        databases.url("payment", "superuser"),
        server_settings={"search_path": "shop_payment"},
    )
    yield connection
    await connection.close()


def outbox_of(session: AsyncSession) -> Outbox:
    return Outbox(session, "payment", REGION, wake=lambda: None)


@dataclass
class Shop:
    """Sends commands to payment and looks at what became of them."""

    database: Database
    admin: asyncpg.Connection
    units: Units
    provider: PaymentProvider
    book: httpx.AsyncClient
    lease_seconds: float = LEASE

    def settlement(self, provider: PaymentProvider | None = None) -> Settlement:
        return Settlement(self.units, provider or self.provider, lease_seconds=self.lease_seconds)

    def commands(self, provider: PaymentProvider | None = None) -> PaymentCommands:
        return PaymentCommands(self.units, self.settlement(provider), region=REGION)

    def webhooks(self) -> WebhookProcessor:
        return WebhookProcessor(self.units, self.settlement(), EVENT_READERS)

    async def authorize(
        self,
        token: str,
        *,
        order_id: str | None = None,
        amount_minor: int = 1000,
        currency: str = "USD",
        return_url: str | None = None,
        provider: PaymentProvider | None = None,
    ) -> str:
        order_id = order_id or new_id("ord")
        await self.commands(provider).authorize(
            AuthorizePayment(
                order_id=order_id,
                user_id="usr_1",
                home_region=REGION,
                amount=Amount(amount_minor=amount_minor, currency=currency),
                payment_method=token,
                return_url=return_url,
            )
        )
        return order_id

    async def capture(self, order_id: str, provider: PaymentProvider | None = None) -> None:
        await self.commands(provider).capture(CapturePayment(order_id=order_id))

    async def void(self, order_id: str, provider: PaymentProvider | None = None) -> None:
        await self.commands(provider).void(VoidPayment(order_id=order_id, reason="cancelled"))

    async def refund(
        self,
        order_id: str,
        amount_minor: int,
        *,
        refund_id: str | None = None,
        currency: str = "USD",
        provider: PaymentProvider | None = None,
    ) -> str:
        refund_id = refund_id or new_id("rfd")
        await self.commands(provider).refund(
            RefundPayment(
                order_id=order_id,
                refund_id=refund_id,
                amount=Amount(amount_minor=amount_minor, currency=currency),
                reason="returned",
            )
        )
        return refund_id

    async def captured(self, method: str = "tok_ok", **values: Any) -> str:
        order_id = await self.authorize(method, **values)
        await self.capture(order_id)
        return order_id

    async def settle(self) -> None:
        """Run the timer as if every lease and pause were over."""
        await self.admin.execute(
            "UPDATE provider_operations SET next_attempt_at = now() - interval '1 second'"
        )
        await self.settlement().settle_due()

    async def payment(self, order_id: str) -> asyncpg.Record:
        return await self.admin.fetchrow("SELECT * FROM payments WHERE order_id = $1", order_id)

    async def state(self, order_id: str) -> str:
        return str((await self.payment(order_id))["state"])

    async def events(self, order_id: str) -> list[str]:
        """List the published types of an order's payment, shortened to `authorized`, in order."""
        rows = await self.admin.fetch(
            "SELECT type FROM outbox_messages WHERE envelope::jsonb -> 'data' ->> 'order_id' = $1"
            " ORDER BY position",
            order_id,
        )
        return [str(row["type"]).split(".")[1] for row in rows]

    async def charges(self, order_id: str) -> list[dict[str, Any]]:
        """List what the provider's book holds for the order."""
        payment = await self.payment(order_id)
        key = f"{payment['id']}:authorize"
        response = await self.book.get("/v1/charges", params={"idempotency_key": key})
        found: list[dict[str, Any]] = response.json()["data"]
        return found

    async def balances(self) -> dict[str, int]:
        rows = await self.admin.fetch(
            "SELECT account, sum(CASE side WHEN 'debit' THEN amount_minor ELSE -amount_minor END)"
            " AS balance FROM ledger_entries GROUP BY account"
        )
        return {row["account"]: int(row["balance"]) for row in rows}


@pytest.fixture
async def shop(
    database: Database,
    admin: asyncpg.Connection,
    provider: PaymentProvider,
    simulator: SimulatorProcess,
) -> AsyncIterator[Shop]:
    units = Units(database, outbox_of, at_once=5)
    async with simulator.client() as book:
        yield Shop(database, admin, units, provider, book)
