"""Builds what routes and consumers work with, and tells whose cart a request is about."""

from typing import Annotated, Final

from fastapi import Depends, Header, Request
from sqlalchemy.ext.asyncio import AsyncSession

from libs.contracts.cart import CartErasureCompleted
from libs.database.session import SessionDep
from libs.erasure.part import ErasurePart
from libs.runtime.resources import Resources, ResourcesDep
from libs.security.dependencies import authenticated, optional_principal
from libs.security.principal import Principal
from services.cart.clients import ProductClient
from services.cart.errors import CartAccessRequired, VariantNotFound
from services.cart.repository import CartRepository, CatalogueRepository, Owner
from services.cart.repository.erasure import remove_carts
from services.cart.service.carts import CartService, guest_owner
from services.cart.settings import CartSettings

SCOPE = "carts:write"
ERASURE: Final = ErasurePart(remove_carts, CartErasureCompleted)

_verify_user = authenticated(SCOPE)

GuestToken = Annotated[
    str | None,
    Header(alias="Cart-Token", max_length=100, description="The token of a guest's cart"),
]


def build_cart_service(resources: Resources, session: AsyncSession) -> CartService:
    """Assemble the use cases over one transaction."""
    return CartService(
        carts=CartRepository(session),
        catalogue=CatalogueRepository(session),
        outbox=resources.outbox(session),
        region=resources.settings.region,
    )


async def ensure_known(resources: Resources, cart_id: str, owner: Owner, sku: str) -> None:
    """Have the SKU's price known before the cart is locked; product is asked with no transaction open.

    Raises:
        CartNotFound: the cart is not the owner's.
        VariantNotFound: product does not sell such a SKU in the cart's currency.
        DependencyUnavailable: product did not answer.
    """
    async with resources.database.transaction() as session:
        service = build_cart_service(resources, session)
        currency = await service.currency_of(cart_id, owner)
        if await service.catalogue.knows(sku, currency):
            return
    settings = resources.settings_as(CartSettings)
    product = ProductClient(resources.client("product", settings.product_base_url))
    found = await product.find_variant(sku, currency)
    if found is None:
        raise VariantNotFound(f"Nothing is sold under this SKU in {currency}.")
    async with resources.database.transaction() as session:
        await CatalogueRepository(session).apply_answer(
            found.sku, found.product_id, currency, found.offer
        )


async def _user(
    request: Request, principal: Annotated[Principal | None, Depends(optional_principal)]
) -> Owner | None:
    if principal is None:
        return None
    verified = await _verify_user(request, None)
    return Owner(verified.subject, None, verified.home_region)


async def cart_access(
    user: Annotated[Owner | None, Depends(_user)], guest_token: GuestToken = None
) -> Owner:
    """Tell whose carts the request may touch: the token's user, else the guest with this cart token.

    Raises:
        CartAccessRequired: neither came with the request.
    """
    if user is not None:
        return user
    if guest_token is None:
        raise CartAccessRequired(
            "Send an access token, or the guest_token you got with the cart as Cart-Token.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return guest_owner(guest_token)


async def authenticated_owner(
    principal: Annotated[Principal, Depends(authenticated(SCOPE))],
) -> Owner:
    """Demand a user; a guest is not enough."""
    return Owner(principal.subject, None, principal.home_region)


async def cart_service(resources: ResourcesDep, session: SessionDep) -> CartService:
    """Give a request its use cases."""
    return build_cart_service(resources, session)


CartServiceDep = Annotated[CartService, Depends(cart_service)]
OptionalUser = Annotated[Owner | None, Depends(_user)]
CartOwner = Annotated[Owner, Depends(cart_access)]
SignedIn = Annotated[Owner, Depends(authenticated_owner)]
