"""Makes a projection anew on the running stack: the three commands that do it in production, one after the other."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from local.environments import Environments
from local.refusal import Refusal
from local.settings import ROOT
from local.tools import running_environments

PROJECTIONS: Final = {"cart": "product"}
"""Who keeps a projection, and who tells it."""


def rebuild(arguments: Sequence[str]) -> int:
    """Have the publisher tell everything once more and show the projection's checksum before and after.

    Raises:
        Refusal: nothing runs, or one of the commands failed.
    """
    parser = argparse.ArgumentParser(prog="rebuild", description=rebuild.__doc__)
    parser.add_argument("--projection", choices=PROJECTIONS, default="cart")
    keeper: str = parser.parse_args(arguments).projection
    environments = running_environments()
    before = _run(environments, keeper, "checksum")
    sys.stdout.write(f"before: {before}\n")
    since = _run(environments, keeper, "rebuild-begin")
    told = environments.paths.run / "announced.txt"
    try:
        with told.open("w", encoding="utf-8") as target:
            _run(environments, PROJECTIONS[keeper], "announce", output=target)
        with told.open(encoding="utf-8") as source:
            done = _run(environments, keeper, "rebuild-finish", "--since", since, given=source)
    finally:
        told.unlink(missing_ok=True)
    after = _run(environments, keeper, "checksum")
    verdict = (
        "the same" if after == before else "it was incomplete, wrong, or has changed meanwhile"
    )
    sys.stdout.write(f"{done}\nafter:  {after}\n{verdict}\n")
    return 0


def _run(
    environments: Environments,
    service: str,
    *command: str,
    given: IO[str] | None = None,
    output: IO[str] | None = None,
) -> str:
    port = environments.settings.port(service)
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}.cli", *command],
        env=environments.service(service, role="api", port=port),
        cwd=Path(ROOT),
        stdin=given or subprocess.DEVNULL,
        stdout=output or subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refusal(f"{service}'s {command[0]} failed; what it said is above.")
    return (done.stdout or "").strip()
