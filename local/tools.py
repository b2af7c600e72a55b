"""Verbs that hand the running stack's addresses and passwords to the shared command lines."""

import argparse
import subprocess
import sys
from collections.abc import Mapping, Sequence

from libs.topology import SERVICES
from local.credentials import load_credentials
from local.environments import Environments
from local.paths import Paths
from local.refusal import Refusal
from local.settings import ROOT, load_settings, service_overrides
from local.state import running_supervisor


def running_environments() -> Environments:
    """Build the environments of the stack that runs now.

    Raises:
        Refusal: the settings cannot be used, or nothing runs.
    """
    settings = load_settings()
    paths = Paths(settings.meridian_home.resolve())
    if running_supervisor(paths) is None:
        raise Refusal("Meridian does not run here: start it with `make up`, then try again.")
    return Environments(settings, paths, load_credentials(paths), service_overrides())


def republish(arguments: Sequence[str]) -> int:
    """Send messages again from the outboxes; inboxes drop what had arrived.

    Raises:
        Refusal: no moment was given, or nothing runs.
    """
    parser = argparse.ArgumentParser(prog="republish", description=republish.__doc__)
    parser.add_argument("--since", nargs="?", help="such as 2026-01-31T12:00:00Z")
    parser.add_argument("--service", choices=SERVICES)
    options = parser.parse_args(arguments)
    if not options.since:
        raise Refusal("Say since when: make republish since=2026-01-31T12:00:00Z")
    chosen = ("--service", options.service) if options.service else ()
    command = ("libs.messaging", "republish", "--since", options.since, *chosen)
    return run_tool(command, running_environments().messaging_tools())


def dead_letters(arguments: Sequence[str]) -> int:
    """List the dead letters of every queue and what was given up in every inbox, or have one queue's try again."""
    parser = argparse.ArgumentParser(prog="dead-letters", description=dead_letters.__doc__)
    one = parser.add_mutually_exclusive_group()
    one.add_argument("--redrive", metavar="QUEUE", help="send its dead letters back to it")
    one.add_argument("--revive", metavar="QUEUE", help="run what was given up in its inbox again")
    options = parser.parse_args(arguments)
    verb: tuple[str, ...] = ("list",)
    if options.redrive:
        verb = ("redrive", options.redrive)
    elif options.revive:
        verb = ("revive", options.revive)
    return run_tool(("libs.messaging", "dlq", *verb), running_environments().messaging_tools())


def migration(arguments: Sequence[str]) -> int:
    """Draft a service's next migration from the difference between its models and the running database.

    Raises:
        Refusal: the service or the message is missing, or nothing runs.
    """
    parser = argparse.ArgumentParser(prog="migration", description=migration.__doc__)
    parser.add_argument("--service", nargs="?")
    parser.add_argument("--message", nargs="?")
    options = parser.parse_args(arguments)
    if options.service not in SERVICES or not options.message:
        raise Refusal(
            f'Name one of {", ".join(SERVICES)} and say what changes: make migration s=order m="add gift note"'
        )
    command = ("libs.database", "migration", "--service", options.service)
    return run_tool(
        (*command, "--message", options.message), running_environments().database_tools()
    )


def reconcile(arguments: Sequence[str]) -> int:
    """Compare a UTC day with the payment provider's book now; what differs becomes a case.

    Raises:
        Refusal: no day was given, or nothing runs.
    """
    parser = argparse.ArgumentParser(prog="reconcile", description=reconcile.__doc__)
    parser.add_argument("--day", nargs="?", help="such as 2026-01-31")
    options = parser.parse_args(arguments)
    if not options.day:
        raise Refusal("Say which day: make reconcile day=2026-01-31")
    environment = running_environments().service("payment", role="worker", port=0)
    return run_tool(("services.payment.cli", "reconcile", "--day", options.day), environment)


def erasures(arguments: Sequence[str]) -> int:
    """List the erasures that are not finished; `--push ID` or `--push all` has them tried now.

    Raises:
        Refusal: nothing runs.
    """
    parser = argparse.ArgumentParser(prog="erasures", description=erasures.__doc__)
    parser.add_argument("--push", metavar="ID")
    options = parser.parse_args(arguments)
    push = ("--push", options.push) if options.push else ()
    environment = running_environments().service("user", role="worker", port=0)
    return run_tool(("services.user.cli", "erasures", *push), environment)


def audit(arguments: Sequence[str]) -> int:
    """Compute every seal of the audit logs again and compare; `--anchor order=HEAD` names a head published before.

    Raises:
        Refusal: nothing runs.
    """
    parser = argparse.ArgumentParser(prog="audit", description=audit.__doc__)
    parser.add_argument("--anchor", metavar="SERVICE=HEAD")
    options = parser.parse_args(arguments)
    anchor = ("--anchor", options.anchor) if options.anchor else ()
    return run_tool(("libs.audit", "verify", *anchor), running_environments().messaging_tools())


def signing_keys(arguments: Sequence[str]) -> int:
    """Show, rotate, revoke or rewrap the keys access tokens are signed with.

    Raises:
        Refusal: nothing runs.
    """
    verb, *rest = arguments or ["list-keys"]
    environment = running_environments().service("auth", role="worker", port=0)
    return run_tool(("services.auth.cli", verb, *rest), environment)


def run_tool(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a module with its arguments, on this terminal; return its exit status."""
    arguments = [sys.executable, "-m", *command]
    return subprocess.run(arguments, env=environment, cwd=ROOT, check=False).returncode
