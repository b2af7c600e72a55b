"""The background half of auth: its outbox relay and the deletion of what ended long ago."""

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.auth.dependencies import build_parts, build_session_service

FORGET_EVERY_SECONDS = 3600.0


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what auth's worker runs."""
    sessions = build_session_service(resources, build_parts(resources).keyring)
    return WorkerPlan(timers=[Timer("forget-old", FORGET_EVERY_SECONDS, sessions.forget_old)])
