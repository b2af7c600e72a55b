"""Small runs, each made for a kind of bug: few checkouts of the right sort, and the faults the bug needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from torture.faults import Act, Fault
from torture.plan import LOST, Ending, Extent, Habits, Kind, Plan, Sending, make_plan


@dataclass(frozen=True)
class Drill:
    """A run without the draw of faults; all its parameters are written down.

    Attributes:
        duplicates: share of messages that come twice.
        settings: what every service finds in its environment besides.
        quiet_seconds: how long to wait for quiet; a mutant may never come to rest.
    """

    name: str
    checkouts: int
    clients: int
    habits: Habits
    faults: tuple[Fault, ...] = ()
    duplicates: float = 0.02
    settings: Mapping[str, str] = field(default_factory=dict)
    quiet_seconds: float = 45.0

    def plan(self, seed: int) -> Plan:
        """Draw the drill's plan."""
        extent = Extent(seed, self.checkouts, 0, self.clients)
        return make_plan(extent, split=False, habits=self.habits, faults=self.faults)


_USUAL: Final = ((0, 3), (5, 1))

CUSTOMERS: Final = Drill(
    "odd customers",
    checkouts=32,
    clients=8,
    habits=Habits(
        methods=(
            ("tok_ok", 4),
            ("tok_slow", 2),
            *((token, 1) for token in LOST if "charge" in token),
        ),
        sendings=((Sending.ONCE, 1), (Sending.TWICE, 2), (Sending.TWO_KEYS, 2)),
        endings=((Ending.KEPT, 2), (Ending.CANCELLED_AT_ONCE, 3), (Ending.REFUND_RACE, 3)),
        kinds=((Kind.PLENTY, 3), (Kind.SCARCE, 2)),
        waits=_USUAL,
    ),
)
"""Nothing breaks; customers and staff do everything at once, and the provider loses answers."""

CRASHES: Final = Drill(
    "crashes",
    checkouts=48,
    clients=8,
    habits=Habits(
        methods=(("tok_ok", 1), ("tok_slow", 2)),
        sendings=((Sending.ONCE, 1),),
        endings=((Ending.KEPT, 4), (Ending.CANCELLED_AT_ONCE, 1)),
        kinds=((Kind.PLENTY, 1),),
        waits=_USUAL,
    ),
    faults=(
        Fault(6, Act.KILL, "order"),
        Fault(10, Act.CRASH_BACKEND, "postgres"),
        # What the broker forgets is sent again, and heals what was lost before: the others come after it.
        Fault(14, Act.KILL, "ministack"),
        Fault(22, Act.KILL, "payment"),
        Fault(26, Act.KILL, "order"),
        Fault(31, Act.KILL, "payment"),
        Fault(36, Act.CRASH_BACKEND, "postgres"),
        Fault(40, Act.KILL, "payment"),
    ),
    quiet_seconds=100.0,
)
"""Processes, database and broker die while orders go through whose provider takes its time."""

REPEATS: Final = Drill(
    "repeats",
    checkouts=32,
    clients=6,
    habits=Habits(
        methods=(("tok_ok", 1),),
        sendings=((Sending.ONCE, 1),),
        endings=((Ending.KEPT, 1), (Ending.CANCELLED_AT_ONCE, 1), (Ending.CANCELLED_LATER, 2)),
        kinds=((Kind.PLENTY, 1),),
        waits=((0, 1),),
    ),
    faults=(Fault(8, Act.PAUSE, "product", 4.0), Fault(20, Act.PAUSE, "product", 4.0)),
    duplicates=0.25,
    settings={"RESEND_SECONDS": "0.5", "SWEEP_SECONDS": "0.5"},
)
"""The broker repeats itself, and order asks again before product could answer."""
