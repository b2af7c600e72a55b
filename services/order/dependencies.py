"""Builds what routes, consumers and timers work with."""

import base64
import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from libs.contracts.order import OrderErasureCompleted
from libs.database.session import SessionDep, after_commit
from libs.erasure.part import ErasurePart
from libs.idempotency.header import FingerprintSecret, OptionalKey
from libs.idempotency.two_transactions import TwoTransactions
from libs.messaging.outbox import Outbox
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import (
    authenticated,
    authenticated_live,
    recently_authenticated,
    service_caller,
)
from libs.security.principal import Principal
from libs.web.sse import LONGEST_SECONDS
from services.order.clients import AddressClient, CartClient, ProductClient
from services.order.domain.pricing import Rates
from services.order.repository import OrderRepository, Patience
from services.order.repository.erasure import (
    OpenOrders,
    end_legal_holds,
    remove_orders,
)
from services.order.service.allowance import Allowance
from services.order.service.changing import OrderChanges
from services.order.service.checkout import Checkout
from services.order.service.following import CHANNEL, Follower
from services.order.service.orders import ADMIN, OrderService
from services.order.service.progress import Progress
from services.order.service.sweeper import LONGEST_PAUSE_SECONDS, Sweeper
from services.order.settings import OrderSettings

_DATA = Path(__file__).with_name("data")
_RESENDS_AT_ONCE = 100
ERASURE: Final = ErasurePart(remove_orders, OrderErasureCompleted)

OrdersRead = Annotated[Principal, Depends(authenticated("orders:read"))]
OrdersWrite = Annotated[Principal, Depends(authenticated_live("orders:write"))]
CallingService = Annotated[str, Depends(service_caller())]
OrdersAdmin = Annotated[Principal, Depends(authenticated_live(ADMIN))]
Refunding = Annotated[Principal, Depends(recently_authenticated(ADMIN))]
"""Money goes back only by the hand of whoever has just proved who they are."""


@cache
def rates() -> Rates:
    """Read the tax and shipping tables, once per process."""
    return Rates.parse(
        json.loads((_DATA / "tax.json").read_bytes()),
        json.loads((_DATA / "shipping.json").read_bytes()),
    )


def build_progress(
    resources: Resources, session: AsyncSession, outbox: Outbox | None = None
) -> Progress:
    """Assemble the part that changes orders over one transaction."""

    def tell(order_id: str) -> None:
        after_commit(session, lambda: resources.hints.publish(CHANNEL, order_id))

    settings = resources.settings_as(OrderSettings)
    return Progress(
        orders=OrderRepository(session),
        outbox=outbox or resources.outbox(session),
        tell=tell,
        resend_seconds=settings.resend_seconds,
        action_hold_seconds=settings.action_timeout_seconds + int(LONGEST_PAUSE_SECONDS),
    )


def build_checkout(resources: Resources) -> Checkout:
    """Assemble the use cases that call other services; each opens transactions of its own."""
    settings = resources.settings_as(OrderSettings)
    return Checkout(
        database=resources.database,
        progress_of=lambda session: build_progress(resources, session),
        carts=CartClient(resources.client("cart", settings.cart_base_url)),
        addresses=AddressClient(resources.client("user", settings.user_base_url)),
        products=ProductClient(resources.client("product", settings.product_base_url)),
        rates=rates(),
        flags=resources.flags,
        hold_seconds=settings.hold_seconds,
    )


def build_sweeper(resources: Resources) -> Sweeper:
    """Assemble the timer's work."""
    settings = resources.settings_as(OrderSettings)
    return Sweeper(
        database=resources.database,
        progress_of=lambda session: build_progress(resources, session),
        patience=Patience(
            for_answers=timedelta(seconds=settings.pending_timeout_seconds),
            for_action=timedelta(seconds=settings.action_timeout_seconds),
        ),
        resend_seconds=settings.resend_seconds,
        allowance=Allowance(settings.resends_per_second, _RESENDS_AT_ONCE),
    )


def sweep_seconds(resources: Resources) -> float:
    """Return the pause between two sweeps."""
    return resources.settings_as(OrderSettings).sweep_seconds


async def carry_on_erasing(resources: Resources) -> None:
    """Try again what waited for an order to be finished."""
    await ERASURE.carry_on(resources.database, resources.outbox)


async def release_legal_holds(resources: Resources) -> None:
    """Empty what the law no longer makes us keep, a batch per transaction."""
    while await resources.database.run(end_legal_holds):
        continue


async def order_service(session: SessionDep) -> OrderService:
    """Give a request what reads orders."""
    return OrderService(OrderRepository(session))


async def order_changes(resources: ResourcesDep, session: SessionDep) -> OrderChanges:
    """Give a request what changes orders."""
    return OrderChanges(build_progress(resources, session), resources.audit(session))


async def checkout(resources: ResourcesDep) -> Checkout:
    """Give a request its checkout; no session is opened for it."""
    return build_checkout(resources)


async def follower(resources: ResourcesDep) -> Follower:
    """Give a request the means to wait without a session."""
    return Follower(resources.database, resources.hints, resources.stopping)


async def resumable(
    request: Request, resources: ResourcesDep, key: OptionalKey, secret: FingerprintSecret
) -> TwoTransactions | None:
    """Build the two-transaction mode for a request that may carry a key."""
    return None if key is None else TwoTransactions(request, resources.database, key, secret)


async def stream_seconds(caller: OrdersRead, resources: ResourcesDep) -> float:
    """Tell how long the caller's stream may last: until the token expires, at most five minutes."""
    left = _expiry(caller.token) - resources.clock.now().timestamp()
    return max(0.0, min(LONGEST_SECONDS, left))


async def open_orders(session: SessionDep) -> OpenOrders:
    """Give a request the count of what somebody still has to do with."""
    return OpenOrders(session)


OrderServiceDep = Annotated[OrderService, Depends(order_service)]
OrderChangesDep = Annotated[OrderChanges, Depends(order_changes)]
OpenOrdersDep = Annotated[OpenOrders, Depends(open_orders)]
CheckoutDep = Annotated[Checkout, Depends(checkout)]
FollowerDep = Annotated[Follower, Depends(follower)]
Resumable = Annotated[TwoTransactions | None, Depends(resumable)]
StreamSeconds = Annotated[float, Depends(stream_seconds)]


def _expiry(token: str) -> float:
    """Read `exp` of a token that was verified already (RFC 7519 section 4.1.4)."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return float(claims["exp"])
