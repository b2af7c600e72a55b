"""What auth does when something happened elsewhere."""

from libs.contracts.user import ErasureRequested
from libs.messaging.handlers import Handlers, OutsideTransaction
from libs.runtime.resources import Resources
from services.auth.dependencies import build_account_erasure


def handlers(resources: Resources) -> Handlers:
    """Return the handler table: one function per message this service reacts to."""
    erasure = build_account_erasure(resources)
    return {ErasureRequested: OutsideTransaction(erasure.on_erasure_requested)}
