"""Logging in as the administrator of this machine's shop: by script and by hand."""

from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from libs.clock import utc_now
from local.admin_code import admin_code
from local.administrator import Administrator
from local.credentials import load_credentials
from local.paths import Paths

ROOT = Administrator("admin@meridian.example", "a password", pyotp.random_base32())


class Door:
    """A shop's login that lets in after the password and so many codes."""

    def __init__(self, codes: int) -> None:
        self.codes = codes
        self.shown: list[str] = []

    @property
    def app(self) -> FastAPI:
        shop = FastAPI()
        shop.post("/v1/auth/login")(self.login)
        shop.post("/v1/auth/login/mfa")(self.finish)
        return shop

    async def login(self, body: dict[str, Any]) -> JSONResponse:
        if body["password"] != ROOT.password:
            return JSONResponse({"code": "invalid_credentials"}, 401)
        if self.codes == 0:
            return JSONResponse({"access_token": "for the password"})
        return JSONResponse({"code": "mfa_required", "mfa_token": "token"}, 401)

    async def finish(self, body: dict[str, Any]) -> JSONResponse:
        assert body["mfa_token"] == "token"
        self.shown.append(body["totp"])
        if len(self.shown) < self.codes:
            return JSONResponse({"code": "wrong_proof"}, 401)
        return JSONResponse({"access_token": "for two factors"})


async def log_in(door: Door, administrator: Administrator = ROOT) -> str:
    transport = httpx.ASGITransport(door.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
        return await administrator.log_in(http)


@pytest.mark.parametrize(
    ("codes", "token"), [(0, "for the password"), (1, "for two factors"), (3, "for two factors")]
)
async def test_a_script_shows_codes_until_one_is_taken(
    monkeypatch: pytest.MonkeyPatch, codes: int, token: str
) -> None:
    monkeypatch.setattr("local.administrator.seconds_left", lambda: 0)
    door = Door(codes)
    assert await log_in(door) == token
    assert len(door.shown) == codes


@pytest.mark.parametrize("door", [Door(9), Door(1)], ids=["no code taken", "another password"])
async def test_a_script_that_is_not_let_in_says_so(
    monkeypatch: pytest.MonkeyPatch, door: Door
) -> None:
    monkeypatch.setattr("local.administrator.seconds_left", lambda: 0)
    password = "another" if door.codes == 1 else ROOT.password
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        await log_in(door, Administrator(ROOT.email, password, ROOT.totp_secret))


def test_a_person_is_told_the_code_and_can_take_it_into_an_app_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = Paths(tmp_path / "home")
    paths.create()
    monkeypatch.setenv("MERIDIAN_HOME", str(paths.home))
    monkeypatch.setenv("PATH", str(tmp_path))
    totp = pyotp.TOTP(load_credentials(paths).admin_totp)

    before = totp.at(utc_now())
    assert admin_code([]) == 0
    after = totp.at(utc_now())

    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[0] in {before, after}
    told = pyotp.parse_uri(second.partition(": ")[2])
    assert isinstance(told, pyotp.TOTP)
    assert (told.secret, told.name) == (totp.secret, "admin@meridian.example")
    assert totp.secret not in repr(ROOT)
