"""Gathers everything the verdict is made of, once the shop is quiet."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg

from torture.checker.book import read_book
from torture.checker.broker import depths
from torture.checker.history import read_history
from torture.checker.records import Evidence
from torture.checker.shop import Shop


@dataclass(frozen=True)
class Sources:
    """Where a run left its traces.

    Attributes:
        history: the clients' file.
        book: the provider's file.
        database: the administrator's address of PostgreSQL.
        broker: the address of the SQS emulator.
        routing: the table of topics and queues, read as data.
    """

    history: Path
    book: Path
    database: str
    broker: str
    routing: Path


async def gather(sources: Sources, unquiet: list[str]) -> Evidence:
    """Read the history, the book, the databases and the dead-letter queues."""
    charges, refunds = read_book(sources.book)
    connection = await asyncpg.connect(sources.database)
    try:
        shop = Shop(connection, sources.routing)
        return Evidence(
            history=read_history(sources.history),
            orders=await shop.orders(),
            lines=await shop.lines(),
            steps=await shop.steps(),
            refunds=await shop.refunds(),
            payments=await shop.payments(),
            entries=await shop.entries(),
            charges=charges,
            provider_refunds=refunds,
            stock=await shop.stock(),
            reserved=await shop.reserved(),
            messages=await shop.messages(),
            received=await shop.received(),
            dead_letters=await depths(sources.broker, dead=True),
            unquiet=unquiet,
        )
    finally:
        await connection.close()
