"""What user does when something happened elsewhere."""

from libs.contracts.auth import AuthErasureCompleted, IdentityRegistered
from libs.contracts.cart import CartErasureCompleted
from libs.contracts.erasure import ErasureCompleted
from libs.contracts.order import OrderErasureCompleted
from libs.contracts.payment import PaymentErasureCompleted
from libs.contracts.product import ProductErasureCompleted
from libs.erasure.tombstones import AccountErased
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, Handlers, OutsideTransaction
from libs.observability.logging import get_logger
from libs.runtime.resources import Resources
from services.user.dependencies import ensure_profile, take_erasure_answer

_log = get_logger(__name__)


def handlers(resources: Resources) -> Handlers:
    """Return the handler table: one function per message this service reacts to."""

    async def on_identity_registered(event: IdentityRegistered, _: Envelope) -> None:
        try:
            await ensure_profile(resources, event.user_id)
        except AccountErased:
            _log.info("registration_of_somebody_forgotten", user_id=event.user_id)

    async def on_erasure_completed(event: ErasureCompleted, context: HandlerContext) -> None:
        await take_erasure_answer(resources, context.session, context.outbox, event)

    return {
        IdentityRegistered: OutsideTransaction(on_identity_registered),
        AuthErasureCompleted: on_erasure_completed,
        ProductErasureCompleted: on_erasure_completed,
        CartErasureCompleted: on_erasure_completed,
        OrderErasureCompleted: on_erasure_completed,
        PaymentErasureCompleted: on_erasure_completed,
    }
