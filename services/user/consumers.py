"""What user does when something happened elsewhere."""

from libs.contracts.auth import IdentityRegistered
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import Handlers, OutsideTransaction
from libs.runtime.resources import Resources
from services.user.dependencies import ensure_profile


def handlers(resources: Resources) -> Handlers:
    """Return the handler table: one function per message this service reacts to."""

    async def on_identity_registered(event: IdentityRegistered, _: Envelope) -> None:
        await ensure_profile(resources, event.user_id)

    return {IdentityRegistered: OutsideTransaction(on_identity_registered)}
