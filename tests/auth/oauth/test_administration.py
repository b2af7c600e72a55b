"""Applications are administered by staff, over HTTP or by a command."""

import asyncio
import io
import json

import httpx
import pytest
from sqlalchemy import select

from libs.audit.tables import audit_entries
from libs.database.session import Database
from libs.testing.plugin import SettingsFor
from libs.testing.waiting import eventually
from local.seed.load import APPLICATION_FILE
from services.auth.cli import main
from services.auth.models import OAuthClient
from services.auth.settings import AdministratorSettings
from tests.auth.conftest import Person
from tests.auth.oauth.application import Application
from tests.auth.oauth.browser import Browser
from tests.auth.oauth.conftest import RegisterApplication
from tests.auth.oauth.test_tokens import refusal, tokens_for
from tests.auth.sessions import let_time_pass, problem
from tests.auth.staff import promoted, proved

PATH = "/v1/oauth-clients"
WAREHOUSE = {
    "client_id": "warehouse",
    "name": "Warehouse",
    "confidential": True,
    "scopes": ["stock:write"],
    "grants": ["client_credentials"],
}


@pytest.fixture
async def admin(ada: Person, database: Database) -> Person:
    return await proved(await promoted(ada, database), database)


async def test_an_application_is_registered_and_its_secret_told_once(
    admin: Person, database: Database
) -> None:
    made = await admin.client.post(PATH, json=WAREHOUSE, headers=admin.headers)

    assert (made.status_code, made.headers["Cache-Control"]) == (201, "no-store")
    secret = made.json()["client_secret"]
    warehouse = Application(admin.client, "warehouse", secret)
    grant = await warehouse.post("/oauth2/token", {"grant_type": "client_credentials"})
    assert grant.status_code == 200
    listed = await admin.client.get(PATH, headers=admin.headers)
    assert [one["client_id"] for one in listed.json()["items"]] == ["warehouse"]
    assert listed.json()["items"][0]["audiences"] == ["meridian"]
    assert secret not in listed.text
    async with database.transaction() as session:
        kept = (await session.scalars(select(OAuthClient))).one()
        assert secret.encode() not in (kept.secret_hash or b"")
    again = await admin.client.post(PATH, json=WAREHOUSE, headers=admin.headers)
    assert problem(again) == (409, "oauth_client_exists")


async def test_registrations_that_make_no_sense_are_refused(admin: Person) -> None:
    wrong: list[dict[str, object]] = [
        {"confidential": False},
        {"client_id": "web"},
        {"client_id": "system"},
        {"client_id": "anonymous"},
        {"client_id": "usr_somebody"},
        {"client_id": "Ware House"},
        {"grants": []},
        {"grants": ["password"]},
        {"grants": ["client_credentials", "refresh_token"]},
        {"grants": ["authorization_code"]},
        {"redirect_uris": ["https://shop.example/cb"]},
        {"redirect_uris": ["javascript:alert(1)"], "grants": ["authorization_code"]},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["orders:read", "account:manage"]},
        {"audiences": ["a b"]},
        {"secret": "mine"},
        {"secret_hash": "mine"},
        {"status": "active"},
    ]
    for change in wrong:
        answer = await admin.client.post(PATH, json={**WAREHOUSE, **change}, headers=admin.headers)
        assert problem(answer) == (422, "invalid_request"), change


async def test_a_switched_off_application_loses_its_sessions_at_once(
    admin: Person, shop: Application, logged_in: Browser, database: Database
) -> None:
    tokens = await tokens_for(shop, logged_in)
    for _ in range(2):
        gone = await admin.client.delete(f"{PATH}/{shop.client_id}", headers=admin.headers)
        assert gone.status_code == 204
    assert refusal(await shop.refresh(tokens["refresh_token"])) == (401, "invalid_client")
    assert (await logged_in.get(shop.address())).status_code == 400
    async with database.transaction() as session:
        told = (await session.scalars(select(audit_entries.c.action))).all()
    assert {"oauth_client.created", "session.started", "oauth_client.disabled"} <= set(told)


