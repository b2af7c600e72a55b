"""Quotes, and placing an order."""

from typing import Final

from fastapi import APIRouter, Request, Response

from libs.erasure.tombstones import AccountErased
from libs.idempotency.reply import Reply
from libs.idempotency.two_transactions import Claim, ResumableRequired
from libs.web.admission import only_waiting
from libs.web.audience import customer
from libs.web.conditional import json_response
from libs.web.errors import problem_responses
from libs.web.prefer import preferences_of
from services.order import errors
from services.order.dependencies import CheckoutDep, FollowerDep, OrdersWrite, Resumable
from services.order.schemas.requests import PlaceOrder, QuoteRequest
from services.order.schemas.responses import OrderView, QuoteView
from services.order.service.checkout import accepted
from services.order.service.following import Follower

router = APIRouter()

_BASKET_PROBLEMS: Final = (
    errors.CheckoutPaused,
    errors.CartNotFound,
    errors.AddressNotFound,
    errors.CartEmpty,
    errors.DestinationNotServed,
)


@router.post(
    "/v1/quotes",
    response_model=QuoteView,
    openapi_extra=customer(),
    responses=problem_responses(*_BASKET_PROBLEMS, errors.VariantUnavailable),
)
async def create_quote(
    body: QuoteRequest, caller: OrdersWrite, checkout: CheckoutDep, resumable: Resumable
) -> Response:
    """Price a cart for an address: lines, shipping, tax and the total to order at. Nothing is reserved."""

    async def quote(claim: Claim) -> Reply:
        reply = Reply(200, await checkout.quote(caller, body))
        await checkout.remember(claim, reply)
        return reply

    if resumable is None:
        return json_response(await checkout.quote(caller, body))
    return await resumable.run("qte", quote)


@router.post(
    "/v1/orders",
    response_model=OrderView,
    status_code=202,
    openapi_extra=customer(),
    responses={
        201: {"model": OrderView, "description": "Confirmed while the request waited"},
        **problem_responses(
            *_BASKET_PROBLEMS,
            AccountErased,
            errors.CartChanged,
            errors.CartAlreadyOrdered,
            errors.HoldRefused,
            errors.TotalChanged,
            errors.PaymentDeclined,
            errors.OrderNotPlaced,
        ),
    },
)
async def place_order(
    request: Request,
    body: PlaceOrder,
    caller: OrdersWrite,
    checkout: CheckoutDep,
    follower: FollowerDep,
    resumable: ResumableRequired,
) -> Response:
    """Order a version of a cart at the total you were quoted.

    Stock is held and the order exists when this answers 202; payment goes on behind it. With `Prefer: wait=N` (at most 20
    seconds) the answer waits for the outcome: 201 when confirmed, 402 when declined, 202 with a `next_action` when the
    customer has to confirm the payment with their bank, who sends them back to `return_url`.
    """
    preferences = preferences_of(request)

    async def place(claim: Claim) -> Reply:
        order = await checkout.place_order(caller, body, claim)
        reply = accepted(order)
        if preferences.wait:
            reply = await _outcome(follower, claim, preferences.wait, request.url.path) or reply
        return Reply(reply.status, reply.body, {**reply.headers, **preferences.wait_applied()})

    return await resumable.run("ord", place)


async def _outcome(follower: Follower, claim: Claim, seconds: float, path: str) -> Reply | None:
    with only_waiting():
        final = await follower.final_reply(claim.resource_id, seconds, path)
    if final is not None:
        await claim.replace(final)
    return final
