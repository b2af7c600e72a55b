"""The table of addresses printed once everything runs."""

import contextlib
import sys

from libs.topology import SERVICES
from local.credentials import ADMIN_PASSWORD_FILE
from local.paths import Paths
from local.settings import StackSettings


def address_rows(settings: StackSettings, paths: Paths) -> list[tuple[str, str]]:
    """List what a developer may want to open, with its address."""
    rows = [("shop (gateway)", settings.issuer)]
    rows += [(f"{service} API documents", f"{settings.url(service)}/docs") for service in SERVICES]
    rows.append(("payment simulator", settings.url("simulator")))
    if settings.own_postgres:
        port = settings.port("postgres")
        rows.append(("PostgreSQL", f"postgresql://postgres@127.0.0.1:{port}/meridian"))
    if settings.own_valkey:
        rows.append(("Valkey", f"redis://127.0.0.1:{settings.port('valkey')}/0"))
    if settings.own_ministack:
        rows.append(("SNS, SQS (MiniStack)", settings.url("ministack")))
    rows.append(("administrator", settings.admin_email))
    rows.append(("  password in", str(paths.secrets / ADMIN_PASSWORD_FILE)))
    rows.append(("  code by", "make admin-code"))
    rows.append(("other passwords in", str(paths.secrets / "secrets.json")))
    rows.append(("logs in", str(paths.logs)))
    return rows


def address_table(settings: StackSettings, paths: Paths) -> None:
    """Print the table, every address whole, and what to type next."""
    rows = address_rows(settings, paths)
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {address}\n" for name, address in rows]
    lines.append("In another terminal: make demo | make status | make logs s=order | make down.\n")
    lines.append("Ctrl-C stops everything.\n")
    with contextlib.suppress(OSError):  # the terminal may be gone; the stack goes on
        sys.stdout.writelines(lines)
        sys.stdout.flush()
