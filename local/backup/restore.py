"""`make restore to=MOMENT`: the database as it was at that moment, and the rest of the stack brought in line with it."""

import argparse
import asyncio
import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from libs.clock import utc_now
from local.backup.take import Backup, backups_of
from local.credentials import load_credentials
from local.paths import Paths
from local.postgres import give_to_server, in_server_command, postgres_part
from local.process import Supervised
from local.progress import Progress
from local.refusal import Refusal
from local.settings import StackSettings, load_settings
from local.state import Snapshot, StateFile, instance_lock

_REPUBLISHED: Final = timedelta(days=1)
"""How long before the moment a message may have been on its way: the emulator forgets all, the inboxes drop repeats."""

_RECOVERY_SECONDS: Final = 600.0
_CONFIGURATION: Final = "postgresql.auto.conf"


@dataclass(frozen=True)
class Restoring:
    """One way back: from a base backup, along the archived log, to a moment."""

    settings: StackSettings
    paths: Paths
    taken: Backup
    moment: datetime

    @property
    def data(self) -> Path:
        """Where the server keeps its data."""
        return self.paths.data / "postgres"

    @property
    def replaced(self) -> Path:
        """Where the data of today goes: nothing is deleted."""
        return self.paths.data / f"postgres.replaced-{utc_now():%Y%m%dT%H%M%SZ}"


def restore(arguments: Sequence[str]) -> int:
    """Bring the stopped stack's database back to a moment; the data of today is kept beside it.

    Raises:
        Refusal: no moment, no backup before it, the stack runs, or the database is the developer's own.
    """
    parser = argparse.ArgumentParser(prog="restore", description=restore.__doc__)
    parser.add_argument("--to", nargs="?", help="such as 2026-01-31T12:00:00Z")
    moment = _moment(parser.parse_args(arguments).to)
    settings = load_settings()
    if not settings.own_postgres:
        raise Refusal("This stack uses your own PostgreSQL: restore it with its own means.")
    paths = Paths(settings.meridian_home.resolve())
    paths.create()
    with instance_lock(paths):
        plan = Restoring(settings, paths, _backup_before(paths, moment), moment)
        asyncio.run(_restore(plan, Progress()))
    return 0


def _moment(text: str | None) -> datetime:
    with contextlib.suppress(ValueError, TypeError):
        moment = datetime.fromisoformat(text or "")
        if moment.tzinfo is not None:
            return _that_has_come(moment.astimezone(UTC))
    raise Refusal("Say which moment, with its zone: make restore to=2026-01-31T12:00:00Z")


def _that_has_come(moment: datetime) -> datetime:
    if moment > utc_now():
        raise Refusal("That moment has not come yet: name one that the log has reached.")
    return moment


def _backup_before(paths: Paths, moment: datetime) -> Backup:
    known = backups_of(paths)
    earlier = [one for one in known if one.finished_at <= moment]
    if earlier:
        return earlier[-1]
    if not known:
        raise Refusal(
            "There is no backup to start from: `make backup` takes one while the stack runs."
        )
    first = known[0].finished_at.isoformat(timespec="seconds")
    raise Refusal(f"The oldest backup is of {first}: only later moments can be restored.")


async def _restore(plan: Restoring, progress: Progress) -> None:
    old = plan.replaced
    async with progress.step("restore: copy of the backup"):
        await asyncio.to_thread(_swap, plan, old)
    try:
        async with progress.step("restore: the log, up to the moment"):
            await _replay(plan, old)
    except (Refusal, asyncio.CancelledError):
        await asyncio.to_thread(_undo, plan, old)
        raise
    _forget_the_future(plan)
    progress.say(f"The database is back at {plan.moment.isoformat()}: start with `make up`.")
    progress.say(
        "Compare it with the payment provider's books for the days since then (make reconcile day=...)."
    )
    progress.say(f"What was there before is in {old}; delete it when you miss nothing.")


def _swap(plan: Restoring, old: Path) -> None:
    fresh = plan.data.with_name("postgres.restoring")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(plan.taken.base, fresh)
    give_to_server(fresh, like=plan.data)
    if plan.data.exists():
        plan.data.rename(old)
    fresh.rename(plan.data)


def _undo(plan: Restoring, old: Path) -> None:
    if old.exists():
        shutil.rmtree(plan.data)
        old.rename(plan.data)


async def _replay(plan: Restoring, old: Path) -> None:
    """Run the server until it has read the log and opened; it then is an ordinary server again."""
    configuration = plan.data / _CONFIGURATION
    before = configuration.read_text(encoding="utf-8")
    # What was not archived yet is still in the replaced folder's own log.
    places = [
        f"cp {in_server_command(folder)}/%f %p"
        for folder in (plan.paths.wal_archive, old / "pg_wal")
    ]
    wanted = {
        "restore_command": " || ".join(places),
        "recovery_target_time": plan.moment.isoformat(),
        "recovery_target_action": "promote",
        "hot_standby": "off",  # so that whoever can log in knows the recovery is over
    }
    lines = [
        f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in wanted.items()
    ]
    configuration.write_text(before + "".join(lines), encoding="utf-8")
    (plan.data / "recovery.signal").touch()
    password = load_credentials(plan.paths).postgres
    part = postgres_part(plan.settings, plan.paths, password, ready_seconds=_RECOVERY_SECONDS)
    server = Supervised(part, StateFile(plan.paths.state))
    try:
        await server.start()
    finally:
        await server.stop()
        configuration.write_text(before, encoding="utf-8")


def _forget_the_future(plan: Restoring) -> None:
    """Drop what speaks of later things: messages on their way, sessions, cached answers."""
    for name in ("ministack", "valkey"):
        shutil.rmtree(plan.paths.data / name, ignore_errors=True)
    since = (plan.moment - _REPUBLISHED).isoformat()
    StateFile(plan.paths.state).write(Snapshot(emulator_since=since, clean=False))
