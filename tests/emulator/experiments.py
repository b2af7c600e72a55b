"""All experiments, run side by side on queues of their own: together they take as long as the slowest."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from botocore.exceptions import ClientError

from libs.ids import uuid7
from libs.testing.scale import FULL
from tests.emulator import dead_letters, fifo, limits, topics, visibility
from tests.emulator.lab import Clients, Lab, open_clients
from tests.emulator.targets import Target

MORE_TRIES: Final = 2

Experiment = Callable[[Lab], Awaitable[None]]

SECTIONS: Final = {
    "Visibility": visibility.EXPERIMENTS,
    "FIFO queues": fifo.EXPERIMENTS,
    "Dead letters": dead_letters.EXPERIMENTS,
    "Topics": topics.EXPERIMENTS,
    "Limits": limits.EXPERIMENTS,
}
ALL: Final[dict[str, Experiment]] = {
    one.__name__: one for experiments in SECTIONS.values() for one in experiments
}
EXPERIMENTS: Final = {
    name: one
    for name, one in ALL.items()
    if FULL or one is not fifo.a_deduplication_id_is_forgotten_after_five_minutes
}
"""Those that are run: five minutes are for `make test scale=full`."""


async def run_all(target: Target, known: Collection[str]) -> dict[str, str | None]:
    """Run everything; the answer is, by experiment, None where the target does what AWS does, or what it did.

    What differs and is not `known` to differ is tried twice more by itself: seconds of visibility pass while a busy
    machine does something else, and that is nobody's difference.
    """
    async with open_clients(target.endpoint_url) as clients:
        answers = await asyncio.gather(*(_run(clients, target, name) for name in EXPERIMENTS))
        outcomes = dict(zip(EXPERIMENTS, answers, strict=True))
        for _ in range(MORE_TRIES):
            for name in [name for name, seen in outcomes.items() if seen and name not in known]:
                outcomes[name] = await _run(clients, target, name)
    return outcomes


async def _run(clients: Clients, target: Target, name: str) -> str | None:
    # SQS allows 80 characters; a number makes the name short and the id makes it new.
    number = list(EXPERIMENTS).index(name)
    prefix = f"meridian-contract-{uuid7().hex[:12]}{uuid7().hex[-6:]}-{number}"
    lab = Lab(clients, prefix, is_aws=target.name == "aws")
    try:
        await EXPERIMENTS[name](lab)
    except (AssertionError, ClientError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        await lab.close()
    return None
