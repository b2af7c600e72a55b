"""The background half of order: its outbox relay, its consumers and the sweeper."""

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.order.consumers import handlers
from services.order.dependencies import build_sweeper, sweep_seconds


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what order's worker runs."""
    sweeper = build_sweeper(resources)
    return WorkerPlan(
        handlers=handlers(resources),
        timers=[Timer("order-sweeper", sweep_seconds(resources), sweeper.run)],
    )
