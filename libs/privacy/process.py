"""Keeps the data keys of a running process current."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from libs.database.session import Database
from libs.observability.logging import get_logger
from libs.privacy.columns import attach
from libs.privacy.keys import REFRESH_SECONDS, DataKeys
from libs.security.master_key import MasterKey, WrappedElsewhere

_log = get_logger(__name__)


@asynccontextmanager
async def kept_fresh(
    database: Database, master_key: MasterKey, service: str
) -> AsyncIterator[DataKeys]:
    """Read the service's data keys, and again while the process runs; the database's columns use them.

    Without a database or a key service the process starts all the same, and reads them before its first transaction.

    Raises:
        WrappedElsewhere: `MASTER_KEY` does not open them: nothing personal could be read.
    """
    keys = DataKeys(database, master_key, service)
    attach(database, keys)
    try:
        await keys.ready()
    except WrappedElsewhere:
        raise
    except Exception as error:  # noqa: BLE001 - whatever is away may come back
        _log.warning("data_keys_not_read_yet", reason=type(error).__name__)
    reading = asyncio.create_task(_read_again(keys))
    try:
        yield keys
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading


async def _read_again(keys: DataKeys) -> None:
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        try:
            await keys.refresh()
        except Exception as error:  # noqa: BLE001 - the next reading may do better
            _log.warning("data_keys_not_read_yet", reason=type(error).__name__)
