"""What payment does in the background: commands, unanswered calls, webhooks, and what it shows of itself."""

from functools import partial

from libs.runtime.resources import Resources
from libs.runtime.worker import Timer, WorkerPlan
from services.payment.consumers import handlers
from services.payment.dependencies import ERASURE, build_payment_parts


def worker_plan(resources: Resources) -> WorkerPlan:
    """Name payment's handlers and timers."""
    parts = build_payment_parts(resources)
    parts.provider.show()
    parts.vitals.show()
    return WorkerPlan(
        handlers=handlers(parts.commands),
        timers=[
            Timer("settle_provider_calls", 2.0, parts.settlement.settle_due),
            Timer("process_webhooks", 2.0, parts.webhooks.process_pending),
            Timer("reconcile", 300.0, parts.reconciliation.run_due),
            Timer(
                "erasures",
                60.0,
                partial(ERASURE.carry_on, resources.database, resources.outbox),
            ),
            Timer("read_vitals", 15.0, parts.vitals.refresh),
            Timer("check_ledger", 86_400.0, parts.vitals.ledger.begin_again),
        ],
    )
