"""What user does when something happened elsewhere: profiles appear, and people are told by mail."""

from libs.contracts.auth import (
    AuthErasureCompleted,
    EmailChangeRequested,
    EmailVerificationRequested,
    IdentityForgotten,
    IdentityRegistered,
    PasswordResetRequested,
    SecurityChanged,
)
from libs.contracts.cart import CartErasureCompleted
from libs.contracts.erasure import ErasureCompleted
from libs.contracts.order import OrderConfirmed, OrderErasureCompleted
from libs.contracts.payment import PaymentErasureCompleted
from libs.contracts.product import ProductErasureCompleted
from libs.erasure.tombstones import AccountErased
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import HandlerContext, Handlers, OutsideTransaction
from libs.observability.logging import get_logger
from libs.runtime.resources import Resources
from services.user.dependencies import ensure_profile, queue_mail, take_erasure_answer
from services.user.domain.mails import MailKind
from services.user.repository.erasures import remove_profile_and_mails

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
        IdentityForgotten: on_identity_forgotten,
        EmailVerificationRequested: on_email_verification_requested,
        PasswordResetRequested: on_password_reset_requested,
        EmailChangeRequested: on_email_change_requested,
        SecurityChanged: on_security_changed,
        OrderConfirmed: on_order_confirmed,
        AuthErasureCompleted: on_erasure_completed,
        ProductErasureCompleted: on_erasure_completed,
        CartErasureCompleted: on_erasure_completed,
        OrderErasureCompleted: on_erasure_completed,
        PaymentErasureCompleted: on_erasure_completed,
    }


async def on_identity_forgotten(event: IdentityForgotten, context: HandlerContext) -> None:
    """Keep nothing of somebody who never opened their account."""
    await remove_profile_and_mails(context.session, event.user_id)


async def on_email_verification_requested(
    event: EmailVerificationRequested, context: HandlerContext
) -> None:
    """Ask whoever reads the account's address to confirm it."""
    await queue_mail(context, MailKind.EMAIL_VERIFICATION, event.user_id, event.request_id)


async def on_password_reset_requested(
    event: PasswordResetRequested, context: HandlerContext
) -> None:
    """Send the way to a new password."""
    await queue_mail(context, MailKind.PASSWORD_RESET, event.user_id, event.request_id)


async def on_email_change_requested(event: EmailChangeRequested, context: HandlerContext) -> None:
    """Ask whoever reads the new address to confirm it."""
    await queue_mail(context, MailKind.EMAIL_CHANGE, event.user_id, event.request_id)


async def on_security_changed(event: SecurityChanged, context: HandlerContext) -> None:
    """Tell the owner what happened to the account, at the address the event names or the account's own."""
    about = event.change if event.request_id is None else f"{event.change} {event.request_id}"
    await queue_mail(context, MailKind.SECURITY_NOTICE, event.user_id, about)


async def on_order_confirmed(event: OrderConfirmed, context: HandlerContext) -> None:
    """Tell the customer what was bought."""
    await queue_mail(context, MailKind.ORDER_CONFIRMATION, event.user_id, event.order_id)
