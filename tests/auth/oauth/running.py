"""Auth as a process on a port of this machine, with somebody who can log in and an application that may ask them to."""

from dataclasses import dataclass

import httpx

from libs.audit.log import SYSTEM
from libs.clock import SystemClock
from libs.database.session import Database
from libs.testing.plugin import RunService
from libs.testing.servers import free_port
from libs.testing.tokens import AUDIENCE
from services.auth.schemas.oauth import ClientRegistration
from services.auth.service.oauth.clients import Clients

REDIRECT_URI = "http://127.0.0.1/callback"
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Running:
    """Where it is, who can log in, and the secret of the application `demo`."""

    issuer: str
    email: str
    user_id: str
    secret: str | None


async def run_auth(run_service: RunService, database_url: str, *, confidential: bool) -> Running:
    """Start auth and wait until it answers."""
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    jwks = f"{issuer}/.well-known/jwks.json"
    run_service("auth", "api", port=port, issuer=issuer, jwks_url=jwks)
    person = {"email": "ada@example.com", "password": PASSWORD, "display_name": "Ada"}
    async with httpx.AsyncClient(base_url=issuer, timeout=60, trust_env=False) as http:
        answer = await http.post("/v1/auth/register", json=person)
        assert answer.status_code == 201, answer.text
    registration = ClientRegistration.model_validate(
        {
            "client_id": "demo",
            "name": "Demo",
            "confidential": confidential,
            "redirect_uris": [REDIRECT_URI],
            "scopes": ["openid", "profile", "email", "offline_access", "orders:read"],
            "grants": ["authorization_code", "refresh_token"],
        }
    )
    database = Database(database_url, application_name="test-oauth")
    try:
        clients = Clients(database, SystemClock(), AUDIENCE)
        secret = await clients.create(registration, SYSTEM)
    finally:
        await database.close()
    return Running(issuer, person["email"], answer.json()["user_id"], secret)
