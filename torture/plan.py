"""Decides a whole run from its seed: who buys what, how it is paid and ended, and what breaks after which checkout.

The same seed gives the same plan, byte for byte. Processes and networks interleave as they like, so two runs of one
plan need not take the same course.
"""

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from torture.faults import Fault, schedule

T = TypeVar("T")

_BUCKETS: Final = 4

HAPPY: Final = ("tok_ok", "tok_duplicate_webhook", "tok_late_webhook", "tok_slow")
CHALLENGED: Final = "tok_3ds_required"
REFUSED: Final = ("tok_decline", "tok_insufficient_funds")
LOST: Final = (
    "tok_timeout_after_charge", "tok_timeout_after_capture", "tok_timeout_after_void",
    "tok_timeout_after_refund", "tok_error_after_charge", "tok_error_after_capture",
    "tok_error_after_void", "tok_error_after_refund",
)  # fmt: skip
"""Tokens by what the provider does with them; see `simulator/rules.py`."""


class Kind(StrEnum):
    """How much of a SKU there is, and how many want it."""

    PLENTY = "plenty"
    HOT = "hot"
    SCARCE = "scarce"


class Sending(StrEnum):
    """How an order is sent."""

    ONCE = "once"
    TWICE = "twice"
    """Two requests with one key at the same time."""
    TWO_KEYS = "two_keys"
    """Two requests for one cart with a key each."""


class Ending(StrEnum):
    """What is done to an order after it was placed."""

    KEPT = "kept"
    CANCELLED_AT_ONCE = "cancelled_at_once"
    CANCELLED_LATER = "cancelled_later"
    PIECE_CANCELLED = "piece_cancelled"
    SHIPPED = "shipped"
    SHIPPED_IN_PARTS = "shipped_in_parts"
    RETURNED = "returned"
    """Shipped, and a piece came back that can be sold again."""
    REFUNDED = "refunded"
    PARTLY_REFUNDED = "partly_refunded"
    REFUND_RACE = "refund_race"
    """Two members of staff refund on condition of the same version; one of them must be told to look again."""


class Bank(StrEnum):
    """What a customer says on the bank's page, when the payment needs them (3-D Secure)."""

    CONFIRM = "confirm"
    REFUSE = "refuse"
    NEVER = "never"


@dataclass(frozen=True)
class Sku:
    """A product of the run: how many pieces there are at first, and in how many buckets; 0 is one plain row."""

    sku: str
    kind: Kind
    pieces: int
    buckets: int = 0


@dataclass(frozen=True)
class Checkout:
    """One customer's way through the shop; `wait` is what `Prefer: wait=` asks for, 0 for polling."""

    number: int
    customer: int
    lines: tuple[tuple[str, int], ...]
    method: str
    sending: Sending
    ending: Ending
    bank: Bank
    wait: int


@dataclass(frozen=True)
class Restock:
    """Staff book pieces in after a checkout, the request sent `times` times under one key."""

    after: int
    sku: str
    quantity: int
    times: int


@dataclass(frozen=True)
class Extent:
    """What a run is asked for: how much of everything."""

    seed: int
    checkouts: int
    kills: int
    clients: int


@dataclass(frozen=True)
class Habits:
    """How often customers do what; weights, not percentages. A drill for one fault narrows them."""

    methods: tuple[tuple[str, int], ...] = (
        *((token, 12) for token in HAPPY),
        *((token, 3) for token in REFUSED),
        (CHALLENGED, 6),
        *((token, 1) for token in LOST),
    )
    sendings: tuple[tuple[Sending, int], ...] = (
        (Sending.ONCE, 80),
        (Sending.TWICE, 14),
        (Sending.TWO_KEYS, 6),
    )
    endings: tuple[tuple[Ending, int], ...] = (
        (Ending.KEPT, 45),
        (Ending.CANCELLED_AT_ONCE, 9),
        (Ending.CANCELLED_LATER, 8),
        (Ending.PIECE_CANCELLED, 6),
        (Ending.SHIPPED, 6),
        (Ending.SHIPPED_IN_PARTS, 6),
        (Ending.RETURNED, 6),
        (Ending.REFUNDED, 5),
        (Ending.PARTLY_REFUNDED, 6),
        (Ending.REFUND_RACE, 5),
    )
    kinds: tuple[tuple[Kind, int], ...] = ((Kind.PLENTY, 8), (Kind.HOT, 5), (Kind.SCARCE, 2))
    waits: tuple[tuple[int, int], ...] = ((0, 4), (5, 5), (10, 1))


