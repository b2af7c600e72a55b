"""Setting up second factors and taking them off."""

from fastapi import APIRouter, Response

from libs.security.dependencies import STEP_UP_PROBLEMS
from libs.security.errors import RateLimited
from libs.web.audience import customer
from libs.web.conditional import NO_STORE, PRIVATE
from libs.web.errors import problem_responses
from services.auth.dependencies import LoggedIn, RecentlyProved
from services.auth.dependencies.credentials import PasskeyServiceDep, SecondFactorServiceDep
from services.auth.errors import WrongProof
from services.auth.errors.proofs import (
    NoSecondFactor,
    PasskeyKnown,
    PasskeyNotAccepted,
    PasskeyNotFound,
    TotpAlreadyEnrolled,
    TotpNotFound,
)
from services.auth.models import Passkey
from services.auth.schemas.proofs import (
    NewPasskey,
    PasskeyAdded,
    PasskeyChange,
    PasskeyList,
    PasskeyOptions,
    PasskeyView,
    RecoveryCodes,
    SecondFactors,
    TotpConfirmation,
    TotpSecret,
)

router = APIRouter()


@router.get("/v1/auth/second-factors", openapi_extra=customer())
async def get_second_factors(
    caller: LoggedIn, factors: SecondFactorServiceDep, response: Response
) -> SecondFactors:
    """See what your account can be proved with."""
    response.headers["Cache-Control"] = PRIVATE
    return SecondFactors.model_validate(await factors.get_enrolled(caller.subject))


@router.post(
    "/v1/auth/totp",
    status_code=201,
    openapi_extra=customer(),
    responses=problem_responses(TotpAlreadyEnrolled, *STEP_UP_PROBLEMS),
)
async def begin_totp(
    caller: RecentlyProved, factors: SecondFactorServiceDep, response: Response
) -> TotpSecret:
    """Get a secret for an authenticator app; it counts once you confirm it with a code."""
    response.headers["Cache-Control"] = NO_STORE
    secret, uri = await factors.begin_totp(caller)
    return TotpSecret(secret=secret, uri=uri)


@router.post(
    "/v1/auth/totp/confirm",
    openapi_extra=customer(),
    responses=problem_responses(WrongProof, RateLimited, *STEP_UP_PROBLEMS),
)
async def confirm_totp(
    body: TotpConfirmation,
    caller: RecentlyProved,
    factors: SecondFactorServiceDep,
    response: Response,
) -> RecoveryCodes:
    """Turn the app on; your other sessions end."""
    response.headers["Cache-Control"] = NO_STORE
    codes = await factors.confirm_totp(caller, body.totp)
    return RecoveryCodes(recovery_codes=list(codes))


@router.delete(
    "/v1/auth/totp",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(TotpNotFound, *STEP_UP_PROBLEMS),
)
async def remove_totp(caller: RecentlyProved, factors: SecondFactorServiceDep) -> None:
    """Take the authenticator app off."""
    await factors.remove_totp(caller)


@router.post(
    "/v1/auth/recovery-codes",
    openapi_extra=customer(),
    responses=problem_responses(NoSecondFactor, *STEP_UP_PROBLEMS),
)
async def renew_recovery_codes(
    caller: RecentlyProved, factors: SecondFactorServiceDep, response: Response
) -> RecoveryCodes:
    """Get ten new recovery codes; the old ones work no more."""
    response.headers["Cache-Control"] = NO_STORE
    codes = await factors.renew_recovery_codes(caller)
    return RecoveryCodes(recovery_codes=list(codes))


@router.post(
    "/v1/auth/passkeys/options",
    openapi_extra=customer(),
    responses=problem_responses(*STEP_UP_PROBLEMS),
)
async def get_passkey_options(
    caller: RecentlyProved, passkeys: PasskeyServiceDep, response: Response
) -> PasskeyOptions:
    """Get what a browser needs to make a passkey."""
    response.headers["Cache-Control"] = NO_STORE
    return PasskeyOptions(public_key=await passkeys.options(caller.subject))


@router.post(
    "/v1/auth/passkeys",
    status_code=201,
    openapi_extra=customer(),
    responses=problem_responses(PasskeyNotAccepted, PasskeyKnown, *STEP_UP_PROBLEMS),
)
async def add_passkey(
    body: NewPasskey, caller: RecentlyProved, passkeys: PasskeyServiceDep, response: Response
) -> PasskeyAdded:
    """Add a passkey; your other sessions end."""
    response.headers["Cache-Control"] = NO_STORE
    passkey_id, codes = await passkeys.add(caller, body.name, body.credential.as_json())
    added = next(p for p in await passkeys.list_passkeys(caller.subject) if p.id == passkey_id)
    return PasskeyAdded(passkey=_view(added), recovery_codes=list(codes))


@router.get("/v1/auth/passkeys", openapi_extra=customer())
async def list_passkeys(
    caller: LoggedIn, passkeys: PasskeyServiceDep, response: Response
) -> PasskeyList:
    """See your passkeys."""
    response.headers["Cache-Control"] = PRIVATE
    return PasskeyList(items=[_view(p) for p in await passkeys.list_passkeys(caller.subject)])


@router.patch(
    "/v1/auth/passkeys/{passkey_id}",
    openapi_extra=customer(),
    responses=problem_responses(PasskeyNotFound, *STEP_UP_PROBLEMS),
)
async def rename_passkey(
    passkey_id: str, body: PasskeyChange, caller: RecentlyProved, passkeys: PasskeyServiceDep
) -> PasskeyView:
    """Call a passkey something else."""
    return _view(await passkeys.rename(caller.subject, passkey_id, body.name))


@router.delete(
    "/v1/auth/passkeys/{passkey_id}",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(PasskeyNotFound, *STEP_UP_PROBLEMS),
)
async def remove_passkey(
    passkey_id: str, caller: RecentlyProved, passkeys: PasskeyServiceDep
) -> None:
    """Let a passkey work no more."""
    await passkeys.remove(caller, passkey_id)


def _view(passkey: Passkey) -> PasskeyView:
    return PasskeyView(
        passkey_id=passkey.id,
        name=passkey.name,
        backed_up=passkey.backed_up,
        created_at=passkey.created_at,
        last_used_at=passkey.last_used_at,
    )
