"""The background half of user: its outbox relay and its event consumer."""

from libs.runtime.resources import Resources
from libs.runtime.worker import WorkerPlan
from services.user.consumers import handlers


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what user's worker runs."""
    return WorkerPlan(handlers=handlers(resources))