@dataclass(frozen=True)
class Plan:
    """Everything a run will do."""

    extent: Extent
    customers: int
    skus: tuple[Sku, ...]
    checkouts: tuple[Checkout, ...]
    restocks: tuple[Restock, ...]
    faults: tuple[Fault, ...]


def make_plan(
    extent: Extent,
    *,
    split: bool,
    habits: Habits | None = None,
    faults: tuple[Fault, ...] | None = None,
) -> Plan:
    """Draw a plan; `faults` replaces the drawn ones, for drills that need certain ones."""
    draw = random.Random(extent.seed)  # noqa: S311 - a plan must be drawn again, not kept secret
    habits = habits or Habits()
    skus = _skus(extent)
    customers = max(2 * extent.clients, extent.checkouts // 12)
    checkouts = tuple(
        _checkout(draw, number, customers, skus, habits) for number in range(extent.checkouts)
    )
    restocks = tuple(_restocks(draw, extent, skus))
    drawn = schedule(draw, checkouts=extent.checkouts, kills=extent.kills, split=split)
    return Plan(extent, customers, skus, checkouts, restocks, drawn if faults is None else faults)


def _skus(extent: Extent) -> tuple[Sku, ...]:
    few = max(4, extent.checkouts // 40)
    kinds = [
        (Kind.PLENTY, 8, 20 * extent.checkouts),
        (Kind.HOT, 2, 10 * extent.checkouts),
        (Kind.SCARCE, 4, few),
    ]
    return tuple(
        Sku(f"TORTURE-{kind.upper()}-{number}", kind, pieces, _buckets(kind, number))
        for kind, count, pieces in kinds
        for number in range(1, count + 1)
    )


def _buckets(kind: Kind, number: int) -> int:
    """Spread what is hot, and every other of the scarce: the last piece must be found in either way of keeping."""
    spread = kind is Kind.HOT or (kind is Kind.SCARCE and number % 2 == 0)
    return _BUCKETS if spread else 0


def _checkout(
    draw: random.Random, number: int, customers: int, skus: tuple[Sku, ...], habits: Habits
) -> Checkout:
    wanted = {
        _sku(draw, skus, habits): draw.choice((1, 1, 1, 2, 3)) for _ in range(draw.randint(1, 3))
    }
    return Checkout(
        number=number,
        customer=number % customers,
        lines=tuple(wanted.items()),
        method=_weighted(draw, habits.methods),
        sending=_weighted(draw, habits.sendings),
        ending=_weighted(draw, habits.endings),
        bank=_weighted(draw, ((Bank.CONFIRM, 6), (Bank.REFUSE, 1), (Bank.NEVER, 1))),
        wait=_weighted(draw, habits.waits),
    )


def _sku(draw: random.Random, skus: tuple[Sku, ...], habits: Habits) -> str:
    kind = _weighted(draw, habits.kinds)
    return draw.choice([sku.sku for sku in skus if sku.kind is kind])


def _restocks(draw: random.Random, extent: Extent, skus: tuple[Sku, ...]) -> list[Restock]:
    hot = [sku.sku for sku in skus if sku.kind is Kind.HOT]
    return [
        Restock(after, draw.choice(hot), draw.randint(1, 20), draw.randint(1, 3))
        for after in range(5, extent.checkouts, 20)
    ]


def _weighted(draw: random.Random, choices: tuple[tuple[T, int], ...]) -> T:
    return draw.choices([one for one, _ in choices], [weight for _, weight in choices])[0]
