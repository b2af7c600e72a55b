"""The background half of auth: its outbox relay, erasures, the rotation of its keys and the deletion of what ended."""

from datetime import timedelta
from functools import partial

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.auth.consumers import handlers
from services.auth.dependencies import build_key_rotation
from services.auth.service.housekeeping import end_again, forget_old, forget_unopened
from services.auth.settings import AuthSettings

FORGET_EVERY_SECONDS = 3600.0
END_AGAIN_EVERY_SECONDS = 10.0
TEND_KEYS_EVERY_SECONDS = 60.0


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what auth's worker runs."""
    settings = resources.settings_as(AuthSettings)
    keys = build_key_rotation(resources)
    return WorkerPlan(
        handlers=handlers(resources),
        timers=[
            Timer("forget-old", FORGET_EVERY_SECONDS, partial(forget_old, resources.database)),
            Timer(
                "forget-unopened",
                FORGET_EVERY_SECONDS,
                partial(forget_unopened, resources.database, resources.outbox),
            ),
            Timer(
                "end-again",
                END_AGAIN_EVERY_SECONDS,
                partial(end_again, resources.database, resources.sessions),
            ),
            Timer(
                "signing-keys",
                TEND_KEYS_EVERY_SECONDS,
                partial(keys.tend, timedelta(days=settings.signing_key_period_days)),
            ),
        ],
    )
