"""OAuth 2.1 and OpenID Connect over HTTP: endpoints for programs, pages for people."""

from fastapi import APIRouter

from services.auth.routes.oauth import (
    authorize,
    browser_session,
    clients,
    consent,
    consents,
    login,
    logout,
    tokens,
)

router = APIRouter()
for part in (authorize, login, consent, logout, tokens, browser_session, clients, consents):
    router.include_router(part.router)
