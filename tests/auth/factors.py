"""Enrols second factors and logs in with them, as clients do."""

from datetime import timedelta

import httpx
import pyotp
from sqlalchemy import update

from libs.clock import utc_now
from libs.database.session import Database
from services.auth.models import TotpAuthenticator
from tests.auth.authenticator import Device
from tests.auth.conftest import PASSWORD, Person, log_in


async def step_up(person: Person, **proof: object) -> httpx.Response:
    return await person.client.post("/v1/auth/step-up", json=proof, headers=person.headers)


class App:
    """An authenticator app that shows codes."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret)

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of that many steps of thirty seconds later."""
        return self._totp.at(utc_now() + timedelta(seconds=30 * steps))

    def wrong(self) -> str:
        """Return a code that is none of those taken now."""
        right = {self.code(steps) for steps in range(-2, 3)}
        return next(code for code in map("{:06}".format, range(10)) if code not in right)


async def forget_used_codes(database: Database) -> None:
    """Let codes of this half minute be shown once more, as if it were a later one."""
    async with database.transaction() as session:
        await session.execute(update(TotpAuthenticator).values(last_step=0))


async def enrol_app(person: Person, database: Database) -> tuple[App, list[str]]:
    """Give an account an app; return it with the recovery codes that came along."""
    begun = await person.client.post("/v1/auth/totp", headers=person.headers)
    assert begun.status_code == 201, begun.text
    app = App(begun.json()["secret"])
    confirmed = await person.client.post(
        "/v1/auth/totp/confirm", json={"totp": app.code()}, headers=person.headers
    )
    assert confirmed.status_code == 200, confirmed.text
    await forget_used_codes(database)
    return app, confirmed.json()["recovery_codes"]


async def enrol_device(person: Person, device: Device) -> httpx.Response:
    options = await person.client.post("/v1/auth/passkeys/options", headers=person.headers)
    assert options.status_code == 200, options.text
    body = {"name": "Ada's phone", "credential": device.make(options.json()["public_key"])}
    return await person.client.post("/v1/auth/passkeys", json=body, headers=person.headers)


async def mfa_token(person: Person) -> str:
    """Show the password; return what stands for it."""
    response = await log_in(person.client, person.email, PASSWORD)
    assert (response.status_code, response.json()["code"]) == (401, "mfa_required")
    token: str = response.json()["mfa_token"]
    return token


async def finish(client: httpx.AsyncClient, token: str, **shown: object) -> httpx.Response:
    return await client.post("/v1/auth/login/mfa", json={"mfa_token": token, **shown})


async def login_options(client: httpx.AsyncClient, token: str | None = None) -> dict[str, object]:
    body = {} if token is None else {"mfa_token": token}
    response = await client.post("/v1/auth/login/passkey/options", json=body)
    assert response.status_code == 200, response.text
    options: dict[str, object] = response.json()["public_key"]
    return options


async def log_in_with(device: Device, client: httpx.AsyncClient, **lies: object) -> httpx.Response:
    credential = device.use(await login_options(client), **lies)  # type: ignore[arg-type]  # lies are named
    return await client.post("/v1/auth/login/passkey", json={"credential": credential})
