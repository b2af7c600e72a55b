"""The administrator of a shop on this machine: the code their authenticator app shows, and logging in with it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import httpx
import pyotp

_STEP_SECONDS: Final = 30
_TRIES: Final = 3
_ISSUER: Final = "Meridian on this machine"
NO_FACTOR: Final = "The administrator has no second factor yet: `make seed` gives them one."


@dataclass(frozen=True)
class Administrator:
    """What an administrator of this machine's shop knows."""

    email: str
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)

    @property
    def code(self) -> str:
        """What their app shows now."""
        return pyotp.TOTP(self.totp_secret).now()

    @property
    def uri(self) -> str:
        """What another app, on somebody's telephone, learns to show the same codes from."""
        return pyotp.TOTP(self.totp_secret).provisioning_uri(name=self.email, issuer_name=_ISSUER)

    async def codes(self) -> AsyncIterator[str]:
        """Give the code of now and, should somebody have used it, each next one as soon as it is shown."""
        for _ in range(_TRIES):
            yield self.code
            await asyncio.sleep(seconds_left())

    async def log_in(self, http: httpx.AsyncClient) -> str:
        """Return an access token; without a second factor, as older versions have it, that of the password.

        Raises:
            httpx.HTTPError: the shop refused, or did not answer.
        """
        login = {"email": self.email, "password": self.password}
        answer = await http.post("/v1/auth/login", json=login)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and "mfa_token" in answer.json():
            mfa_token = answer.json()["mfa_token"]
            async for code in self.codes():
                shown = {"mfa_token": mfa_token, "totp": code}
                answer = await http.post("/v1/auth/login/mfa", json=shown)
                if answer.status_code != HTTPStatus.UNAUTHORIZED:
                    break
        answer.raise_for_status()
        return str(answer.json()["access_token"])


def seconds_left() -> float:
    """Tell how long the code of now is shown."""
    return _STEP_SECONDS - time.time() % _STEP_SECONDS
