"""Replacing passwords and addresses."""

from fastapi import APIRouter, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.security.dependencies import STEP_UP_PROBLEMS
from libs.security.errors import RateLimited, SessionEnded
from libs.web.audience import customer, public
from libs.web.errors import problem_responses
from services.auth.dependencies import ClientDep, LiveSession, LoggedIn, RecentlyProved
from services.auth.dependencies.credentials import EmailAddressesDep, PasswordChangesDep
from services.auth.errors import EmailTaken, PasswordChecksBusy, WrongProof
from services.auth.errors.proofs import InvalidMailToken, PasswordRequired, PasswordUnfit
from services.auth.schemas.passwords import (
    AddressProof,
    EmailChange,
    ForgottenPassword,
    MailToken,
    PasswordChange,
    PasswordReset,
)

router = APIRouter()


@router.post(
    "/v1/auth/password/forgot",
    status_code=202,
    openapi_extra=public(),
    responses=problem_responses(RateLimited),
)
async def forget_password(
    body: ForgottenPassword, changes: PasswordChangesDep, client: ClientDep
) -> Response:
    """Have a mail sent to reset the password; the answer is the same whether an account has the address or not."""
    await changes.ask_for_reset(body.email, client)
    return Response(status_code=202)


@router.post(
    "/v1/auth/password/reset",
    status_code=204,
    openapi_extra=public(),
    responses=problem_responses(
        InvalidMailToken, PasswordUnfit, RateLimited, PasswordChecksBusy, SessionStoreUnavailable
    ),
)
async def reset_password(
    body: PasswordReset, changes: PasswordChangesDep, client: ClientDep
) -> None:
    """Set a new password with the token from the mail; every session ends, and a second factor stays."""
    await changes.reset(body.token.get_secret_value(), body.password.get_secret_value(), client)


@router.post(
    "/v1/auth/password/change",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(PasswordUnfit, PasswordChecksBusy, *STEP_UP_PROBLEMS),
)
async def change_password(
    body: PasswordChange, caller: RecentlyProved, changes: PasswordChangesDep
) -> None:
    """Set a new password; your other sessions end."""
    await changes.change(caller, body.password.get_secret_value())


@router.post(
    "/v1/auth/email/verification",
    status_code=202,
    openapi_extra=customer(),
    responses=problem_responses(RateLimited),
)
async def request_email_verification(caller: LoggedIn, addresses: EmailAddressesDep) -> Response:
    """Have the mail that verifies your address sent again."""
    await addresses.ask_for_verification(caller.subject)
    return Response(status_code=202)


@router.post(
    "/v1/auth/email/verify",
    status_code=204,
    openapi_extra=public(),
    responses=problem_responses(
        InvalidMailToken, PasswordRequired, WrongProof, RateLimited, PasswordChecksBusy
    ),
)
async def verify_email(body: AddressProof, addresses: EmailAddressesDep, client: ClientDep) -> None:
    """Prove with the token from the mail that you read mail to your address; a new account opens with its password too."""
    password = None if body.password is None else body.password.get_secret_value()
    await addresses.verify(body.token.get_secret_value(), password, client)


@router.post(
    "/v1/auth/email/change",
    status_code=202,
    openapi_extra=customer(),
    responses=problem_responses(RateLimited, *STEP_UP_PROBLEMS),
)
async def change_email(
    body: EmailChange, caller: RecentlyProved, addresses: EmailAddressesDep
) -> Response:
    """Have a mail sent to your new address; it counts once the token from the mail comes back."""
    await addresses.ask_for_change(caller, body.email)
    return Response(status_code=202)


@router.post(
    "/v1/auth/email/change/confirm",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(
        InvalidMailToken, EmailTaken, RateLimited, SessionEnded, SessionStoreUnavailable
    ),
)
async def confirm_email_change(
    body: MailToken, caller: LiveSession, addresses: EmailAddressesDep, client: ClientDep
) -> None:
    """Let the new address of your account count; the old one is told."""
    await addresses.confirm_change(caller, body.token.get_secret_value(), client)
