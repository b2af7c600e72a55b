"""Product's background half: stock commands, expiry of holds and the check that no piece got lost."""

from dataclasses import dataclass
from functools import partial

from libs.observability.logging import get_logger
from libs.observability.metrics import gauge
from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.product.consumers import handlers
from services.product.dependencies import count_unconserved, expire_due
from services.product.settings import ProductSettings

log = get_logger(__name__)


@dataclass
class ConservationCheck:
    """Compares counters, ledger and reservations now and then, and shows the last result as a gauge."""

    resources: Resources
    unconserved: int = 0

    async def run(self) -> None:
        self.unconserved = await count_unconserved(self.resources)
        if self.unconserved:
            log.error("stock_not_conserved", skus=self.unconserved)

    def read(self) -> float:
        return float(self.unconserved)


def worker_plan(resources: Resources) -> WorkerPlan:
    """Plan what the worker does besides relaying the outbox."""
    settings = resources.settings_as(ProductSettings)
    check = ConservationCheck(resources)
    gauge(
        "product_stock_unconserved_skus",
        check.read,
        description="SKUs whose counters differ from the ledger or the reservations",
    )
    return WorkerPlan(
        handlers=handlers(settings.region),
        timers=[
            Timer(
                "expire_reservations",
                settings.expiry_interval_seconds,
                partial(expire_due, resources, settings.expiry_batch_size),
            ),
            Timer("check_conservation", settings.conservation_interval_seconds, check.run),
        ],
    )
