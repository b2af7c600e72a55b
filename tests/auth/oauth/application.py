"""An application that logs people in here, written by hand so that it can also do everything wrong."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

VERIFIER = "v" * 43
REDIRECT_URI = "https://shop.example/callback?from=meridian"


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def answer_in(response: httpx.Response) -> dict[str, str]:
    """Return the parameters a browser is sent back to its application with."""
    assert response.status_code == 303, response.text
    query = parse_qs(urlsplit(response.headers["Location"]).query, strict_parsing=True)
    return {name: one for name, (one,) in query.items()}


@dataclass(frozen=True)
class Application:
    """One registered client; without a secret a public one."""

    http: httpx.AsyncClient
    client_id: str
    secret: str | None
    redirect_uri: str = REDIRECT_URI

    def address(self, **changes: str | None) -> str:
        """Return the address it sends browsers to; a parameter that is None is left out."""
        parameters = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid profile email",
            "state": "a state",
            "nonce": "a nonce",
            "code_challenge": challenge_of(VERIFIER),
            "code_challenge_method": "S256",
            **changes,
        }
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"/oauth2/authorize?{urlencode(given)}"

    async def redeem(self, code: str, **changes: str | None) -> httpx.Response:
        parameters = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
            **changes,
        }
        return await self.post("/oauth2/token", parameters)

    async def refresh(self, token: str, **more: str) -> httpx.Response:
        return await self.post(
            "/oauth2/token", {"grant_type": "refresh_token", "refresh_token": token, **more}
        )

    async def post(self, path: str, parameters: Mapping[str, str | None]) -> httpx.Response:
        """Send a form, introducing itself the way its kind does."""
        form = {name: value for name, value in parameters.items() if value is not None}
        if self.secret is None:
            return await self.http.post(path, data={"client_id": self.client_id, **form})
        return await self.http.post(path, data=form, auth=(self.client_id, self.secret))
