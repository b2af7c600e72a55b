"""Your profile and your address book."""

from fastapi import APIRouter, Request, Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.web.audience import customer
from libs.web.conditional import (
    PreconditionFailed,
    conditional_response,
    etag_of,
    unless_stale,
)
from libs.web.errors import problem_responses
from services.user.dependencies import ProfileRead, ProfileWrite, UserServiceDep
from services.user.errors import AddressNotFound, ProfileNotFound, TooManyAddresses
from services.user.schemas.profiles import (
    AddressBook,
    AddressChange,
    AddressView,
    NewAddress,
    ProfileChange,
    ProfileView,
)

router = APIRouter()


@router.get(
    "/v1/me",
    response_model=ProfileView,
    openapi_extra=customer(),
    responses=problem_responses(ProfileNotFound),
)
async def get_profile(request: Request, caller: ProfileRead, service: UserServiceDep) -> Response:
    """Read your own profile."""
    profile = await service.get_profile(caller.subject)
    return conditional_response(request, profile, etag=etag_of(profile.version))


@router.patch(
    "/v1/me",
    response_model=ProfileView,
    openapi_extra=customer(),
    responses=problem_responses(ProfileNotFound, PreconditionFailed),
)
async def change_profile(
    request: Request,
    body: ProfileChange,
    caller: ProfileWrite,
    service: UserServiceDep,
    idempotency: Idempotent,
) -> Response:
    """Change your own profile (RFC 7396 merge patch); `If-Match` is honoured."""

    async def change() -> Reply:
        profile = await service.change_profile(caller.subject, body, unless_stale(request))
        return Reply(200, profile, {"ETag": etag_of(profile.version)})

    return await idempotency.once(change)


@router.get("/v1/me/addresses", openapi_extra=customer())
async def list_addresses(
    caller: ProfileRead, service: UserServiceDep, response: Response
) -> AddressBook:
    """List your addresses, the default first."""
    response.headers["Cache-Control"] = "private, no-store"
    return await service.list_addresses(caller.subject)


@router.post(
    "/v1/me/addresses",
    response_model=AddressView,
    status_code=201,
    openapi_extra=customer(),
    responses=problem_responses(TooManyAddresses),
)
async def add_address(
    body: NewAddress, caller: ProfileWrite, service: UserServiceDep, idempotency: Idempotent
) -> Response:
    """Add an address; the first one becomes the default."""

    async def add() -> Reply:
        address = await service.add_address(caller.subject, body)
        location = f"/v1/me/addresses/{address.address_id}"
        return Reply(201, address, {"Location": location, "ETag": etag_of(address.version)})

    return await idempotency.once(add)


@router.get(
    "/v1/me/addresses/{address_id}",
    response_model=AddressView,
    openapi_extra=customer(),
    responses=problem_responses(AddressNotFound),
)
async def get_address(
    request: Request, address_id: str, caller: ProfileRead, service: UserServiceDep
) -> Response:
    """Read one of your addresses."""
    address = await service.get_address(caller.subject, address_id)
    return conditional_response(request, address, etag=etag_of(address.version))


@router.patch(
    "/v1/me/addresses/{address_id}",
    response_model=AddressView,
    openapi_extra=customer(),
    responses=problem_responses(AddressNotFound, PreconditionFailed),
)
async def change_address(
    request: Request,
    address_id: str,
    body: AddressChange,
    caller: ProfileWrite,
    service: UserServiceDep,
    idempotency: Idempotent,
) -> Response:
    """Change one of your addresses (RFC 7396 merge patch); orders keep the address they were placed with."""

    async def change() -> Reply:
        address = await service.change_address(
            caller.subject, address_id, body, unless_stale(request)
        )
        return Reply(200, address, {"ETag": etag_of(address.version)})

    return await idempotency.once(change)


@router.delete(
    "/v1/me/addresses/{address_id}",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(AddressNotFound, PreconditionFailed),
)
async def delete_address(
    request: Request,
    address_id: str,
    caller: ProfileWrite,
    service: UserServiceDep,
    idempotency: Idempotent,
) -> Response:
    """Forget one of your addresses; `If-Match` is honoured."""

    async def delete() -> Reply:
        await service.delete_address(caller.subject, address_id, unless_stale(request))
        return Reply(204, None)

    return await idempotency.once(delete)
