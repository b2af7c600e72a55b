"""Verbs that need the running stack's addresses: republish, dead letters, drafting a migration."""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence

from libs.topology import SERVICES
from local.credentials import load_credentials
from local.environments import Environments
from local.paths import Paths
from local.settings import ROOT, load_settings, service_overrides


def republish(arguments: Sequence[str]) -> int:
    """Send events again from the outbox; the inboxes make it safe."""
    parser = argparse.ArgumentParser(prog="republish", description=republish.__doc__)
    parser.add_argument("--since", required=True, help="ISO 8601, such as 2026-01-31T12:00:00Z")
    parser.add_argument("--service", choices=SERVICES, help="one outbox; all without it")
    options = parser.parse_args(arguments)
    service = options.service or "all"
    command = ["libs.messaging", "republish", "--since", options.since, "--service", service]
    environments = _environments()
    addresses = {
        f"DATABASE_URL_{name.upper()}": environments.database_url(name, "app") for name in SERVICES
    }
    return _run(command, {**environments.messaging_tools(), **addresses})


def dead_letters(arguments: Sequence[str]) -> int:
    """List dead letters, or send one queue's again."""
    parser = argparse.ArgumentParser(prog="dead-letters", description=dead_letters.__doc__)
    parser.add_argument("--redrive", metavar="QUEUE", help="send this queue's dead letters again")
    queue = parser.parse_args(arguments).redrive
    command = ["redrive", queue] if queue else ["list"]
    return _run(["libs.messaging", "dlq", *command], _environments().messaging_tools())


def migration(arguments: Sequence[str]) -> int:
    """Draft the migration that takes a service's schema to its models."""
    parser = argparse.ArgumentParser(prog="migration", description=migration.__doc__)
    parser.add_argument("--service", choices=SERVICES, required=True)
    parser.add_argument("--message", required=True, help="what it does, such as 'add gift note'")
    options = parser.parse_args(arguments)
    command = ["migration", "--service", options.service, "--message", options.message]
    return _run(["libs.database", *command], _environments().database_tools())


def _environments() -> Environments:
    settings = load_settings()
    paths = Paths(settings.meridian_home)
    return Environments(settings, paths, load_credentials(paths), service_overrides())


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", *command], env=dict(environment), cwd=ROOT, check=False
    ).returncode
