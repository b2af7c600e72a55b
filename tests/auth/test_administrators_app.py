"""The administrator of a developer's machine, who has an authenticator app that everybody may know."""

import asyncio

import httpx
import pytest
from pydantic import ValidationError

from libs.database.session import Database
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import FrozenClock
from services.auth.cli import main
from services.auth.settings import AdministratorSettings
from tests.auth.conftest import log_in
from tests.auth.factors import App, finish
from tests.auth.mails import changes
from tests.auth.sessions import live_sessions

ROOT = "ops@example.com"
PASSWORD = "an operator's password"
TOTP_SECRET = "LOCALONLY" * 3 + "LOCAL"


@pytest.fixture
def given(settings_for: SettingsFor) -> AdministratorSettings:
    auth = settings_for("auth")
    return AdministratorSettings(
        region=auth.region,
        environment="test",
        database_url=auth.database_url,
        master_key=auth.master_key,
    )


async def create_with_app(given: AdministratorSettings, secret: str = TOTP_SECRET) -> int:
    known = {"admin_password": PASSWORD, "admin_totp_secret": secret, "environment": "local"}
    settings = AdministratorSettings.model_validate({**given.model_dump(), **known})
    return await asyncio.to_thread(main, ["create-admin", "--email", ROOT], settings)


async def test_the_administrator_of_a_developers_machine_has_an_app_from_the_start(
    given: AdministratorSettings,
    client: httpx.AsyncClient,
    database: Database,
    code_clock: FrozenClock,
) -> None:
    for _ in range(2):
        assert await create_with_app(given) == 0
    asked = await log_in(client, ROOT, PASSWORD)
    code = App(TOTP_SECRET, code_clock).code()
    done = await finish(client, asked.json()["mfa_token"], totp=code)

    assert done.status_code == 200, done.text
    headers = {"Authorization": f"Bearer {done.json()['access_token']}"}
    assert (await client.get("/v1/oauth-clients", headers=headers)).status_code == 200
    assert await changes(database) == ["totp_added"], "the second time changed nothing"


async def test_another_secret_replaces_the_app_and_ends_its_sessions(
    given: AdministratorSettings,
    client: httpx.AsyncClient,
    database: Database,
    code_clock: FrozenClock,
) -> None:
    other = TOTP_SECRET[::-1]
    await create_with_app(given)
    asked = await log_in(client, ROOT, PASSWORD)
    code = App(TOTP_SECRET, code_clock).code()
    assert (await finish(client, asked.json()["mfa_token"], totp=code)).status_code == 200

    await create_with_app(given, other)

    assert await live_sessions(database) == 0
    asked = await log_in(client, ROOT, PASSWORD)
    again = await finish(client, asked.json()["mfa_token"], totp=code)
    new = await finish(client, asked.json()["mfa_token"], totp=App(other, code_clock).code())
    assert (again.status_code, new.status_code) == (401, 200)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"environment": "production"}, "leave it out where ENVIRONMENT"),
        ({"environment": "staging"}, "leave it out where ENVIRONMENT"),
        ({"admin_totp_secret": "too short"}, "multiple of 8, of the signs"),
        ({"admin_totp_secret": f"{TOTP_SECRET}A"}, "multiple of 8, of the signs"),
    ],
)
async def test_nobody_gets_a_factor_that_is_written_beside_the_password(
    given: AdministratorSettings, changed: dict[str, str], told: str
) -> None:
    known = {"admin_totp_secret": TOTP_SECRET, "environment": "local"}
    with pytest.raises(ValidationError, match=told):
        AdministratorSettings.model_validate({**given.model_dump(), **known, **changed})
