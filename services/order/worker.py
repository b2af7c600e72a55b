"""The background half of order: its outbox relay, its consumers, the sweeper, and what waits before it is erased."""

from functools import partial

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.order.consumers import handlers
from services.order.dependencies import (
    build_sweeper,
    carry_on_erasing,
    release_legal_holds,
    sweep_seconds,
)

ERASE_EVERY_SECONDS = 60.0
RELEASE_EVERY_SECONDS = 3600.0


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what order's worker runs."""
    sweeper = build_sweeper(resources)
    return WorkerPlan(
        handlers=handlers(resources),
        timers=[
            Timer("order-sweeper", sweep_seconds(resources), sweeper.run),
            Timer("erasures", ERASE_EVERY_SECONDS, partial(carry_on_erasing, resources)),
            Timer("legal-holds", RELEASE_EVERY_SECONDS, partial(release_legal_holds, resources)),
        ],
    )