async def test_only_staff_administer(ada: Person, client: httpx.AsyncClient) -> None:
    for method, path in (
        ("GET", PATH),
        ("POST", PATH),
        ("DELETE", f"{PATH}/shop-web"),
        ("POST", f"{PATH}/shop-web/secret"),
    ):
        answer = await client.request(method, path, headers=ada.headers, json=WAREHOUSE)
        assert problem(answer) == (403, "insufficient_scope")


async def test_applications_are_changed_only_by_whoever_has_just_proved_who_they_are(
    admin: Person, shop: Application, database: Database
) -> None:
    await let_time_pass(database, minutes=6)
    admin.tokens = (await admin.refresh()).json()
    assert (await admin.client.get(PATH, headers=admin.headers)).status_code == 200
    for method, path in (
        ("POST", PATH),
        ("DELETE", f"{PATH}/{shop.client_id}"),
        ("POST", f"{PATH}/{shop.client_id}/secret"),
    ):
        answer = await admin.client.request(method, path, headers=admin.headers, json=WAREHOUSE)
        assert problem(answer) == (401, "insufficient_user_authentication")


async def test_no_application_makes_applications(
    application: RegisterApplication, client: httpx.AsyncClient, database: Database
) -> None:
    robot = await application(
        "robot", scopes=["identity:admin"], grants=["client_credentials"], redirect_uris=[]
    )
    grant = await robot.post("/oauth2/token", {"grant_type": "client_credentials"})
    headers = {"Authorization": f"Bearer {grant.json()['access_token']}"}
    answer = await client.post(PATH, json=WAREHOUSE, headers=headers)
    assert problem(answer) == (401, "insufficient_user_authentication")
    read = await client.get(PATH, headers=headers)
    assert read.status_code == 200, "what staff registered it for, it may without a second factor"

    async def recorded() -> bool:
        async with database.transaction() as session:
            refused = audit_entries.c.action == "access.refused"
            who = (await session.scalars(select(audit_entries.c.actor).where(refused))).all()
        return list(who) == ["client:robot"]

    await eventually(recorded, message="an application is no person")


async def test_an_unknown_application_is_not_found(admin: Person) -> None:
    for method, path in (("DELETE", f"{PATH}/nobody"), ("POST", f"{PATH}/nobody/secret")):
        answer = await admin.client.request(method, path, headers=admin.headers)
        assert problem(answer) == (404, "oauth_client_not_found")


async def test_a_command_registers_changes_and_rotates(
    settings_for: SettingsFor,
    client: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = settings_for("auth")
    settings = AdministratorSettings(
        environment="test",
        region=given.region,
        database_url=given.database_url,
        master_key=given.master_key,
    )

    async def run(*arguments: str, document: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(document))
        code = await asyncio.to_thread(main, arguments, settings)
        captured = capsys.readouterr()
        return code, (captured.out.splitlines() or [""])[-1], captured.err

    made = await run("register-client", document=json.dumps(WAREHOUSE))
    changed = json.dumps({**WAREHOUSE, "scopes": ["orders:read"]})
    assert await run("register-client", document=changed) == (0, "warehouse", "")
    for secret in (made[1], (await run("rotate-client-secret", "--client-id", "warehouse"))[1]):
        warehouse = Application(client, "warehouse", secret)
        grant = await warehouse.post("/oauth2/token", {"grant_type": "client_credentials"})
        assert grant.json()["scope"] == "orders:read"
    demo = APPLICATION_FILE.read_text(encoding="utf-8")
    assert await run("register-client", document=demo) == (0, "demo-app", "")
    assert await run("register-client", "--file", str(APPLICATION_FILE)) == (0, "demo-app", "")
    code, _, told = await run("register-client", document='{"client_id": "x"}')
    assert (code, "NAME" in told) == (2, True)
    no_secret = await run("rotate-client-secret", "--client-id", "demo-app")
    assert (no_secret[0], "no application" in no_secret[2]) == (2, True)
    kind = json.dumps({**json.loads(demo), "confidential": True})
    assert (await run("register-client", document=kind))[0] == 2
