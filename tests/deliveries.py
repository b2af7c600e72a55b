"""Delivers recorded messages once and in order, or as badly as a broker may: three times, shuffled, to two consumers.

Each service's `test_deliveries.py` gives every subject a twin. One hears its messages the good way, the other the bad
way, and both must look the same afterwards, in the service's tables and in what it told others.
"""

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import text

from libs.database.session import Database
from libs.messaging.envelope import Envelope
from libs.messaging.parking import ParkedMessages
from libs.messaging.processing import Processor

TIMES: Final = 3
WINDOW: Final = 50

_LOOKS: Final = 50
_UNCOMPARED: Final = re.compile(r"_at$|^id$|_id$|_sealed$|^cart_version$|^version$|^last_sequence$")
"""When a thing happened, what it is called and in how many steps (news that comes too late is none) may differ.

What is sealed never looks the same twice: who compares it opens it.
"""


async def deliver_well(processor: Processor, envelopes: Sequence[Envelope]) -> None:
    """Deliver everything once, in order."""
    for envelope in envelopes:
        await processor.process(envelope)
    await run_what_is_parked(processor)


async def deliver_badly(
    make: Callable[[], Processor], envelopes: Sequence[Envelope], seed: int, *, fifo: bool = False
) -> None:
    """Deliver everything three times in shuffled windows; a FIFO queue keeps each subject's order and reader."""
    deliveries = list(_shuffled(envelopes, seed, fifo=fifo))
    processors = [make(), make()]

    async def consume(processor: Processor, own: Sequence[Envelope]) -> None:
        for envelope in own:
            await processor.process(envelope)

    shares: dict[int, list[Envelope]] = defaultdict(list)
    for number, envelope in enumerate(deliveries):
        reader = sum(envelope.subject.encode()) if fifo else number
        shares[reader % len(processors)].append(envelope)
    await asyncio.gather(*(consume(processor, shares[n]) for n, processor in enumerate(processors)))
    await run_what_is_parked(processors[0])


async def run_what_is_parked(processor: Processor) -> None:
    """Run parked messages, as if time passed, until none is left."""
    parked = ParkedMessages(processor, attempts=_LOOKS + 20)
    for _ in range(_LOOKS):
        async with processor.database.transaction() as session:
            waiting = await session.execute(
                text(
                    "UPDATE inbox_messages SET retry_at = now() WHERE status = 'parked' RETURNING 1"
                )
            )
            if not waiting.all():
                return
        while await parked.run_due() == 0:
            continue
    raise AssertionError("some messages wait for what never comes")


async def rows_of(database: Database, query: str, **values: object) -> list[dict[str, object]]:
    """Read rows in a form that twins share: without names and times, in a stable order."""
    async with database.transaction() as session:
        found = await session.execute(text(f"SELECT to_jsonb(found) FROM ({query}) found"), values)  # noqa: S608 - a test's own
        rows = [
            {name: value for name, value in row.items() if not _UNCOMPARED.search(name)}
            for row in found.scalars()
        ]
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def _shuffled(envelopes: Sequence[Envelope], seed: int, *, fifo: bool) -> Iterator[Envelope]:
    chance = random.Random(seed)  # noqa: S311 - a shuffle to repeat
    repeated = [envelope for envelope in envelopes for _ in range(TIMES)]
    for start in range(0, len(repeated), WINDOW):
        window = repeated[start : start + WINDOW]
        in_order: dict[str, list[Envelope]] = defaultdict(list)
        for envelope in window:
            in_order[envelope.subject].append(envelope)
        chance.shuffle(window)
        for envelope in window:
            yield in_order[envelope.subject].pop(0) if fifo else envelope
