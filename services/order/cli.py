"""`python -m services.order.cli audit` computes every total, tax and refund again from the stored rows alone."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from typing import Final

from libs.database.session import Database
from libs.privacy.columns import attach
from libs.privacy.keys import DataKeys
from libs.security.master_key import open_master_key
from libs.settings import read_settings
from services.order.service.audit import Audited, audit
from services.order.settings import AuditSettings, OrderSettings

EXIT_FOUND: Final = 1


def main(arguments: Sequence[str]) -> int:
    """Run the command; 0 when everything adds up, 1 when something does not."""
    parser = argparse.ArgumentParser(prog="order", description=__doc__)
    parser.add_argument("command", choices=["audit"])
    parser.parse_args(arguments)
    audited = asyncio.run(_audit(read_settings(AuditSettings)))
    for one in audited.discrepancies:
        sys.stdout.write(f"{one}\n")
    sys.stdout.write(f"{audited.orders} orders, {len(audited.discrepancies)} discrepancies\n")
    return EXIT_FOUND if audited.discrepancies else 0


async def _audit(settings: AuditSettings) -> Audited:
    database = Database(
        settings.database_url.get_secret_value(),
        application_name="order-audit",
        ca_file=settings.database_ca_file,
    )
    try:
        async with open_master_key(settings) as master_key:
            attach(database, DataKeys(database, master_key, OrderSettings.service))
            return await audit(database)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
