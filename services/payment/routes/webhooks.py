"""The provider's webhooks."""

from typing import Final

from fastapi import APIRouter, Request

from libs.web.audience import public
from libs.web.errors import problem_responses
from services.payment.dependencies import SimulatorInboxDep, StripeInboxDep
from services.payment.errors import WebhookSignatureInvalid, WebhookTooLarge, WebhookUnreadable
from services.payment.schemas.payments import WebhookAccepted

router = APIRouter(prefix="/v1", tags=["payments"])

_LONGEST_WEBHOOK_BYTES: Final = 64 * 1024


@router.post(
    "/webhooks/simulator",
    openapi_extra=public(),
    responses=problem_responses(WebhookSignatureInvalid, WebhookUnreadable, WebhookTooLarge),
)
async def receive_simulator_webhook(request: Request, inbox: SimulatorInboxDep) -> WebhookAccepted:
    """Take an event of the payment simulator, signed in `Simulator-Signature`; it is processed later."""
    body = await _raw_body(request)
    await inbox.receive(body, request.headers.get("simulator-signature"))
    return WebhookAccepted(received=True)


@router.post(
    "/webhooks/stripe",
    openapi_extra=public(),
    responses=problem_responses(WebhookSignatureInvalid, WebhookUnreadable, WebhookTooLarge),
)
async def receive_stripe_webhook(request: Request, inbox: StripeInboxDep) -> WebhookAccepted:
    """Take an event of Stripe's, signed in `Stripe-Signature`; it is processed later."""
    body = await _raw_body(request)
    await inbox.receive(body, request.headers.get("stripe-signature"))
    return WebhookAccepted(received=True)


async def _raw_body(request: Request) -> bytes:
    """Return the body as it was sent: the signature is over its bytes. The cap comes before anything else."""
    body = await request.body()
    if len(body) > _LONGEST_WEBHOOK_BYTES:
        raise WebhookTooLarge(f"Send at most {_LONGEST_WEBHOOK_BYTES} bytes.")
    return body
