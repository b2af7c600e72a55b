"""The background half of user: its outbox relay, its event consumer, and the erasures."""

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.user.consumers import handlers
from services.user.dependencies import build_erasing

LOOK_EVERY_SECONDS = 1.0


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what user's worker runs."""
    erasing = build_erasing(resources)
    return WorkerPlan(
        handlers=handlers(resources),
        timers=[Timer("erasures", LOOK_EVERY_SECONDS, erasing.run)],
    )
