import asyncio
import io
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from libs.database.session import Database
from libs.messaging.tables import outbox_messages
from libs.testing.authenticator import Device
from libs.testing.plugin import SettingsFor
from services.auth.cli import main
from services.auth.models import Identity, RefreshFamily, SigningKey
from services.auth.settings import AdministratorSettings
from tests.auth.conftest import Person, StartAuth, log_in, register
from tests.auth.factors import enrol_device, log_in_with
from tests.auth.mails import ServiceToken, changes, told
from tests.auth.sessions import problem
from tests.auth.test_email_addresses import CHANGE, ask_for_change, confirm_change, newest_token

ROOT = "ops@example.com"
PASSWORD = "an operator's password"


class Cli:
    """Runs the command as a shell would: arguments, standard input, standard output."""

    def __init__(
        self,
        settings: AdministratorSettings,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self._settings = settings
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    async def create_admin(
        self, email: str = ROOT, password: str = PASSWORD
    ) -> tuple[int, str, str]:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        code = await asyncio.to_thread(main, ["create-admin", "--email", email], self._settings)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err


@pytest.fixture
def cli(
    settings_for: SettingsFor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cli:
    given = settings_for("auth")
    settings = AdministratorSettings(
        environment="test",
        region=given.region,
        database_url=given.database_url,
        master_key=given.master_key,
    )
    return Cli(settings, monkeypatch, capsys)


async def test_no_administrator_is_made_of_an_account_whose_owner_closed_it(
    cli: Cli, client: httpx.AsyncClient, database: Database
) -> None:
    await register(client, ROOT)
    async with database.transaction() as session:
        await session.execute(update(Identity).values(status="closed"))
    code, _, err = await cli.create_admin()
    assert code != 0
    assert "take another address" in err
    assert (await log_in(client, ROOT, PASSWORD)).status_code == 401


async def test_an_administrator_is_created_and_can_do_their_work(
    cli: Cli, client: httpx.AsyncClient, database: Database
) -> None:
    code, out, _ = await cli.create_admin()

    assert code == 0
    assert out.splitlines()[-1].startswith("usr_")
    assert (await log_in(client, ROOT, PASSWORD)).status_code == 200
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.roles)) == ["customer", "admin"]
        assert await session.scalar(select(Identity.email_verified_at)) is not None
        assert await session.scalar(select(func.count()).select_from(outbox_messages)) == 1


async def test_running_it_again_changes_nothing(
    cli: Cli, client: httpx.AsyncClient, database: Database
) -> None:
    first = await cli.create_admin()
    await log_in(client, ROOT, PASSWORD)
    again = await cli.create_admin(f" {ROOT.upper()} ")

    assert first[1].splitlines()[-1] == again[1].splitlines()[-1]
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.version)) == 1
        assert await session.scalar(select(RefreshFamily.revoked_at)) is None
        assert await session.scalar(select(func.count()).select_from(outbox_messages)) == 1


async def test_a_customer_is_promoted_and_their_sessions_end(
    cli: Cli, client: httpx.AsyncClient, database: Database
) -> None:
    person = await (await register(client, ROOT)).log_in()

    code, out, _ = await cli.create_admin()

    assert (code, out.splitlines()[-1]) == (0, person.user_id)
    assert (await person.refresh()).status_code == 401
    assert (await log_in(client, ROOT, PASSWORD)).status_code == 200
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.roles)) == ["customer", "admin"]


async def test_nothing_a_stranger_added_is_left_in_an_operators_account(
    cli: Cli, client: httpx.AsyncClient, service_token: ServiceToken, database: Database
) -> None:
    stranger = await (await register(client, ROOT)).log_in()
    device = Device()
    await enrol_device(stranger, device)
    await ask_for_change(stranger)
    wish = await newest_token(stranger, service_token, database, CHANGE)

    await cli.create_admin()

    assert problem(await log_in_with(device, client)) == (401, "wrong_proof")
    operator = Person(client, ROOT, "", (await log_in(client, ROOT, PASSWORD)).json())
    assert problem(await confirm_change(operator, wish)) == (400, "invalid_mail_token")
    heard = ["mfa_disabled", "password_changed", "roles_changed"]
    assert (await changes(database))[-3:] == heard

    assert (await enrol_device(operator, device)).status_code == 201
    await cli.create_admin()
    assert (await log_in_with(device, client)).status_code == 200, "nothing was to be done"


