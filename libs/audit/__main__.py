"""The audit log from the command line: `python -m libs.audit verify [--service order] [--anchor order=NUMBER:DIGEST]`.

Read from the environment: DATABASE_URL_ORDER and so on, of any role that may read the tables, and DATABASE_CA_FILE.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from pydantic import SecretStr

from libs.audit.chain import Head
from libs.audit.verification import Verdict, verify
from libs.database.session import Database, Patience, is_unavailable
from libs.settings import DatabaseSettings, read_settings, with_secrets
from libs.topology import SERVICES

EXIT_TAMPERED: Final = 1
EXIT_FAILED: Final = 2
_PATIENCE: Final = Patience(statement=600)


class _Environment(DatabaseSettings):
    def database_url(self, service: str) -> str | None:
        value: SecretStr | None = getattr(self, f"database_url_{service}")
        return None if value is None else value.get_secret_value()


def main(arguments: Sequence[str]) -> int:
    """Verify, say what was found, and return 0 only if every log is as it was written."""
    options = _parser().parse_args(arguments)
    services = SERVICES if options.service == "all" else (options.service,)
    environment = _read_environment()
    missing = [one for one in services if environment.database_url(one) is None]
    if missing:
        names = ", ".join(f"DATABASE_URL_{one.upper()}" for one in missing)
        sys.stderr.write(f"set {names}, or name one service with --service\n")
        return EXIT_FAILED
    try:
        verdicts = asyncio.run(_verify(environment, services, _by_service(options.anchor)))
    except Exception as error:
        if not is_unavailable(error):
            raise
        sys.stderr.write(f"the database does not answer: {error}\n")
        return EXIT_FAILED
    sys.stdout.write("".join(f"{line}\n" for line in _told(verdicts)))
    return EXIT_TAMPERED if any(verdict.problems for verdict in verdicts.values()) else 0


def _by_service(anchors: Sequence[tuple[str, Head]]) -> dict[str, list[Head]]:
    """Sort published heads by the service whose chain they are of."""
    found: dict[str, list[Head]] = {}
    for service, head in anchors:
        found.setdefault(service, []).append(head)
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m libs.audit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("verify", help="compute every seal again and compare")
    command.add_argument("--service", default="all", choices=("all", *SERVICES))
    command.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=_anchor,
        help="SERVICE=HEAD: a head from a process's log (audit_sealed) that must still be there",
    )
    return parser


def _anchor(text: str) -> tuple[str, Head]:
    service, _, head = text.partition("=")
    try:
        parsed = Head.parse(head)
    except ValueError:
        parsed = None
    if service not in SERVICES or parsed is None:
        raise argparse.ArgumentTypeError("write it as order=NUMBER:DIGEST")
    return service, parsed


def _read_environment() -> _Environment:
    names = (f"database_url_{service}" for service in SERVICES)
    return read_settings(with_secrets(_Environment, names))


async def _verify(
    environment: _Environment, services: Sequence[str], anchors: dict[str, list[Head]]
) -> dict[str, Verdict]:
    verdicts: dict[str, Verdict] = {}
    for service in services:
        url = environment.database_url(service) or ""
        database = Database(
            url,
            application_name=f"{service}-audit",
            patience=_PATIENCE,
            ca_file=environment.database_ca_file,
        )
        try:
            verdicts[service] = await verify(database, anchors.get(service, ()))
        finally:
            await database.close()
    return verdicts


def _told(verdicts: dict[str, Verdict]) -> list[str]:
    lines: list[str] = []
    for service, verdict in verdicts.items():
        found = f"{len(verdict.problems)} problems" if verdict.problems else "as it was written"
        head = verdict.head.told() if verdict.head.number else "nothing sealed yet"
        begins = f"begins after {verdict.start.number}; " if verdict.start.number else ""
        lines.append(
            f"{service}: {found}; {begins}head {head}; {verdict.waiting} wait for their seal"
        )
        lines += [f"{service}: {problem}" for problem in verdict.problems]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
