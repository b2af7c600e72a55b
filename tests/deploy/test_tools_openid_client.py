"""openid-client, the certified client most applications on Node use, logs somebody in here."""

import asyncio
import json

import pytest

from libs.testing.databases import Databases
from libs.testing.plugin import RunService
from tests.auth.oauth.running import PASSWORD, REDIRECT_URI, run_auth
from tests.deploy.programs import CHECKS, program, run

pytestmark = pytest.mark.tools


@pytest.mark.parametrize("confidential", [False, True], ids=["public", "confidential"])
async def test_openid_client_completes_a_login(
    databases: Databases, run_service: RunService, *, confidential: bool
) -> None:
    node = program("node")
    auth = await run_auth(run_service, databases.url("auth"), confidential=confidential)
    asked = {
        "issuer": auth.issuer,
        "clientId": "demo",
        "clientSecret": auth.secret,
        "redirectUri": REDIRECT_URI,
        "email": auth.email,
        "password": PASSWORD,
    }
    command = [node, str(CHECKS / "openid-client.mjs")]
    done = await asyncio.to_thread(run, command, stdin=json.dumps(asked))

    assert done.returncode == 0, done.stderr
    learnt = json.loads(done.stdout)
    assert learnt["pages"] == ["/login", "/consent"]
    assert learnt["claims"]["sub"] == auth.user_id
    proved = {"email": auth.email, "email_verified": False}
    assert learnt["user"] == {"sub": auth.user_id, "name": "Ada", **proved}
    assert (learnt["before"], learnt["after"]) == ((True, False) if confidential else (None, None))
    assert learnt["replay"] == "invalid_grant"
    assert learnt["loggedOut"] is True
