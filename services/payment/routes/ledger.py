"""The ledger, for administrators."""

from fastapi import APIRouter
from starlette.responses import Response

from libs.runtime.resources import ResourcesDep
from libs.web.audience import admin
from libs.web.conditional import json_response
from libs.web.errors import problem_responses
from libs.web.pagination import DEFAULT_LIMIT, Cursor, CursorInvalid, Limit
from services.payment.dependencies import LedgerRead, QueriesDep
from services.payment.routes.payments import OrderId
from services.payment.schemas.payments import BalancesView, BalanceView, LedgerEntryView, LedgerPage

router = APIRouter(prefix="/v1", tags=["payments"])


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
