"""A relay as a process of its own, to be killed: `python -m tests.libs.messaging.relay_process DSN ENDPOINT PREFIX`."""

import asyncio
import sys

from libs.database.session import Database
from libs.messaging.broker import open_broker
from libs.messaging.relay import Relay


async def main(dsn: str, endpoint_url: str, prefix: str) -> None:
    database = Database(dsn, application_name="relay-process", pool_size=2)
    async with open_broker(region="us-east-1", endpoint_url=endpoint_url, prefix=prefix) as broker:
        await Relay(database, broker, asyncio.Event()).run(asyncio.Event())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
