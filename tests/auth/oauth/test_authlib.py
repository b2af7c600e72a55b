"""authlib's client logs somebody in over the loopback interface, with nothing of ours but the addresses in the discovery document."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from libs.testing.databases import Databases
from libs.testing.plugin import RunService
from tests.auth.oauth.application import VERIFIER
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.running import PASSWORD, REDIRECT_URI, run_auth

pytestmark = pytest.mark.stack


async def test_authlib_completes_a_login(databases: Databases, run_service: RunService) -> None:
    auth = await run_auth(run_service, databases.url("auth"), confidential=True)
    async with (
        httpx.AsyncClient(base_url=auth.issuer, timeout=60, trust_env=False) as http,
        AsyncOAuth2Client(
            "demo",
            auth.secret,
            scope="openid profile email",
            redirect_uri=REDIRECT_URI,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic",
            timeout=60,
            trust_env=False,
        ) as client,
    ):
        found = (await http.get("/.well-known/openid-configuration")).json()
        assert found["issuer"] == auth.issuer
        asked, state = client.create_authorization_url(
            found["authorization_endpoint"], code_verifier=VERIFIER, nonce="a nonce"
        )
        browser = Browser(http)
        await browser.open(asked)
        await browser.submit(email=auth.email, password=PASSWORD)
        answer = (await browser.submit(decision="allow")).headers["Location"]
        assert parse_qs(urlsplit(answer).query)["iss"] == [auth.issuer]

        token = await client.fetch_token(
            found["token_endpoint"],
            authorization_response=answer,
            state=state,
            code_verifier=VERIFIER,
        )
        keys = KeySet.import_key_set((await http.get(found["jwks_uri"])).json())
        decoded = jwt.decode(token["id_token"], keys, algorithms=["RS256"])
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={"iss": {"value": auth.issuer}, "aud": {"value": "demo"}},
            params={"nonce": "a nonce", "access_token": token["access_token"]},
        )
        claims.validate()
        user = (await client.get(found["userinfo_endpoint"])).json()
        proved = {"email": auth.email, "email_verified": False}
        assert user == {"sub": claims["sub"], "name": "Ada", **proved}
        assert user["sub"] == auth.user_id
        renewed = await client.refresh_token(found["token_endpoint"])
        assert renewed["access_token"] != token["access_token"]
        told = await client.introspect_token(
            found["introspection_endpoint"], token=renewed["access_token"]
        )
        assert told.json()["active"] is True
        await client.revoke_token(found["revocation_endpoint"], token=renewed["refresh_token"])
        told = await client.introspect_token(
            found["introspection_endpoint"], token=renewed["access_token"]
        )
        assert told.json() == {"active": False}
