"""One run from start to verdict: open the shop, let customers and nemesis in, wait for quiet, gather, judge."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import httpx

from libs.clock import utc_now
from torture.checker.evidence import Sources, gather
from torture.checker.quiet import Quiet, until_quiet
from torture.checker.records import Evidence, Violation
from torture.checker.verdict import judge
from torture.client import Caller, StaffCaller
from torture.history import Recorder
from torture.nemesis import Nemesis
from torture.plan import Kind, Plan
from torture.shopper import Shopper
from torture.stack import Site, running
from torture.staff import Staff

QUIET_SECONDS: Final = 120.0


@dataclass
class Outcome:
    """What a run came to; times in seconds."""

    violations: list[Violation] = field(default_factory=list)
    evidence: Evidence = field(default_factory=Evidence)
    became: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    selling_seconds: float = 0.0
    quiet_seconds: float = 0.0


@dataclass(frozen=True)
class _Shop:
    """An open shop: how to reach it, who works there, and who breaks it."""

    http: httpx.AsyncClient
    recorder: Recorder
    staff: Staff
    nemesis: Nemesis

    def customer(self, name: str) -> Shopper:
        email, password = f"torture.{secrets.token_hex(8)}@example.com", secrets.token_urlsafe(18)
        return Shopper(Caller(self.http, self.recorder, name, email, password), self.staff)


@dataclass
class Course:
    """Runs a plan on a site.

    Args:
        tell: hears how many checkouts have ended, and what is going on.
        quiet_seconds: how long after the last fault everything must be settled.
    """

    site: Site
    plan: Plan
    tell: Callable[[int, str], None]
    quiet_seconds: float = QUIET_SECONDS
    outcome: Outcome = field(default_factory=Outcome)

    async def run(self) -> Outcome:
        """Do all of it and stop the stack; what was gathered stays in the site's folder.

        Raises:
            StackFailed: it did not start.
            ShopNotReady: it started and refused the preparation.
        """
        async with self._open_shop() as shop:
            await _Selling(self.plan, shop, self.outcome, self.tell).run()
            self._told("waiting until the shop is quiet")
            quiet = await self._quiet()
            self.outcome.quiet_seconds = quiet.seconds
            self._told("selling out what is scarce")
            await self._sell_out(shop)
            after = await self._quiet()
            self._told("judging")
            self.outcome.evidence = await gather(self._sources, quiet.undone + after.undone)
        self.outcome.violations = judge(self.outcome.evidence)
        return self.outcome

    @asynccontextmanager
    async def _open_shop(self) -> AsyncIterator[_Shop]:
        recorder = Recorder(self._sources.history)
        limits = httpx.Limits(max_connections=4 * self.plan.extent.clients)
        gateway = self.site.settings.url("gateway")
        self._told("starting a stack")
        try:
            async with (
                running(self.site) as proxy,
                httpx.AsyncClient(base_url=gateway, limits=limits, trust_env=False) as http,
            ):
                administrator = self.site.administrator
                staff = Staff(StaffCaller(http, recorder, "staff", administrator))
                self._told("stocking the shelves")
                await staff.open_shop(self.plan.skus)
                seed = self.plan.extent.seed
                yield _Shop(
                    http, recorder, staff, Nemesis(self.site, proxy, recorder, utc_now(), seed)
                )
        finally:
            recorder.close()

    async def _quiet(self) -> Quiet:
        sources = self._sources
        return await until_quiet(
            sources.database, sources.book, sources.broker, seconds=self.quiet_seconds
        )

    async def _sell_out(self, shop: _Shop) -> None:
        """Buy what is left of the scarce SKUs: everything that is there must be for sale."""
        scarce = [sku.sku for sku in self.plan.skus if sku.kind is Kind.SCARCE]
        buyers = [shop.customer(f"last-{sku.lower()}") for sku in scarce]
        await asyncio.gather(
            *(buyer.buy_out(sku) for buyer, sku in zip(buyers, scarce, strict=True))
        )

    @property
    def _sources(self) -> Sources:
        return Sources(
            history=self.site.folder / "history.jsonl",
            book=self.site.paths.data / "simulator" / "book.sqlite3",
            database=self.site.database,
            broker=self.site.settings.url("ministack"),
            routing=self.site.root / "libs/messaging/routing.json",
        )

    def _told(self, what: str) -> None:
        self.tell(self.outcome.became.total(), what)


class _Selling:
    """The busy part: every client takes the next checkout; restocks and faults come when their number is reached."""

    def __init__(
        self, plan: Plan, shop: _Shop, outcome: Outcome, tell: Callable[[int, str], None]
    ) -> None:
        self._plan = plan
        self._shop = shop
        self._outcome = outcome
        self._tell = tell
        self._waiting = list(reversed(plan.checkouts))
        self._faults = list(reversed(plan.faults))
        self._restocks = {restock.after: restock for restock in plan.restocks}
        self._shoppers = [shop.customer(f"customer{number}") for number in range(plan.customers)]

    async def run(self) -> None:
        """Sell until every checkout and every fault has come to its end."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as beside:
            for _ in range(self._plan.extent.clients):
                beside.create_task(self._client(beside))
        self._outcome.selling_seconds = time.monotonic() - began
        nemesis = self._shop.nemesis
        self._outcome.faults = Counter(str(fault.act) for fault in nemesis.done)
        self._outcome.missed = len(nemesis.missed)

    async def _client(self, beside: asyncio.TaskGroup) -> None:
        while self._waiting:
            checkout = self._waiting.pop()
            became = await self._shoppers[checkout.customer].run(checkout)
            self._outcome.became[became] += 1
            ended = self._outcome.became.total()
            self._tell(ended, "")
            if restock := self._restocks.get(ended):
                beside.create_task(self._shop.staff.restock(restock))
            while self._faults and self._faults[-1].after <= ended:
                fault = self._faults.pop()
                self._tell(ended, f"{fault.act} {fault.target} {fault.how}".strip())
                beside.create_task(self._shop.nemesis.carry_out(fault))
