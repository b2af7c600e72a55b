"""The local PostgreSQL: its data folder, modest settings, and the part that runs it."""

import contextlib
import os
import pwd
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import asyncpg
import psutil

from local.binaries import postgres_program
from local.paths import Paths
from local.process import Part
from local.refusal import Refusal
from local.settings import StackSettings, inherited_environment

SUPERUSER: Final = "postgres"

NO_VALUES_LOGGED: Final = {
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
"""Statements are logged with `$1`: what a client bound to it may be about somebody."""

_SETTINGS: Final = {
    **NO_VALUES_LOGGED,
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a long folder name would exceed what a socket path may hold
    "max_connections": "150",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "io_method": "sync",  # spares the I/O worker processes
    "max_parallel_workers_per_gather": "0",
    "max_logical_replication_workers": "0",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %u ",
    "log_lock_waits": "on",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


def ensure_data_folder(folder: Path, password: str) -> bool:
    """Create the cluster if there is none; return whether it was created. fsync stays on: it is real data.

    Raises:
        Refusal: PostgreSQL could not create its files.
    """
    if (folder / "PG_VERSION").exists():
        return False
    unfinished = folder.with_name(
        f"{folder.name}.unfinished"
    )  # a start that is killed leaves no half cluster
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700, parents=True)
    user = _user_for(folder)
    if user is not None:
        os.chown(unfinished, user, user)
        _let_through(folder)
    _initdb(unfinished, password, user)
    unfinished.replace(folder)
    return True


def _initdb(folder: Path, password: str, user: int | None) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir="/tmp") as file:
        file.write(password)
        file.flush()
        if user is not None:
            os.chown(file.name, user, user)
        command = [
            str(postgres_program("initdb")), "--pgdata", str(folder), "--username", SUPERUSER,
            "--pwfile", file.name, "--auth", "scram-sha-256", "--encoding", "UTF8",
            "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            cwd=folder,
            env=inherited_environment(),
        )
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).split())[-400:]
        raise Refusal(f"PostgreSQL could not create its files in {folder.parent}: {words}")


def postgres_part(
    settings: StackSettings, paths: Paths, password: str, *, ready_seconds: float = 90.0
) -> Part:
    """Describe the server process; SIGINT is its fast and clean shutdown."""
    folder = paths.data / "postgres"
    address = admin_url(settings, password)
    chosen = {**_SETTINGS, "archive_mode": "on", "archive_command": _archive(paths.wal_archive)}
    options = [f"--{name}={value}" for name, value in chosen.items()]

    async def ready() -> bool:
        return await accepts_connections(address)

    return Part(
        name="postgres",
        command=(
            str(postgres_program("postgres")),
            "-D",
            str(folder),
            "-p",
            str(settings.port("postgres")),
            *options,
        ),
        log=paths.log_of("postgres"),
        ready=ready,
        environment=inherited_environment(),
        port=settings.port("postgres"),
        folder=folder,
        user=_user_for(folder),
        stop_signal=signal.SIGINT,
        stop_seconds=2,
        ready_seconds=ready_seconds,
    )


def _archive(folder: Path) -> str:
    """Phrase the command that keeps a finished piece of the log, once `make backup` made the folder."""
    place = in_server_command(folder)
    kept = f"cp %p {place}/.%f && mv {place}/.%f {place}/%f"
    return f"test ! -d {place} || test -f {place}/%f || {{ {kept}; }}"


def in_server_command(path: Path) -> str:
    """Quote a path for a command of PostgreSQL's configuration: a shell reads it after `%` was replaced."""
    return shlex.quote(str(path)).replace("%", "%%")


def give_to_server(folder: Path, *, like: Path) -> None:
    """Create a folder if need be and let the user PostgreSQL runs as write in it, as in `like`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _user_for(like)
    if user is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)
    _let_through(folder)


def admin_url(settings: StackSettings, password: str) -> str:
    """Return the superuser's address of the local server, or the developer's own server."""
    if settings.admin_database_url:
        return settings.admin_database_url
    return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{settings.port('postgres')}/{SUPERUSER}"


async def accepts_connections(address: str) -> bool:
    """Log in once; False while the server is away, starting or recovering.

    Raises:
        Refusal: the server knows another password, because `secrets` was deleted and `data` was not.
    """
    try:
        connection = await asyncpg.connect(address, timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
        return False
    except asyncpg.InvalidPasswordError:
        raise Refusal(
            "PostgreSQL's data was made with another password than the one in secrets.json: "
            "bring that file back, or start over with `make reset`."
        ) from None
    await connection.close()
    return True


def forget_dead_server(folder: Path) -> None:
    """Remove the pid file of a server that is gone, so that a stranger with its number does not stop the start."""
    file = folder / "postmaster.pid"
    with contextlib.suppress(OSError, ValueError, IndexError, psutil.Error):
        if psutil.Process(int(file.read_text(encoding="utf-8").split()[0])).name() == "postgres":
            return
    file.unlink(missing_ok=True)


def _user_for(folder: Path) -> int | None:
    """Choose the user PostgreSQL runs as: ours, or for root (which it refuses) the folder's owner or `nobody`.

    Raises:
        Refusal: root, and the machine has no `nobody`.
    """
    if os.geteuid() != 0:
        return None
    owner = folder.stat().st_uid if folder.exists() else 0
    if owner:
        return owner
    try:
        return pwd.getpwnam("nobody").pw_uid
    except KeyError:
        raise Refusal(
            "PostgreSQL does not run as root and this machine has no user `nobody`: "
            "run as another user, or give ADMIN_DATABASE_URL in .env."
        ) from None


def _let_through(folder: Path) -> None:
    """Let PostgreSQL's user pass (not list) the folders above its data and its programs."""
    for parent in (*folder.parents, *postgres_program("postgres").parents):
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
