"""Commands payment receives, and the requests to forget somebody. Each command calls the provider, so each runs outside the inbox's transaction."""

from collections.abc import Mapping

from libs.contracts import Message
from libs.contracts.payment import AuthorizePayment, CapturePayment, RefundPayment, VoidPayment
from libs.contracts.user import ErasureRequested
from libs.messaging.envelope import Envelope
from libs.messaging.handlers import Handler, OutsideTransaction
from services.payment.dependencies import ERASURE
from services.payment.service.commands import PaymentCommands


def handlers(commands: PaymentCommands) -> Mapping[type[Message], Handler | OutsideTransaction]:
    """Return the handler table."""

    async def on_authorize(message: AuthorizePayment, _envelope: Envelope) -> None:
        await commands.authorize(message)

    async def on_capture(message: CapturePayment, _envelope: Envelope) -> None:
        await commands.capture(message)

    async def on_void(message: VoidPayment, _envelope: Envelope) -> None:
        await commands.void(message)

    async def on_refund(message: RefundPayment, _envelope: Envelope) -> None:
        await commands.refund(message)

    return {
        AuthorizePayment: OutsideTransaction(on_authorize),
        CapturePayment: OutsideTransaction(on_capture),
        VoidPayment: OutsideTransaction(on_void),
        RefundPayment: OutsideTransaction(on_refund),
        ErasureRequested: ERASURE.handler(),
    }
