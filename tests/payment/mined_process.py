"""Payment's real process on a minefield: it kills itself at the points it was told to, once at each.

A mine is a file `<order id>:<purpose>:<point>` in the folder `MINES`; stepping on it takes it away.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from typing_extensions import override

from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.runtime.resources import Resources
from libs.runtime.serve import run, service_app
from libs.runtime.worker import Timer, WorkerPlan
from services.payment.clients.protocol import PaymentProvider
from services.payment.consumers import handlers
from services.payment.dependencies import build_payment_parts
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Verdict
from services.payment.repository.unit import Unit
from services.payment.routes import ROUTERS
from services.payment.service.commands import PaymentCommands
from services.payment.service.settlement import Settlement
from services.payment.settings import PaymentSettings
from tests.payment.impatient_process import shorten_visibility
from tests.payment.one_door import OneDoor

POINTS = ("before_intent", "after_intent", "after_answer", "before_commit", "after_commit")
LEASE_SECONDS = 2.0


class MinedSettings(PaymentSettings):
    """Payment's settings and where the mines are."""

    mines: Path


@dataclass(frozen=True)
class Mines:
    """The folder of mines."""

    folder: Path

    def lay(self, order_id: str, purpose: Purpose, point: str) -> None:
        (self.folder / f"{order_id}:{purpose}:{point}").touch()

    def step(self, order_id: str, purpose: Purpose, point: str) -> None:
        mine = self.folder / f"{order_id}:{purpose}:{point}"
        if mine.exists():
            mine.unlink()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class MinedProvider(OneDoor):
    """Mines before a call is made and after its answer arrived."""

    real: PaymentProvider
    mines: Mines

    @override
    async def _call(self, work: Work) -> Verdict:
        order_id, purpose = work.payment.order_id, work.operation.purpose
        self.mines.step(order_id, purpose, "after_intent")
        verdict = await super()._call(work)
        self.mines.step(order_id, purpose, "after_answer")
        return verdict


class MinedSettlement(Settlement):
    """A mine where everything is written and nothing committed."""

    mines: Mines

    @override
    async def _conclude(self, unit: Unit, *, work: Work, verdict: Verdict) -> Work | None:
        following = await super()._conclude(unit, work=work, verdict=verdict)
        self.mines.step(work.payment.order_id, work.operation.purpose, "before_commit")
        return following


class MinedCommands(PaymentCommands):
    """Mines before anything is written, and after the commit that the queue does not know of yet."""

    mines: Mines

    @override
    async def authorize(self, command: AuthorizePayment) -> None:
        self.mines.step(command.order_id, Purpose.AUTHORIZE, "before_intent")
        await super().authorize(command)
        self.mines.step(command.order_id, Purpose.AUTHORIZE, "after_commit")

    @override
    async def capture(self, command: CapturePayment) -> None:
        self.mines.step(command.order_id, Purpose.CAPTURE, "before_intent")
        await super().capture(command)
        self.mines.step(command.order_id, Purpose.CAPTURE, "after_commit")

    @override
    async def void(self, command: VoidPayment) -> None:
        self.mines.step(command.order_id, Purpose.VOID, "before_intent")
        await super().void(command)
        self.mines.step(command.order_id, Purpose.VOID, "after_commit")

    @override
    async def refund(self, command: RefundPayment) -> None:
        self.mines.step(command.order_id, Purpose.REFUND, "before_intent")
        await super().refund(command)
        self.mines.step(command.order_id, Purpose.REFUND, "after_commit")


def mined_plan(resources: Resources) -> WorkerPlan:
    """Plan the worker as payment does, with mines in its way."""
    settings = resources.settings
    assert isinstance(settings, MinedSettings)
    mines, parts = Mines(settings.mines), build_payment_parts(resources)
    units = parts.settlement._units
    provider = MinedProvider(parts.provider, mines)
    settlement = MinedSettlement(units, provider, lease_seconds=LEASE_SECONDS)
    commands = MinedCommands(units, settlement, region=settings.region)
    settlement.mines = commands.mines = mines
    return WorkerPlan(
        handlers=handlers(commands),
        timers=[
            Timer("settle_provider_calls", 0.5, settlement.settle_due),
            Timer("process_webhooks", 0.5, parts.webhooks.process_pending),
        ],
    )


def create_app(settings: MinedSettings) -> FastAPI:
    return service_app(settings, title="Payments", routers=ROUTERS, worker=mined_plan)


if __name__ == "__main__":
    shorten_visibility()
    run(MinedSettings, create_app)
