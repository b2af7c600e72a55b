"""Accounts: registering, and telling other services who somebody is."""

from fastapi import APIRouter, Response

from libs.idempotency.one_transaction import Idempotent
from libs.idempotency.reply import Reply
from libs.security.errors import RateLimited
from libs.web.audience import internal, public
from libs.web.conditional import NO_STORE
from libs.web.errors import problem_responses
from services.auth.dependencies import (
    AccountServiceDep,
    AuthSettingsDep,
    CallingService,
    ClientDep,
    FlagsDep,
    PartsDep,
    ThrottleDep,
)
from services.auth.errors import (
    EmailTaken,
    IdentityNotFound,
    PasswordChecksBusy,
    RegistrationClosed,
)
from services.auth.errors.proofs import PasswordUnfit
from services.auth.schemas.accounts import (
    IdentityView,
    Registered,
    Registration,
    RegistrationAccepted,
)
from services.auth.service.accounts import refuse_while_closed
from services.auth.service.password_changes import refuse_unfit

router = APIRouter()


@router.post(
    "/v1/auth/register",
    response_model=Registered,
    status_code=201,
    openapi_extra=public(),
    responses={
        202: {"model": RegistrationAccepted, "description": "A mail says how to go on"},
        **problem_responses(
            EmailTaken, PasswordUnfit, RateLimited, PasswordChecksBusy, RegistrationClosed
        ),
    },
)
async def register(
    body: Registration,
    accounts: AccountServiceDep,
    parts: PartsDep,
    throttle: ThrottleDep,
    settings: AuthSettingsDep,
    flags: FlagsDep,
    client: ClientDep,
    idempotency: Idempotent,
) -> Response:
    """Create an account; log in with it afterwards, or where addresses are verified first (202), after the mail."""
    refuse_while_closed(flags)
    await throttle.register(client)
    password = body.password.get_secret_value()
    refuse_unfit(password, body.email, body.display_name)
    password_hash = await parts.passwords.hash(password)

    async def create() -> Reply:
        if settings.registration == "verified":
            if await throttle.join(body.email, client):
                mailed = await throttle.may_invite(body.email)
                await accounts.register_unseen(
                    body.email, body.display_name, password_hash, mailed=mailed
                )
            pending = RegistrationAccepted(next="read_your_mail")
            return Reply(202, pending, {"Cache-Control": NO_STORE})
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
