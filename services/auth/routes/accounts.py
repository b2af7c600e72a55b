"""Accounts: registering, and telling other services who somebody is."""

from fastapi import APIRouter, Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.security.errors import RateLimited
from libs.web.audience import internal, public
from libs.web.errors import problem_responses
from services.auth.dependencies import (
    AccountServiceDep,
    CallingService,
    ClientDep,
    PartsDep,
    ThrottleDep,
)
from services.auth.errors import EmailTaken, IdentityNotFound, PasswordChecksBusy
from services.auth.schemas.accounts import IdentityView, Registered, Registration

router = APIRouter()

NO_STORE = "no-store"


@router.post(
    "/v1/auth/register",
    response_model=Registered,
    status_code=201,
    openapi_extra=public(),
    responses=problem_responses(EmailTaken, RateLimited, PasswordChecksBusy),
)
async def register(
    body: Registration,
    accounts: AccountServiceDep,
    parts: PartsDep,
    throttle: ThrottleDep,
    client: ClientDep,
    idempotency: Idempotent,
) -> Response:
    """Create an account; log in with it afterwards."""
    await throttle.register(client)
    password_hash = await parts.passwords.hash(body.password.get_secret_value())

    async def create() -> Reply:
        user_id = await accounts.register(body.email, body.display_name, password_hash)
        return Reply(201, Registered(user_id=user_id), {"Cache-Control": NO_STORE})

    return await idempotency.once(create)


@router.get(
    "/v1/identities/{user_id}",
    openapi_extra=internal(),
    responses=problem_responses(IdentityNotFound),
)
async def get_identity(
    user_id: str, _caller: CallingService, accounts: AccountServiceDep, response: Response
) -> IdentityView:
    """Tell another service who this is."""
    response.headers["Cache-Control"] = NO_STORE
    identity = await accounts.get_identity(user_id)
    return IdentityView(
        user_id=identity.id,
        email=identity.email,
        display_name=identity.display_name,
        home_region=identity.home_region,
        status=identity.status,
    )
