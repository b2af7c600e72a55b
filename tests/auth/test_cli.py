import asyncio
import io

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from libs.database.session import Database
from libs.messaging.tables import outbox_messages
from libs.testing.plugin import SettingsFor
from services.auth.cli import main
from services.auth.models import Identity, RefreshFamily
from services.auth.settings import AdministratorSettings
from tests.auth.conftest import log_in, register

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
        region=given.region, database_url=given.database_url, master_key=given.master_key
    )
    return Cli(settings, monkeypatch, capsys)


async def test_an_administrator_is_created_and_can_do_their_work(
    cli: Cli, client: httpx.AsyncClient, database: Database
) -> None:
    code, out, _ = await cli.create_admin()

    assert code == 0
    assert out.splitlines()[-1].startswith("usr_")
    assert (await log_in(client, ROOT, PASSWORD)).status_code == 200
    async with database.transaction() as session:
        assert await session.scalar(select(Identity.roles)) == ["customer", "admin"]
        assert await session.scalar(select(func.count()).select_from(outbox_messages)) == 2


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
        assert await session.scalar(select(func.count()).select_from(outbox_messages)) == 2


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


async def test_a_job_without_a_terminal_takes_the_password_from_its_environment(
    settings_for: SettingsFor, client: httpx.AsyncClient, database: Database
) -> None:
    given = settings_for("auth")
    settings = AdministratorSettings(
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
