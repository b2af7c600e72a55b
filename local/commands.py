"""The verbs of the local stack; each takes its command line and returns the exit status."""

import argparse
import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import psutil

from libs.topology import DATABASE_NAME
from local.logs import show_logs
from local.paths import Paths
from local.refusal import Refusal
from local.seed.load import seed_catalogue
from local.settings import StackSettings, load_settings
from local.state import Snapshot, StateFile, end_leftovers, instance_lock, running_supervisor
from local.status import show_status
from local.supervisor import up as supervise
from local.tools import running_environments

_STOP_SECONDS: Final = 15.0
_KEPT: Final = (
    "Local data is gone; your own PostgreSQL keeps its data, and the secrets that open it stay: "
    f"drop the database {DATABASE_NAME} there to forget it too.\n"
)


def up(arguments: Sequence[str]) -> int:
    """Start everything and supervise it until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="up", description=up.__doc__)
    parser.add_argument("--split", action="store_true", help="API and worker as two processes")
    options = parser.parse_args(arguments)
    return supervise(load_settings(), split=options.split)


def down(arguments: Sequence[str]) -> int:
    """Stop the supervisor and everything it started, and what a killed one left behind."""
    argparse.ArgumentParser(prog="down", description=down.__doc__).parse_args(arguments)
    stopped = _stop_all(_paths(load_settings()))
    sys.stdout.write("Stopped.\n" if stopped else "Nothing was running.\n")
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
    """Stop everything and delete all data, secrets and logs; installed programs stay."""
    argparse.ArgumentParser(prog="reset", description=reset.__doc__).parse_args(arguments)
    settings = load_settings()
    paths = _paths(settings)
    _stop_all(paths)
    with instance_lock(paths):
        for folder in (paths.data, paths.logs, paths.run):
            shutil.rmtree(folder)
        if settings.own_postgres:
            shutil.rmtree(paths.backups, ignore_errors=True)  # nothing opens them any more
            shutil.rmtree(paths.secrets)
        StateFile(paths.state).write(Snapshot())
    sys.stdout.write(f"{paths.home} is empty again.\n" if settings.own_postgres else _KEPT)
    return 0


def seed(arguments: Sequence[str]) -> int:
    """Load our catalogue, or with --n a large one that is the same on every machine.

    Raises:
        Refusal: the number is none, or nothing runs.
    """
    parser = argparse.ArgumentParser(prog="seed", description=seed.__doc__)
    parser.add_argument("--n", default="0", help="generate this many products instead")
    options = parser.parse_args(arguments)
    if not options.n.isdecimal():
        raise Refusal("Say how many products as a whole number: make seed n=100000")
    asyncio.run(seed_catalogue(running_environments(), products=int(options.n)))
    return 0


def _paths(settings: StackSettings) -> Paths:
    return Paths(Path(settings.meridian_home).resolve())


def _stop_all(paths: Paths) -> bool:
    """Stop the supervisor, which stops its parts, and what a killed one left; return whether anything ran."""
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
    return supervisor is not None or bool(left)
