"""The nemesis's schedule: which fault comes after how many checkouts. Pure: drawn from the seed, never from the clock."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SERVICES: Final = ("auth", "user", "product", "cart", "order", "payment")
BUSY: Final = ("order", "order", "product", "payment", "payment", "cart")
"""Killed more often than others: here money and stock are moved."""

_QUIET_START, _QUIET_END = 0.04, 0.92
"""No fault falls into the first and the last checkouts: the run must begin, and there must be work after the last."""


WIRES: Final = ("product", "cart", "user", "simulator", "broker")
TROUBLES: Final = ("slow", "drip", "reset", "blackhole", "refuse", "cut")
"""What the wires do; `torture/nemesis.py` says what each means to the proxy."""


class Act(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    """SIGKILL."""
    TERMINATE = "terminate"
    """SIGTERM: a clean stop in the middle of work."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT after `seconds`."""
    CRASH_BACKEND = "crash_backend"
    """SIGKILL to one PostgreSQL backend: the server ends all others and recovers."""
    CRASH_SERVER = "crash_server"
    """SIGQUIT to PostgreSQL: it ends at once without a checkpoint and is started again."""
    WIRE = "wire"
    """Trouble on the wire to `target` for `seconds`; `how` says which."""
    REPUBLISH = "republish"
    """Every message since the start is sent once more."""


@dataclass(frozen=True)
class Fault:
    """One fault, due when `after` checkouts have ended."""

    after: int
    act: Act
    target: str
    seconds: float = 0.0
    how: str = ""


def schedule(draw: random.Random, *, checkouts: int, kills: int, split: bool) -> tuple[Fault, ...]:
    """Draw the faults of a run: `kills` of processes, and of everything else in proportion."""
    targets = _bag(draw, _processes(split=split), kills)
    faults = [Fault(0, Act.KILL, target) for target in targets]
    faults += [Fault(0, act, "postgres") for act in _crashes(draw, kills)]
    faults += [Fault(0, Act.KILL, "valkey") for _ in range(_share(kills, 10))]
    faults += [Fault(0, Act.KILL, "ministack") for _ in range(_share(kills, 12))]
    for target in _bag(draw, _processes(split=split), _share(kills, 10)):
        faults.append(Fault(0, Act.PAUSE, target, draw.choice((1.0, 2.0, 4.0, 8.0))))
    for target in _bag(draw, _processes(split=split), _share(kills, 10)):
        faults.append(Fault(0, Act.TERMINATE, target))
    for wire in _bag(draw, list(WIRES), _share(kills, 5)):
        seconds = draw.choice((0.5, 1.0, 2.0, 4.0))
        faults.append(Fault(0, Act.WIRE, wire, seconds, draw.choice(TROUBLES)))
    faults += [Fault(0, Act.REPUBLISH, "") for _ in range(_share(kills, 25))]
    draw.shuffle(faults)
    return tuple(_spread(draw, faults, checkouts))


def _spread(draw: random.Random, faults: list[Fault], checkouts: int) -> Iterator[Fault]:
    first, last = _QUIET_START * checkouts, _QUIET_END * checkouts
    step = (last - first) / max(1, len(faults))
    for number, fault in enumerate(faults):
        after = int(first + step * (number + draw.random()))
        yield replace(fault, after=after)


def _processes(*, split: bool) -> list[str]:
    names = [*SERVICES, *BUSY, "gateway", "simulator"]
    workers = [f"{name}-worker" for name in (*SERVICES, *BUSY)] if split else []
    return names + workers


def _bag(draw: random.Random, names: list[str], count: int) -> list[str]:
    """Draw as from a bag that is filled again when it is empty, so that everybody has a turn."""
    drawn: list[str] = []
    while len(drawn) < count:
        drawn += draw.sample(names, len(names))
    return drawn[:count]


def _crashes(draw: random.Random, kills: int) -> list[Act]:
    return [draw.choice((Act.CRASH_BACKEND, Act.CRASH_SERVER)) for _ in range(_share(kills, 5))]


def _share(kills: int, every: int) -> int:
    return 0 if kills == 0 else max(1, kills // every)
