"""The yardstick for writes: the statements of one placed order run by pgbench, on a copy of the same database."""

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.stack import Site
from libs.topology import DATABASE_NAME
from local.binaries import postgres_program
from local.postgres import SUPERUSER

COPY: Final = "bench"
"""A database beside the shop's: rows written by pgbench must not reach the workers."""

QUIET: Final = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null")
"""How psql runs a script: strictly and silently."""

_HERE: Final = Path(__file__).parent
_TPS: Final = re.compile(r"^tps = ([0-9.]+) ", re.MULTILINE)
_FAILED: Final = re.compile(r"number of failed transactions: (\d+)")


class PgbenchFailed(Exception):
    """A PostgreSQL program failed; the message quotes its last words."""


@dataclass(frozen=True)
class Yardstick:
    """Runs pgbench against the copy."""

    site: Site

    async def prepare(self) -> None:
        """Copy the shop's database and add the customers of `order.sql`."""
        await self.copy(COPY, _HERE / "order_setup.sql")

    async def copy(self, name: str, *scripts: Path) -> None:
        """Make a database with the shop's tables, indexes and rows, and run scripts in it.

        Raises:
            PgbenchFailed: a program failed.
        """
        async with asyncio.timeout(60):
            await self.run("createdb", name)
            dump = await self.run("pg_dump", "--format=plain", DATABASE_NAME)
            await self.run("psql", *QUIET, name, text=dump)
            for script in scripts:
                await self.run("psql", *QUIET, "--file", str(script), name)
            await self.run("psql", *QUIET, "--command", "VACUUM ANALYZE", name)

    async def orders_per_second(self, *, run: int, clients: int, seconds: int) -> float:
        """Place orders for some seconds and return how many per second.

        `run` keeps the ids of one call apart from those of another.

        Raises:
            PgbenchFailed: a statement failed.
        """
        output = await self.run(
            "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1"),
            *(f"--time={seconds}", f"--define=run={run}", "--define=n=0"),
            f"--file={_HERE / 'order.sql'}",
            COPY,
        )
        return transactions_per_second(output)

    async def run(self, program: str, *arguments: str, text: str = "", options: str = "") -> str:
        """Run one of PostgreSQL's programs, with `options` for its sessions; returns what it printed.

        Raises:
            PgbenchFailed: it failed.
        """
        process = await asyncio.create_subprocess_exec(
            str(postgres_program(program)),
            *arguments,
            env={**self._environment(), "PGOPTIONS": options},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            output, errors = await process.communicate(text.encode())
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise PgbenchFailed(f"{program}: {errors.decode(errors='replace')[-500:]}")
        return output.decode()

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.site.settings.port("postgres")),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self.site.credentials.postgres,
        }


def transactions_per_second(output: str) -> float:
    """Read the figure out of what pgbench printed.

    Raises:
        PgbenchFailed: there is none, or some transactions failed.
    """
    found, failed = _TPS.search(output), _FAILED.search(output)
    if found is None or (failed is not None and int(failed[1])):
        raise PgbenchFailed(f"pgbench: {output[-500:]}")
    return float(found[1])
