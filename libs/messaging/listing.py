"""What the command line says about messages that wait for a person."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from libs.messaging.dead_letters import DeadLetters
from libs.messaging.inbox import GivenUp


def lines_of_dead_letters(letters: Sequence[DeadLetters]) -> Iterator[str]:
    """Tell what lies in each queue's dead letters."""
    yield "Dead letters: handlers failed on them as often as the queue allows."
    for one in letters:
        types = ", ".join(sorted(one.types))
        oldest = f"  oldest {_minute(one.oldest)}  {types}" if one.count else ""
        yield f"{one.count:8}  {one.queue}{oldest}"
    yield from _advice("redrive", [one.queue for one in letters if one.count])


def lines_of_given_up(given_up: Mapping[str, Sequence[GivenUp]]) -> Iterator[str]:
    """Tell what was given up in the inbox behind each queue."""
    yield "Given up: they came too early, and what they wait for did not happen."
    for queue, types in given_up.items():
        yield f"{sum(one.count for one in types):8}  {queue}"
        for one in types:
            yield (
                f"{one.count:12}  {one.type}  oldest {_minute(one.oldest)}"
                f"  waiting for {one.waiting_for}"
            )
    yield from _advice("revive", [queue for queue, types in given_up.items() if types])


def _advice(verb: str, queues: Sequence[str]) -> Iterator[str]:
    for queue in queues:
        yield f"Once the cause is mended: make dead-letters {verb}={queue}"


def _minute(moment: datetime | None) -> str:
    return "unknown" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
