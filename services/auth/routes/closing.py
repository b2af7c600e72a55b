"""Closing an account whose owner wants to be forgotten, asked for by user."""

from fastapi import APIRouter

from libs.cache.sessions import SessionStoreUnavailable
from libs.web.audience import internal
from libs.web.errors import problem_responses
from services.auth.dependencies import AccountClosingDep, CallingService

router = APIRouter()


@router.post(
    "/v1/identities/{user_id}/closure",
    status_code=204,
    openapi_extra=internal(),
    responses=problem_responses(SessionStoreUnavailable),
)
async def close_identity(user_id: str, _caller: CallingService, closing: AccountClosingDep) -> None:
    """Disable an account and end its sessions, at once; it stays closed however often it is asked."""
    await closing.close(user_id)
