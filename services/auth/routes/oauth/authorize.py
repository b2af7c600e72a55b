"""The authorization endpoint (RFC 6749 section 3.1, OpenID Connect Core 1.0 section 3.1.2)."""

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from services.auth.domain.oauth.parameters import LONGEST_QUERY
from services.auth.errors import OAuthError, UnusableRequest
from services.auth.routes.oauth.dependencies import FlowDep
from services.auth.routes.oauth.forms import cookie_of, read_form
from services.auth.routes.oauth.html import PAGE, PageRoute, see_other
from services.auth.routes.oauth.progress import Pending, go_on

router = APIRouter(route_class=PageRoute)


@router.get("/oauth2/authorize", **PAGE)
async def authorize(request: Request, flow: FlowDep) -> Response:
    """Ask the person in front of the browser whether an application may act for them."""
    pending = Pending(request.url.query)
    asked = await flow.authorizations.read(pending.query)
    login = await flow.browsers.find(cookie_of(request))
    return await go_on(flow, asked, pending, login)


@router.post("/oauth2/authorize", **PAGE)
async def authorize_by_form(request: Request) -> Response:
    """Do the same for a request that came as a form; another site's form brings no cookie, a link does."""
    try:
        query = urlencode(await read_form(request))
    except OAuthError as error:
        raise UnusableRequest(
            f"The application sent a bad request: {error.description}."
        ) from error
    if len(query) > LONGEST_QUERY:
        raise UnusableRequest("The application sent a request that is too long.")
    return see_other(f"/oauth2/authorize?{query}")
