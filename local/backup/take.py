"""`make backup`: a base backup of the running database; from the first one on, its log is kept as well."""

import argparse
import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from libs.clock import utc_now
from local.binaries import postgres_program
from local.checks import check_disk
from local.environments import Environments
from local.paths import Paths
from local.postgres import SUPERUSER, admin_url, give_to_server
from local.progress import Progress, run_tool
from local.refusal import Refusal
from local.settings import inherited_environment
from local.tools import running_environments

_DESCRIPTION: Final = "backup.json"
BASE: Final = "base"


@dataclass(frozen=True)
class Backup:
    """One base backup; every later moment can be reached from it as long as the log is kept."""

    folder: Path
    finished_at: datetime

    @property
    def base(self) -> Path:
        """The copy of the data folder."""
        return self.folder / BASE


def backup(arguments: Sequence[str]) -> int:
    """Copy the running database while it is being written to.

    Raises:
        Refusal: nothing runs, or the database is the developer's own.
    """
    argparse.ArgumentParser(prog="backup", description=backup.__doc__).parse_args(arguments)
    environments = running_environments()
    if not environments.settings.own_postgres:
        raise Refusal(
            "This stack uses your own PostgreSQL: back it up as you back up your other databases."
        )
    asyncio.run(_take(environments))
    return 0


def backups_of(paths: Paths) -> list[Backup]:
    """List the finished backups, oldest first."""
    described = sorted(paths.backups.glob(f"*/{_DESCRIPTION}"))
    return [
        Backup(file.parent, datetime.fromisoformat(json.loads(file.read_text())["finished_at"]))
        for file in described
    ]


async def _take(environments: Environments) -> None:
    paths, progress = environments.paths, Progress()
    check_disk(paths.home)
    give_to_server(paths.wal_archive, like=paths.data / "postgres")
    folder = paths.backups / utc_now().strftime("%Y%m%dT%H%M%SZ")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    async with progress.step("backup: copy of the data folder"):
        await _copy(environments, folder / BASE)
    finished = await _close_the_log(
        admin_url(environments.settings, environments.credentials.postgres)
    )
    _describe(Backup(folder, finished))
    progress.say(f"Any moment after {finished.isoformat(timespec='seconds')} can be restored.")


async def _copy(environments: Environments, target: Path) -> None:
    command = (
        str(postgres_program("pg_basebackup")), "--pgdata", str(target), "--host", "127.0.0.1",
        "--port", str(environments.settings.port("postgres")), "--username", SUPERUSER,
        "--wal-method", "stream", "--checkpoint", "fast", "--no-password",
    )  # fmt: skip
    variables = {**inherited_environment(), "PGPASSWORD": environments.credentials.postgres}
    log = environments.paths.log_of("tools")
    await run_tool(command, variables, folder=environments.paths.home, log=log)


async def _close_the_log(address: str) -> datetime:
    """Have the current piece of the log archived, and return the database's time."""
    connection = await asyncpg.connect(address)
    try:
        await connection.execute("SELECT pg_switch_wal()")
        moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return moment
    finally:
        await connection.close()


def _describe(taken: Backup) -> None:
    words = {name: str(value) for name, value in asdict(taken).items() if name != "folder"}
    partial = taken.folder / f"{_DESCRIPTION}.partial"
    partial.write_text(json.dumps(words), encoding="utf-8")
    partial.replace(taken.folder / _DESCRIPTION)
