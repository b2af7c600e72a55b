"""Figures that tell whether money is where it should be; read now and then, shown as gauges."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from libs.observability.logging import get_logger
from libs.observability.metrics import Observation, gauge
from services.payment.domain.cases import OpenCases
from services.payment.domain.records import Backlog
from services.payment.repository.unit import Unit, Units
from services.payment.service.ledger_check import LedgerCheck

log = get_logger(__name__)

_QUIET: Final = Backlog(count=0, oldest_seconds=0.0)


@dataclass
class Vitals:
    """The last reading."""

    units: Units
    ledger: LedgerCheck
    unknown: Backlog = _QUIET
    webhooks: Backlog = _QUIET
    cases: Sequence[OpenCases] = ()

    async def refresh(self) -> None:
        """Read the figures; an imbalance is an error whoever made it."""
        await self.units.run(self._read)
        await self.ledger.go_on()
        if self.ledger.seen.imbalance_minor:
            log.error("ledger_out_of_balance", imbalance_minor=self.ledger.seen.imbalance_minor)

    async def _read(self, unit: Unit) -> None:
        self.unknown = await unit.operations.unknown_backlog()
        self.webhooks = await unit.provider_events.backlog()
        self.cases = await unit.cases.waiting()

    def show(self) -> None:
        """Show the reading whenever metrics are read."""
        counts: dict[str, tuple[str, Callable[[], float]]] = {
            "payment_unknown_calls": (
                "Calls to the provider whose outcome is unknown",
                lambda: float(self.unknown.count),
            ),
            "payment_webhooks_pending": (
                "Stored webhooks that are not processed",
                lambda: float(self.webhooks.count),
            ),
            "payment_ledger_imbalance": (
                "Debits that differ from credits, in minor units, over all currencies; anything but 0 is wrong",
                lambda: float(self.ledger.seen.imbalance_minor),
            ),
        }
        ages: dict[str, tuple[str, Callable[[], float]]] = {
            "payment_unknown_age": (
                "Seconds since the longest unknown call was first made",
                lambda: self.unknown.oldest_seconds,
            ),
            "payment_webhooks_pending_age": (
                "Seconds since the longest waiting webhook was stored",
                lambda: self.webhooks.oldest_seconds,
            ),
            "payment_reconciliation_case_age": (
                "Seconds since the longest open reconciliation case was opened",
                lambda: max((one.oldest_seconds for one in self.cases), default=0.0),
            ),
        }
        for name, (description, read) in counts.items():
            gauge(name, read, description=description)
        for name, (description, read) in ages.items():
            gauge(name, read, unit="s", description=description)
        gauge(
            "payment_reconciliation_cases_open",
            lambda: [Observation(one.count, {"kind": one.kind}) for one in self.cases],
            description="Reconciliation cases nobody has resolved, by kind",
        )