async def test_an_operator_opens_an_account_a_stranger_waits_for(
    cli: Cli, start_auth: StartAuth, database: Database
) -> None:
    client = await start_auth(registration="verified")
    body = {"email": ROOT, "password": "another sound of thunder", "display_name": "Stranger"}
    await client.post("/v1/auth/register", json=body)

    await cli.create_admin()

    assert (await log_in(client, ROOT, body["password"])).status_code == 401
    assert (await log_in(client, ROOT, PASSWORD)).status_code == 200
    assert len(await told(database, "identity.registered.v1")) == 1
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.display_name)) == "Administrator"


async def test_a_job_without_a_terminal_takes_the_password_from_its_environment(
    settings_for: SettingsFor, client: httpx.AsyncClient, database: Database
) -> None:
    given = settings_for("auth")
    settings = AdministratorSettings(
        environment="test",
        region=given.region,
        database_url=given.database_url,
        master_key=given.master_key,
        admin_password=SecretStr(PASSWORD),
    )

    assert await asyncio.to_thread(main, ["create-admin", "--email", ROOT], settings) == 0
    assert (await log_in(client, ROOT, PASSWORD)).status_code == 200


@pytest.mark.parametrize(("email", "password"), [("nobody", PASSWORD), (ROOT, "short"), (ROOT, "")])
async def test_bad_input_is_named_and_changes_nothing(
    cli: Cli, database: Database, email: str, password: str
) -> None:
    code, _, err = await cli.create_admin(email, password)

    assert code == 2
    assert "must" in err
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Identity)) == 0


class KeyCli:
    """Runs a command for signing keys as a shell would."""

    def __init__(self, settings: AdministratorSettings, capsys: pytest.CaptureFixture[str]) -> None:
        self._settings = settings
        self._capsys = capsys

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = await asyncio.to_thread(main, arguments, self._settings)
        captured = self._capsys.readouterr()
        return code, captured.out, captured.err

    async def kid_of(self, status: str) -> str:
        _, out, _ = await self("list-keys")
        return next(line.split()[1] for line in out.splitlines() if line.startswith(status))


@pytest.fixture
def key_cli(settings_for: SettingsFor, capsys: pytest.CaptureFixture[str]) -> KeyCli:
    given = settings_for("auth")
    settings = AdministratorSettings(
        environment="test",
        region=given.region,
        database_url=given.database_url,
        master_key=given.master_key,
    )
    return KeyCli(settings, capsys)


async def test_an_operator_is_told_when_the_next_key_may_sign(key_cli: KeyCli) -> None:
    current = await key_cli.kid_of("current")
    code, out, err = await key_cli("rotate-keys")
    assert (code, out) == (1, "")
    assert err.startswith("the next key may sign from ")
    assert await key_cli.kid_of("current") == current


async def test_an_operator_rotates_keys(key_cli: KeyCli, database: Database) -> None:
    following = await key_cli.kid_of("next")
    async with database.transaction() as session:
        await session.execute(
            update(SigningKey).values(created_at=SigningKey.created_at - timedelta(hours=1))
        )
    assert await key_cli("rotate-keys") == (0, f"signs now: {following}\n", "")
    assert await key_cli.kid_of("current") == following


async def test_an_operator_revokes_a_key_that_leaked(key_cli: KeyCli) -> None:
    leaked = await key_cli.kid_of("current")
    code, out, _ = await key_cli("revoke-key", leaked)
    assert (code, out.split(";")[0]) == (0, f"revoked: {leaked}")
    assert await key_cli.kid_of("retired") == leaked
    code, _, err = await key_cli("revoke-key", "nonsense")
    assert (code, err) == (1, "us-east-1 has no key nonsense\n")


async def test_an_operator_wraps_keys_anew(key_cli: KeyCli) -> None:
    await key_cli("list-keys")
    assert await key_cli("rewrap-keys") == (0, "wrapped anew: 2\n", "")
