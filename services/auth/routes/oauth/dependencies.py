"""Builds what the OAuth routes work with."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from libs.runtime.resources import ResourcesDep
from libs.security.dependencies import (
    authenticated,
    authenticated_live,
    recently_authenticated,
)
from libs.security.principal import Principal
from libs.security.scopes import OPENID
from services.auth.dependencies import PartsDep, SessionServiceDep
from services.auth.service.browser_sessions import BrowserSessions
from services.auth.service.oauth.authorization import Authorizations
from services.auth.service.oauth.clients import Clients
from services.auth.service.oauth.codes import Codes
from services.auth.service.oauth.consents import Consents
from services.auth.service.oauth.grants import Grants
from services.auth.service.oauth.id_tokens import IdTokens, OwnTokens
from services.auth.service.oauth.inspection import Inspection
from services.auth.service.oauth.tickets import Tickets

ADMIN_SCOPE = "identity:admin"


async def tickets(resources: ResourcesDep) -> Tickets:
    """Give a request what signs its forms."""
    secret = resources.settings.signing_secret.get_secret_value().encode()
    return Tickets(secret, resources.clock)


async def clients(resources: ResourcesDep) -> Clients:
    """Give a request the registered applications."""
    return Clients(resources.database, resources.clock, resources.settings.audience)


async def browser_sessions(resources: ResourcesDep, sessions: SessionServiceDep) -> BrowserSessions:
    """Give a request the logins of browsers."""
    return BrowserSessions(resources.database, resources.sessions, sessions.tokens, sessions)


TicketsDep = Annotated[Tickets, Depends(tickets)]
ClientsDep = Annotated[Clients, Depends(clients)]
BrowserSessionsDep = Annotated[BrowserSessions, Depends(browser_sessions)]


async def own_tokens(resources: ResourcesDep) -> OwnTokens:
    """Give a request a reader of tokens we signed."""
    return OwnTokens(resources.verifier.keys, resources.settings.issuer, resources.clock)


OwnTokensDep = Annotated[OwnTokens, Depends(own_tokens)]


async def authorizations(
    resources: ResourcesDep, registered: ClientsDep, signed: OwnTokensDep
) -> Authorizations:
    """Give a request the use cases of authorization."""
    return Authorizations(resources.database, registered, signed, resources.settings.issuer)


async def grants(
    resources: ResourcesDep, parts: PartsDep, registered: ClientsDep, sessions: SessionServiceDep
) -> Grants:
    """Give a request the grants of the token endpoint."""
    settings = resources.settings
    return Grants(
        clients=registered,
        codes=Codes(resources.database, resources.sessions),
        refreshing=sessions,
        sessions=resources.sessions,
        tokens=sessions.tokens,
        id_tokens=IdTokens(parts.keyring, resources.clock, settings.issuer),
        clock=resources.clock,
        region=settings.region,
    )


async def inspection(resources: ResourcesDep, signed: OwnTokensDep) -> Inspection:
    """Give a request introspection and revocation."""
    return Inspection(resources.database, resources.sessions, signed, resources.settings.issuer)


async def consents(resources: ResourcesDep) -> Consents:
    """Give a request what people allowed applications."""
    return Consents(resources.database, resources.sessions)


AuthorizationsDep = Annotated[Authorizations, Depends(authorizations)]
GrantsDep = Annotated[Grants, Depends(grants)]
InspectionDep = Annotated[Inspection, Depends(inspection)]
ConsentsDep = Annotated[Consents, Depends(consents)]
IdentityReader = Annotated[Principal, Depends(authenticated(OPENID))]
ClientsReader = Annotated[Principal, Depends(authenticated_live(ADMIN_SCOPE))]
ClientsAdmin = Annotated[Principal, Depends(recently_authenticated(ADMIN_SCOPE))]


@dataclass(frozen=True)
class Flow:
    """What the pages of one authorization request share."""

    authorizations: Authorizations
    browsers: BrowserSessions
    tickets: Tickets


async def flow(
    asking: AuthorizationsDep, browsers: BrowserSessionsDep, signing: TicketsDep
) -> Flow:
    """Give a page what it shares with the others."""
    return Flow(asking, browsers, signing)


FlowDep = Annotated[Flow, Depends(flow)]
