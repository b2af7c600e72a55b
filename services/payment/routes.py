"""Payment's HTTP operations: a customer's payments, the ledger, and the provider's webhook."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from libs.runtime.resources import ResourcesDep
from libs.web.audience import admin, customer, public
from libs.web.conditional import conditional_response, etag_of, json_response
from libs.web.errors import problem_responses
from libs.web.pagination import DEFAULT_LIMIT, Cursor, CursorInvalid, Limit
from services.payment.dependencies import LedgerRead, PaymentsRead, QueriesDep, WebhookInboxDep
from services.payment.errors import (
    PaymentNotFound,
    WebhookSignatureInvalid,
    WebhookTooLarge,
    WebhookTooSlow,
    WebhookUnreadable,
)
from services.payment.schemas import (
    BalancesView,
    BalanceView,
    LedgerEntryView,
    LedgerPage,
    PaymentPage,
    PaymentView,
    WebhookAccepted,
)

router = APIRouter(prefix="/v1", tags=["payments"])

_LONGEST_WEBHOOK_BYTES: Final = 64 * 1024
_LONGEST_WEBHOOK_SECONDS: Final = 5.0

OrderId = Annotated[str, Query(max_length=64, description="Id of the order, `ord_...`.")]


@router.get(
    "/payments/{payment_id}",
    response_model=PaymentView,
    openapi_extra=customer(),
    responses=problem_responses(PaymentNotFound),
)
async def get_payment(
    payment_id: str, request: Request, queries: QueriesDep, principal: PaymentsRead
) -> Response:
    """Return a payment of the caller's with its refunds; administrators see every payment."""
    payment, refunds = await queries.payment(payment_id, principal)
    view = PaymentView.of(payment, refunds)
    return conditional_response(request, view, etag=etag_of(payment.version))


@router.get("/payments", response_model=PaymentPage, openapi_extra=customer())
async def list_payments(
    order_id: OrderId, queries: QueriesDep, principal: PaymentsRead
) -> Response:
    """List the payments of an order; an order has at most one."""
    found = await queries.of_order(order_id, principal)
    items = [PaymentView.of(payment, refunds) for payment, refunds in found]
    return json_response(PaymentPage(items=items, next_cursor=None))


@router.get("/ledger/balances", response_model=BalancesView, openapi_extra=admin())
async def list_ledger_balances(queries: QueriesDep, _principal: LedgerRead) -> Response:
    """Sum every ledger account per currency, from its entries."""
    items = [BalanceView.of(balance) for balance in await queries.balances()]
    return json_response(BalancesView(items=items))


@router.get(
    "/ledger/entries",
    response_model=LedgerPage,
    openapi_extra=admin(),
    responses=problem_responses(CursorInvalid),
)
async def list_ledger_entries(
    queries: QueriesDep,
    resources: ResourcesDep,
    _principal: LedgerRead,
    order_id: OrderId | None = None,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """List ledger entries in the order they were booked, of one order or of all."""
    listing = f"ledger_entries:{order_id}"
    after = resources.cursors.decode(cursor, of=listing)[0] if cursor else 0
    rows = await queries.ledger_lines(order_id=order_id, after=int(after or 0), limit=limit + 1)
    page = resources.cursors.page(
        rows, limit, position=lambda row: (row.id,), show=LedgerEntryView.of, of=listing
    )
    return json_response(page)


@router.post(
    "/webhooks/simulator",
    openapi_extra=public(),
    responses=problem_responses(
        WebhookSignatureInvalid, WebhookUnreadable, WebhookTooLarge, WebhookTooSlow
    ),
)
async def receive_simulator_webhook(request: Request, inbox: WebhookInboxDep) -> WebhookAccepted:
    """Take an event of the payment simulator, signed in `Simulator-Signature`; it is processed later."""
    body = await _raw_body(request)
    await inbox.receive(body, request.headers.get("simulator-signature"))
    return WebhookAccepted(received=True)


async def _raw_body(request: Request) -> bytes:
    """Read the body as it was sent: the signature is over its bytes. The cap comes before anything else."""
    body = bytearray()
    try:
        async with asyncio.timeout(_LONGEST_WEBHOOK_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LONGEST_WEBHOOK_BYTES:
                    raise WebhookTooLarge(f"Send at most {_LONGEST_WEBHOOK_BYTES} bytes.")
    except TimeoutError as error:
        raise WebhookTooSlow("Send the body within 5 seconds.") from error
    return bytes(body)
