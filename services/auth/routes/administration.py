"""What staff do to accounts."""

from fastapi import APIRouter, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.security.dependencies import STEP_UP_PROBLEMS
from libs.security.errors import SessionEnded
from libs.web.audience import admin
from libs.web.conditional import PRIVATE
from libs.web.errors import problem_responses
from services.auth.dependencies import AccountsAdmin, AccountsRead
from services.auth.dependencies.credentials import AdministrationDep
from services.auth.errors import IdentityNotFound
from services.auth.errors.proofs import OwnAccount
from services.auth.models import Identity
from services.auth.routes.sessions import session_list
from services.auth.schemas.administration import AccountView, Roles
from services.auth.schemas.sessions import SessionList

router = APIRouter()

_CHANGE = (IdentityNotFound, OwnAccount, *STEP_UP_PROBLEMS)


@router.get(
    "/v1/accounts/{user_id}",
    openapi_extra=admin(),
    responses=problem_responses(IdentityNotFound, SessionEnded, SessionStoreUnavailable),
)
async def get_account(
    user_id: str, _caller: AccountsRead, accounts: AdministrationDep, response: Response
) -> AccountView:
    """See an account."""
    response.headers["Cache-Control"] = PRIVATE
    return _view(await accounts.get_account(user_id))


@router.post(
    "/v1/accounts/{user_id}/lock",
    openapi_extra=admin(),
    responses=problem_responses(*_CHANGE),
)
async def lock_account(
    user_id: str, caller: AccountsAdmin, accounts: AdministrationDep
) -> AccountView:
    """Let nobody into an account any more, and end its sessions."""
    return _view(await accounts.lock(caller, user_id))


@router.post(
    "/v1/accounts/{user_id}/unlock",
    openapi_extra=admin(),
    responses=problem_responses(*_CHANGE),
)
async def unlock_account(
    user_id: str, caller: AccountsAdmin, accounts: AdministrationDep
) -> AccountView:
    """Let the owner of an account log in again."""
    return _view(await accounts.unlock(caller, user_id))


@router.put(
    "/v1/accounts/{user_id}/roles",
    openapi_extra=admin(),
    responses=problem_responses(*_CHANGE),
)
async def change_roles(
    user_id: str, body: Roles, caller: AccountsAdmin, accounts: AdministrationDep
) -> AccountView:
    """Say what an account may do; its sessions end."""
    return _view(await accounts.change_roles(caller, user_id, body.roles))


@router.get(
    "/v1/accounts/{user_id}/sessions",
    openapi_extra=admin(),
    responses=problem_responses(IdentityNotFound, SessionEnded, SessionStoreUnavailable),
)
async def list_account_sessions(
    user_id: str, caller: AccountsRead, accounts: AdministrationDep, response: Response
) -> SessionList:
    """See where somebody is logged in."""
    response.headers["Cache-Control"] = PRIVATE
    return session_list(await accounts.list_sessions(user_id), caller)


@router.delete(
    "/v1/accounts/{user_id}/sessions",
    status_code=204,
    openapi_extra=admin(),
    responses=problem_responses(IdentityNotFound, *STEP_UP_PROBLEMS),
)
async def end_account_sessions(
    user_id: str, caller: AccountsAdmin, accounts: AdministrationDep
) -> None:
    """Log somebody out everywhere."""
    await accounts.end_sessions(caller, user_id)


def _view(identity: Identity) -> AccountView:
    return AccountView(
        user_id=identity.id,
        status=identity.status,
        roles=identity.roles,
        second_factor=identity.second_factor,
        email_verified_at=identity.email_verified_at,
        created_at=identity.created_at,
    )
