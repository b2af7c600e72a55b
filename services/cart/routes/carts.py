"""Paths of the cart service."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.runtime.resources import ResourcesDep
from libs.web.audience import customer, public
from libs.web.conditional import (
    PreconditionFailed,
    etag_of,
    json_response,
    unless_stale,
)
from libs.web.errors import problem_responses
from services.cart.dependencies import (
    CartOwner,
    CartServiceDep,
    OptionalUser,
    SignedIn,
    ensure_known,
)
from services.cart.errors import (
    CartAccessRequired,
    CartClosed,
    CartFull,
    CartNotFound,
    VariantNotForSale,
    VariantNotFound,
)
from services.cart.schemas import CartView, GuestCart, ItemChange, NewCart, NewItem, OpenedCart

router = APIRouter()

CHANGE_PROBLEMS = (CartAccessRequired, CartNotFound, CartClosed, PreconditionFailed)


def replying(change: Callable[[], Awaitable[CartView]]) -> Callable[[], Awaitable[Reply]]:
    """Answer a change with the changed cart and its new tag."""

    async def reply() -> Reply:
        cart = await change()
        return Reply(200, cart, {"ETag": etag_of(cart.version)})

    return reply


@router.post(
    "/v1/carts",
    response_model=OpenedCart,
    status_code=201,
    openapi_extra=public(),
    responses=problem_responses(),
)
async def open_cart(
    body: NewCart, user: OptionalUser, service: CartServiceDep, idempotency: Idempotent
) -> Response:
    """Open a cart; a user with an active cart gets that one (200), a guest gets the token to it."""

    async def open_it() -> Reply:
        cart, is_new = await service.open_cart(user, body.currency)
        headers = {"Location": f"/v1/carts/{cart.cart_id}", "ETag": etag_of(cart.version)}
        return Reply(201 if is_new else 200, cart, headers)

    return await idempotency.once(open_it)


@router.post(
    "/v1/carts/merge",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(CartNotFound),
)
async def merge_cart(
    body: GuestCart, owner: SignedIn, service: CartServiceDep, idempotency: Idempotent
) -> Response:
    """Take over a guest's cart after login; quantities add up, and the guest's token ends."""
    return await idempotency.once(replying(lambda: service.merge(owner, body.guest_token)))


@router.get(
    "/v1/carts/current",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(CartAccessRequired, CartNotFound),
)
async def get_current_cart(owner: CartOwner, service: CartServiceDep) -> Response:
    """Read the caller's open cart."""
    cart = await service.get_current_cart(owner)
    return json_response(cart, etag=etag_of(cart.version))


@router.get(
    "/v1/carts/{cart_id}",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(CartAccessRequired, CartNotFound),
)
async def get_cart(cart_id: str, owner: CartOwner, service: CartServiceDep) -> Response:
    """Read a cart with today's prices and what to look at before ordering.

    The tag is the cart's version, for `If-Match`; prices and warnings change under it, so a read is never answered 304.
    """
    cart = await service.get_cart(cart_id, owner)
    return json_response(cart, etag=etag_of(cart.version))


@router.post(
    "/v1/carts/{cart_id}/items",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(*CHANGE_PROBLEMS, VariantNotFound, VariantNotForSale, CartFull),
)
async def add_item(
    cart_id: str,
    body: NewItem,
    owner: CartOwner,
    resources: ResourcesDep,
    service: CartServiceDep,
    idempotency: Idempotent,
    request: Request,
) -> Response:
    """Put pieces of a variant into the cart."""
    await ensure_known(resources, cart_id, owner, body.sku)
    return await idempotency.once(
        replying(lambda: service.add_item(cart_id, owner, body, unless_stale(request)))
    )


@router.patch(
    "/v1/carts/{cart_id}/items/{sku}",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(*CHANGE_PROBLEMS, VariantNotFound),
)
async def change_item(
    cart_id: str,
    sku: str,
    body: ItemChange,
    owner: CartOwner,
    service: CartServiceDep,
    idempotency: Idempotent,
    request: Request,
) -> Response:
    """Set the number of pieces of a line."""
    return await idempotency.once(
        replying(
            lambda: service.change_item(cart_id, owner, sku, body.quantity, unless_stale(request))
        )
    )


@router.delete(
    "/v1/carts/{cart_id}/items/{sku}",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(*CHANGE_PROBLEMS, VariantNotFound),
)
async def remove_item(
    cart_id: str,
    sku: str,
    owner: CartOwner,
    service: CartServiceDep,
    idempotency: Idempotent,
    request: Request,
) -> Response:
    """Take a line out of the cart."""
    return await idempotency.once(
        replying(lambda: service.change_item(cart_id, owner, sku, 0, unless_stale(request)))
    )


@router.post(
    "/v1/carts/{cart_id}/reprice",
    response_model=CartView,
    openapi_extra=customer(),
    responses=problem_responses(*CHANGE_PROBLEMS),
)
async def reprice_cart(
    cart_id: str,
    owner: CartOwner,
    service: CartServiceDep,
    idempotency: Idempotent,
    request: Request,
) -> Response:
    """Accept today's prices; the warnings about changed prices go away."""
    return await idempotency.once(
        replying(lambda: service.reprice(cart_id, owner, unless_stale(request)))
    )
