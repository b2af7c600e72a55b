import httpx
import pytest

from libs.security.tokens import JwksCache, TokenVerifier
from libs.testing.plugin import RunService
from libs.testing.tokens import AUDIENCE, ISSUER
from tests.auth.conftest import register


@pytest.mark.stack
async def test_tokens_of_a_running_process_verify_with_the_keys_it_publishes(
    run_service: RunService,
) -> None:
    process = run_service("auth", role="api")
    async with httpx.AsyncClient(base_url=process.url) as client:
        person = await (await register(client)).log_in()
        keys = JwksCache(f"{process.url}/.well-known/jwks.json", client)

        principal = await TokenVerifier(keys, ISSUER, AUDIENCE).verify(
            person.tokens["access_token"]
        )
        assert principal.subject == person.user_id
        assert principal.session_id == person.tokens["session_id"]
        listed = await client.get("/v1/sessions", headers=person.headers)
        assert listed.status_code == 200
    process.stop()
    assert person.email not in process.log()
    assert person.tokens["access_token"] not in process.log()
