"""The background half of user: its outbox relay, its event consumer, the erasures and the mails."""

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.user.consumers import handlers
from services.user.dependencies import build_erasing, build_mail_room
from services.user.service.erasure_watch import ErasureWatch

LOOK_EVERY_SECONDS = 1.0
WATCH_EVERY_SECONDS = 15.0


def worker_plan(resources: Resources) -> WorkerPlan:
    """Return what user's worker runs."""
    erasing, mail_room = build_erasing(resources), build_mail_room(resources)
    watch = ErasureWatch(resources.database)
    watch.show()
    return WorkerPlan(
        handlers=handlers(resources),
        timers=[
            Timer("erasures", LOOK_EVERY_SECONDS, erasing.run),
            Timer("watch_erasures", WATCH_EVERY_SECONDS, watch.refresh),
            Timer("send_mails", LOOK_EVERY_SECONDS, mail_room.send_due),
        ],
    )
