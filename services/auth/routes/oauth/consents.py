"""Reviewing what applications may do in one's name, and taking it back."""

from fastapi import APIRouter, Response

from libs.cache.sessions import SessionStoreUnavailable
from libs.runtime.resources import ResourcesDep
from libs.security.errors import SessionEnded
from libs.web.audience import customer
from libs.web.conditional import PRIVATE
from libs.web.errors import problem_responses
from libs.web.pagination import DEFAULT_LIMIT, Cursor, CursorInvalid, Limit, Page
from services.auth.dependencies import LiveSession, LoggedIn
from services.auth.repository import Allowed
from services.auth.routes.oauth.dependencies import ConsentsDep
from services.auth.schemas.oauth import ConsentView

router = APIRouter()


@router.get(
    "/v1/oauth-consents", openapi_extra=customer(), responses=problem_responses(CursorInvalid)
)
async def list_oauth_consents(
    caller: LoggedIn,
    consents: ConsentsDep,
    resources: ResourcesDep,
    response: Response,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ConsentView]:
    """See which applications you allowed what, by their id."""
    response.headers["Cache-Control"] = PRIVATE
    listing = f"consents of {caller.subject}"
    after = "" if cursor is None else str(resources.cursors.decode(cursor, of=listing)[0])
    found = await consents.of_person(caller.subject, after, limit + 1)
    return resources.cursors.page(
        found, limit, position=lambda one: (one.client_id,), show=_shown, of=listing
    )


@router.delete(
    "/v1/oauth-consents/{client_id}",
    status_code=204,
    openapi_extra=customer(),
    responses=problem_responses(SessionEnded, SessionStoreUnavailable),
)
async def take_back_oauth_consent(
    client_id: str, caller: LiveSession, consents: ConsentsDep
) -> None:
    """Take back what you allowed an application, and end every session it has for you.

    It has to ask you again. Money and administration refuse it at once, the rest within five minutes.
    """
    await consents.take_back(caller.subject, client_id)


def _shown(allowed: Allowed) -> ConsentView:
    return ConsentView(
        client_id=allowed.client_id,
        name=allowed.name,
        scopes=allowed.scopes,
        granted_at=allowed.granted_at,
        last_used_at=allowed.last_used_at,
    )
