"""How an erasure goes: from the wish to be forgotten to the receipt. There is no way back and no pause for grace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from libs.topology import SERVICES

_FIRST_PAUSE_SECONDS: Final = 5.0
_LONGEST_PAUSE_SECONDS: Final = 300.0
_DOUBLINGS: Final = 10

OTHERS: Final = tuple(service for service in SERVICES if service != "user")
"""Who has to answer before a person counts as forgotten."""


class ErasureState(StrEnum):
    """Where an erasure stands.

    `requested`: the account is being closed. `held`: something is still owed to the person or by them, so nothing is
    removed yet. `running`: every service was asked. `completed`: every service has answered.
    """

    REQUESTED = "requested"
    HELD = "held"
    RUNNING = "running"
    COMPLETED = "completed"


@dataclass(frozen=True)
class Answer:
    """What one service has said, or None for `answered_at` while it has not."""

    service: str
    answered_at: datetime | None
    removed: int
    retained_until: date | None


def is_complete(answers: Sequence[Answer]) -> bool:
    """Tell whether every service has answered."""
    answered = {answer.service for answer in answers if answer.answered_at is not None}
    return answered >= set(SERVICES)


def pause_seconds(checks: int) -> float:
    """Return how long to wait before an erasure is looked at again: twice as long each time, five minutes at most."""
    doubled = _FIRST_PAUSE_SECONDS * float(2 ** min(checks, _DOUBLINGS))
    return min(doubled, _LONGEST_PAUSE_SECONDS)


def why_held(open_orders: int) -> str | None:
    """Say in words why nothing can be removed yet, or None when nothing stands against it."""
    if open_orders == 0:
        return None
    orders = "1 order is" if open_orders == 1 else f"{open_orders} orders are"
    return f"{orders} not finished: everything is removed when the goods have arrived or were cancelled."


def receipt_claims(
    erasure_id: str, requested_at: datetime, completed_at: datetime, answers: Sequence[Answer]
) -> Mapping[str, object]:
    """Return what a receipt says; nothing in it tells whose it is."""
    return {
        "iss": "user",
        "sub": erasure_id,
        "iat": int(completed_at.timestamp()),
        "requested_at": requested_at.isoformat(),
        "completed_at": completed_at.isoformat(),
        "services": [
            {
                "service": answer.service,
                "removed": answer.removed,
                "retained_until": answer.retained_until and answer.retained_until.isoformat(),
            }
            for answer in sorted(answers, key=lambda one: one.service)
        ],
    }
