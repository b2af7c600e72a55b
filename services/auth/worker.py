"""The background half of auth: its outbox relay, erasures and the deletion of what ended long ago."""

from functools import partial

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.auth.consumers import handlers
from services.auth.service.housekeeping import forget_old

FORGET_EVERY_SECONDS = 3600.0


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what auth's worker runs."""
    forget = partial(forget_old, resources.database)
    return WorkerPlan(
        handlers=handlers(resources), timers=[Timer("forget-old", FORGET_EVERY_SECONDS, forget)]
    )
