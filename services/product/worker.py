"""Product's background half: stock commands, expiry of holds and the check that no piece got lost."""

from functools import partial

from libs.observability.metrics import gauge
from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.product.consumers import handlers
from services.product.dependencies import (
    announce_spread,
    conservation_round,
    even_out_spread,
    expire_due,
)
from services.product.settings import ProductSettings


def worker_plan(resources: Resources) -> WorkerPlan:
    """Plan what the worker does besides relaying the outbox."""
    settings = resources.settings_as(ProductSettings)
    check = conservation_round(resources)
    gauge(
        "product_stock_unconserved_skus",
        lambda: float(len(check.broken)),
        description="SKUs whose counters differ from the ledger or the reservations",
    )
    gauge(
        "product_stock_unchecked_skus",
        lambda: float(len(check.unchecked)),
        description="SKUs whose check takes longer than its budget",
    )
    return WorkerPlan(
        handlers=handlers(settings.region),
        timers=[
            Timer(
                "expire_reservations",
                settings.expiry_interval_seconds,
                partial(expire_due, resources, settings.expiry_batch_size),
            ),
            Timer(
                "announce_spread_stock",
                settings.announce_interval_seconds,
                partial(announce_spread, resources),
            ),
            Timer(
                "even_out_buckets",
                settings.even_out_interval_seconds,
                partial(even_out_spread, resources),
            ),
            Timer("check_conservation", settings.conservation_interval_seconds, check.step),
        ],
    )
