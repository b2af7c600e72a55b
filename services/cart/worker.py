"""The background half of cart: its outbox relay and its event consumer."""

from libs.runtime.resources import Resources
from libs.runtime.worker import WorkerPlan
from services.cart.consumers import handlers


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what cart's worker runs."""
    return WorkerPlan(handlers=handlers(resources))
