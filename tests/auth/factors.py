"""Enrols second factors and logs in with them, as clients do."""

from datetime import timedelta

import httpx
import pyotp

from libs.testing.authenticator import Device
from libs.testing.waiting import FrozenClock
from services.auth.domain.second_factors import STEP_SECONDS
from tests.auth.conftest import PASSWORD, Person, log_in


async def step_up(person: Person, **proof: object) -> httpx.Response:
    return await person.client.post("/v1/auth/step-up", json=proof, headers=person.headers)


class App:
    """An authenticator app that shows codes, by the clock the service judges them by."""

    def __init__(self, secret: str, clock: FrozenClock) -> None:
        self._totp = pyotp.TOTP(secret)
        self._clock = clock

    def code(self, steps: int = 0) -> str:
        """Return the code of now, or of that many steps later."""
        return self._totp.at(self._clock.now() + timedelta(seconds=steps * STEP_SECONDS))

    def wrong(self) -> str:
        """Return a code that is not taken now."""
        return next(code for code in ("000000", "000001") if code != self.code())

    def next(self) -> str:
        """Wait until the app shows another code; return that."""
        self._clock.advance(seconds=STEP_SECONDS)
        return self.code()


async def enrol_app(person: Person, clock: FrozenClock) -> tuple[App, list[str]]:
    """Give an account an app; return it, showing a code nobody has used, with the recovery codes that came along."""
    begun = await person.client.post("/v1/auth/totp", headers=person.headers)
    assert begun.status_code == 201, begun.text
    app = App(begun.json()["secret"], clock)
    confirmed = await person.client.post(
        "/v1/auth/totp/confirm", json={"totp": app.code()}, headers=person.headers
    )
    assert confirmed.status_code == 200, confirmed.text
    app.next()
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
