"""`make mail`: what the shop sent, read from the emulator; and the mails it gave up."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import httpx

from local.refusal import Refusal
from local.tools import run_tool, running_environments

_NOT_MINISTACK: Final = (
    "Mails can be read here only while MiniStack stands in for Amazon: they went to their readers."
)


def mail(arguments: Sequence[str]) -> int:
    """Print the last mails, oldest first; or list those that were given up, or have them tried again.

    Raises:
        Refusal: nothing runs, or no emulator keeps the mails.
    """
    parser = argparse.ArgumentParser(prog="mail", description=mail.__doc__)
    parser.add_argument("--to", help="only what went to this address")
    parser.add_argument("--number", type=int, default=5, help="how many")
    parser.add_argument("--stuck", choices=("list", "revive"), help="mails that were given up")
    options = parser.parse_args(arguments)
    environments = running_environments()
    if options.stuck:
        again = ("--revive",) if options.stuck == "revive" else ()
        environment = environments.service("user", role="worker", port=0)
        return run_tool(("services.user.cli", "mails", *again), environment)
    found = sent_mails(environments.settings.messaging_endpoint, options.to)
    for one in found[-options.number :]:
        sys.stdout.write(f"{told(one)}\n")
    if not found:
        sys.stdout.write("No mail yet. The worker of `user` sends: make logs s=user\n")
    return 0


def sent_mails(endpoint: str | None, to: str | None = None) -> list[dict[str, Any]]:
    """Return what MiniStack's SES was given, oldest first.

    Raises:
        Refusal: it is no MiniStack.
    """
    if endpoint is None:
        raise Refusal(_NOT_MINISTACK)
    try:
        answer = httpx.get(f"{endpoint}/_ministack/ses/messages", timeout=5, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Refusal(f"{_NOT_MINISTACK} ({endpoint}: {error})") from error
    mails = [one for account in answer.json()["messages"].values() for one in account]
    mails.sort(key=lambda one: float(one["Timestamp"]))
    return [one for one in mails if to is None or to in one["To"]]


def told(one: dict[str, Any]) -> str:
    """Return a mail as it would be read without pictures."""
    at = datetime.fromtimestamp(float(one["Timestamp"]), UTC)
    head = f"{at:%Y-%m-%d %H:%M:%S} UTC  {one['Source']} -> {', '.join(one['To'])}"
    return f"{head}\n{one['Subject']}\n\n{one['BodyText'].strip()}\n{'-' * 72}"
