"""Orders, their timeline and their live updates."""

from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from libs.runtime.resources import ResourcesDep
from libs.web.audience import customer
from libs.web.conditional import conditional_response, etag_of
from libs.web.errors import problem_responses
from libs.web.pagination import DEFAULT_LIMIT, Cursor, CursorInvalid, Limit, Page
from libs.web.sse import ServerEvent, event_stream, last_event_id
from services.order import errors
from services.order.dependencies import FollowerDep, OrderServiceDep, OrdersRead, StreamSeconds
from services.order.schemas.responses import OrderSummary, OrderView, TimelineView
from services.order.service.following import Follower

router = APIRouter()

_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "Server-sent events", "content": {"text/event-stream": {}}}
}
_LARGEST_SEQUENCE_DIGITS: Final = 9


@router.get(
    "/v1/orders",
    openapi_extra=customer(),
    responses=problem_responses(CursorInvalid),
)
async def list_orders(
    caller: OrdersRead,
    service: OrderServiceDep,
    resources: ResourcesDep,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Page[OrderSummary]:
    """List your orders, newest first."""
    response.headers["Cache-Control"] = "private, no-store"
    of = f"orders of {caller.subject}"
    before = None if cursor is None else str(resources.cursors.decode(cursor, of=of)[0])
    rows = await service.list_orders(caller, before, limit + 1)
    return resources.cursors.page(
        rows, limit, position=lambda row: (row.order_id,), show=lambda row: row, of=of
    )


@router.get(
    "/v1/orders/{order_id}",
    response_model=OrderView,
    openapi_extra=customer(),
    responses=problem_responses(errors.OrderNotFound),
)
async def get_order(
    request: Request, order_id: str, caller: OrdersRead, service: OrderServiceDep
) -> Response:
    """Read one of your orders; staff read any."""
    order = await service.get_order(caller, order_id)
    return conditional_response(request, order, etag=etag_of(order.version))


@router.get(
    "/v1/orders/{order_id}/timeline",
    response_model=TimelineView,
    openapi_extra=customer(),
    responses=problem_responses(errors.OrderNotFound),
)
async def get_timeline(
    request: Request, order_id: str, caller: OrdersRead, service: OrderServiceDep
) -> Response:
    """Read every step an order took on its three axes, oldest first."""
    body = (await service.get_timeline(caller, order_id)).model_dump_json().encode()
    return conditional_response(request, body, etag=etag_of(body))


@router.get(
    "/v1/orders/{order_id}/events",
    openapi_extra=customer(),
    response_class=Response,
    responses={**_STREAM, **problem_responses(errors.OrderNotFound, errors.LastEventIdInvalid)},
)
async def stream_order_events(
    request: Request,
    order_id: str,
    caller: OrdersRead,
    service: OrderServiceDep,
    follower: FollowerDep,
    seconds: StreamSeconds,
) -> Response:
    """Follow an order live (server-sent events): each step of the timeline, its sequence as `id`.

    Reconnect with `Last-Event-ID` to go on after it. The stream ends when the token expires, at most after five minutes.
    """
    after = _sequence(last_event_id(request))
    await service.require_visible(caller, order_id)
    return event_stream(
        _events(follower, order_id, after), stop=follower.stopping, max_seconds=seconds
    )


def _sequence(last_event: str | None) -> int:
    if last_event is None:
        return 0
    if not last_event.isdecimal() or len(last_event) > _LARGEST_SEQUENCE_DIGITS:
        raise errors.LastEventIdInvalid("Send the `id` of the last event you received.")
    return int(last_event)


async def _events(follower: Follower, order_id: str, after: int) -> AsyncIterator[ServerEvent]:
    async for step in follower.steps(order_id, after):
        yield ServerEvent(data=step, event=step.axis, id=str(step.sequence))
