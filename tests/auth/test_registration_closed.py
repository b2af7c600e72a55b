"""The flag `registration_open`: off, nobody registers, and everybody who did goes on."""

from pathlib import Path

import httpx
import pytest

from libs.testing.flags import FlagsFile
from libs.testing.waiting import eventually
from tests.auth.conftest import PASSWORD, StartAuth, register

BODY = {"email": "ada@example.com", "password": PASSWORD, "display_name": "Ada"}


@pytest.fixture
def flags(tmp_path: Path) -> FlagsFile:
    return FlagsFile(tmp_path / "flags.json")


@pytest.mark.parametrize("registration", ["verified", "immediate"])
async def test_while_it_is_off_nobody_registers_and_is_told_when_to_come_back(
    start_auth: StartAuth, flags: FlagsFile, registration: str
) -> None:
    flags.turn(registration_open=False)
    client = await start_auth(registration=registration, flags=flags.place)
    refused = await client.post("/v1/auth/register", json=BODY)
    assert (refused.status_code, refused.json()["code"]) == (503, "registration_closed")
    assert refused.headers["Retry-After"] == "300"
    flags.turn(registration_open=True)

    async def registered() -> bool:
        return (await client.post("/v1/auth/register", json=BODY)).is_success

    await eventually(registered)


async def test_whoever_has_an_account_goes_on(start_auth: StartAuth, flags: FlagsFile) -> None:
    client = await start_auth(flags=flags.place)
    ada = await (await register(client)).log_in()
    flags.turn(registration_open=False)

    async def closed() -> bool:
        return (await _register(client)).status_code == 503

    await eventually(closed)
    assert (await (await ada.log_in()).refresh()).status_code == 200


async def test_a_flag_of_another_service_closes_nothing_here(
    start_auth: StartAuth, flags: FlagsFile
) -> None:
    flags.turn(checkout_open=False)
    client = await start_auth(flags=flags.place)
    assert (await _register(client)).status_code == 201


async def _register(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/v1/auth/register", json=BODY)
