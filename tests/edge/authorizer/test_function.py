"""The function as AWS Lambda runs it: a process with the files of its image, and nothing else."""

import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from libs.testing.plugin import RunService
from libs.testing.servers import free_port
from libs.testing.tokens import AUDIENCE, ISSUER
from tests.architecture.applications import ROOT
from tests.auth.conftest import register
from tests.deploy.dockerfile import stages
from tests.edge.authorizer.lambda_runtime import Outcome, event, function
from tests.libs.security.issuer import part


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What the Dockerfile copies into the image, in a folder."""
    folder = tmp_path / "app"
    for value in stages()["authorizer-source"].all_of("COPY"):
        source, target = (ROOT / value.split()[0], folder / value.split()[1])
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("testing", "*.pyc"))
        else:
            shutil.copy(source, target)
    return folder


def environment(jwks_url: str) -> dict[str, str]:
    return {"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "JWKS_URL": jwks_url, "AWS_REGION": "us-east-1"}


@pytest.mark.stack
async def test_a_customer_of_the_real_auth_gets_in_and_a_touched_token_does_not(
    run_service: RunService, image: Path
) -> None:
    auth = run_service("auth", role="api")
    async with httpx.AsyncClient(base_url=auth.url) as client:
        person = await (await register(client)).log_in()
    token = person.tokens["access_token"]
    with function(image, environment(f"{auth.url}/.well-known/jwks.json")) as runtime:
        let_in = runtime.invoke(event(f"Bearer {token}", path="/v1/orders"))
        assert (let_in.kind, let_in.effect) == ("response", "Allow")
        assert let_in.said["principalId"] == person.user_id
        assert let_in.said["context"]["homeRegion"] == "us-east-1"
        kept_out = runtime.invoke(event(f"Bearer {token[:-8]}AAAAAAAA"))
        assert (kept_out.kind, kept_out.effect) == ("response", "Deny")
        auth.stop()
        assert runtime.invoke(event(f"Bearer {token}")).effect == "Allow", "auth may be away"


def test_while_no_key_is_known_nobody_is_let_in_and_nobody_is_called_a_liar(image: Path) -> None:
    """A failure is 503 at API Gateway; a denial would be 401, and kept for a minute."""
    nowhere = f"http://127.0.0.1:{free_port()}/.well-known/jwks.json"
    token = f"{part({'alg': 'RS256', 'typ': 'at+jwt', 'kid': 'key-1'})}.{part({})}.AAAA"
    with function(image, environment(nowhere)) as runtime:
        told = runtime.invoke(event(f"Bearer {token}"))
        assert (told.kind, told.said["errorType"]) == ("error", "KeysUnavailable")
        assert runtime.invoke(event()) == Outcome(
            "error", {"errorMessage": "Unauthorized", "errorType": "Unauthorized"}
        )


def test_a_missing_setting_ends_it_with_one_line(image: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "edge.authorizer"],
        cwd=image,
        env={"ISSUER": ISSUER, "AUDIENCE": AUDIENCE, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr == "JWKS_URL: Field required\n"
