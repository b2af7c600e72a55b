"""The verbs of the local stack; each takes its command line and returns the exit status."""

import argparse
import asyncio
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from local.credentials import load_credentials
from local.environments import Environments
from local.logs import show_logs
from local.paths import Paths
from local.refusal import Refusal
from local.seed.load import seed_catalogue
from local.settings import ROOT, StackSettings, load_settings, service_overrides
from local.state import Snapshot, StateFile, end_leftovers, instance_lock, running_supervisor
from local.status import show_status
from local.supervisor import up as supervise

_STOP_SECONDS: Final = 15.0
_LOCK_FILE: Final = ROOT / "local" / "ministack.lock"


def up(arguments: Sequence[str]) -> int:
    """Start everything and supervise it until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="up", description=up.__doc__)
    parser.add_argument("--split", action="store_true", help="API and worker as two processes")
    options = parser.parse_args(arguments)
    return supervise(load_settings(), split=options.split)


def down(arguments: Sequence[str]) -> int:
    """Stop the supervisor and everything it started, and what a killed one left behind."""
    argparse.ArgumentParser(prog="down", description=down.__doc__).parse_args(arguments)
    paths = _paths(load_settings())
    supervisor = running_supervisor(paths)
    if supervisor is not None:
        supervisor.terminate()
        _, alive = psutil.wait_procs([supervisor], timeout=_STOP_SECONDS)
        if alive:
            supervisor.kill()
            supervisor.wait(timeout=2)
    paths.create()
    state = StateFile(paths.state)
    snapshot = state.read()
    with instance_lock(paths):
        left = end_leftovers(list(snapshot.parts.values()))
        state.write(replace(snapshot, supervisor=None, parts={}))
    for name in left:
        sys.stdout.write(f"{name}: ended, left over\n")
    sys.stdout.write("Stopped.\n" if supervisor or left else "Nothing was running.\n")
    return 0


def status(arguments: Sequence[str]) -> int:
    """Show every process with its cpu, memory and restarts."""
    argparse.ArgumentParser(prog="status", description=status.__doc__).parse_args(arguments)
    show_status(_paths(load_settings()))
    return 0


def logs(arguments: Sequence[str]) -> int:
    """Show the logs of all processes, merged by time, or of one service."""
    parser = argparse.ArgumentParser(prog="logs", description=logs.__doc__)
    parser.add_argument("-s", "--service", help="one part, such as order or gateway")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("-n", "--lines", type=int, default=200, help="how many to begin with")
    options = parser.parse_args(arguments)
    show_logs(
        _paths(load_settings()),
        service=options.service or None,
        follow=options.follow,
        count=options.lines,
    )
    return 0


def reset(arguments: Sequence[str]) -> int:
    """Delete all data, secrets and logs; installed programs stay."""
    argparse.ArgumentParser(prog="reset", description=reset.__doc__).parse_args(arguments)
    paths = _paths(load_settings())
    paths.create()
    with instance_lock(paths):
        end_leftovers(list(StateFile(paths.state).read().parts.values()))
        for folder in (paths.data, paths.secrets, paths.logs, paths.run):
            shutil.rmtree(folder)
        StateFile(paths.state).write(Snapshot())
    sys.stdout.write(f"{paths.home} is empty again.\n")
    return 0


def seed(arguments: Sequence[str]) -> int:
    """Load our catalogue, or with --n a large one that is the same on every machine."""
    parser = argparse.ArgumentParser(prog="seed", description=seed.__doc__)
    parser.add_argument("--n", type=int, default=0, help="generate this many products instead")
    options = parser.parse_args(arguments)
    settings = load_settings()
    paths = _paths(settings)
    paths.create()
    environments = Environments(settings, paths, load_credentials(paths), service_overrides())
    asyncio.run(seed_catalogue(environments, products=options.n))
    return 0


def setup_ministack(arguments: Sequence[str]) -> int:
    """Create MiniStack's own virtual environment from its hashed lock; its botocore differs from ours."""
    parser = argparse.ArgumentParser(prog="setup-ministack", description=setup_ministack.__doc__)
    parser.parse_args(arguments)
    paths = _paths(load_settings())
    paths.create()
    wanted = hashlib.sha256(_LOCK_FILE.read_bytes()).hexdigest()
    stamp = paths.ministack / "installed-lock"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return 0
    python = paths.ministack / "bin" / "python"
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(paths.ministack)],
        [
            *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "-r", str(_LOCK_FILE)),
        ],
    ):
        if subprocess.run(command, check=False).returncode:
            raise Refusal(
                "MiniStack could not be installed: see the lines above, then run `make setup` again."
            )
    stamp.write_text(wanted, encoding="utf-8")
    return 0


def _paths(settings: StackSettings) -> Paths:
    return Paths(Path(settings.meridian_home).resolve())
