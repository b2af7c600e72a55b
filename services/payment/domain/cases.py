"""Cases: differences somebody has to work, and the runs that find them."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from services.payment.domain.reconciliation import Kind


class CaseStatus(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"


class Source(StrEnum):
    """Who found the difference. Only the daily comparison closes what it finds healed."""

    RECONCILIATION = "reconciliation"
    WEBHOOK = "webhook"


class Change(StrEnum):
    """What happened to a case."""

    OPENED = "opened"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    HEALED = "healed"
    REOPENED = "reopened"


class RunState(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CaseChange:
    """One line of a case's history; never changed."""

    change: Change
    actor: str
    owner: str | None
    note: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """A difference between the books as it was when it was found, and who works on it."""

    id: str
    provider: str
    kind: Kind
    source: Source
    subject: str
    day: date
    payment_id: str | None
    order_id: str | None
    provider_reference: str | None
    ours: str
    theirs: str
    status: CaseStatus
    owner: str | None
    note: str | None
    version: int
    opened_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """How much a run compared, and what came of it."""

    charges: int = 0
    refunds: int = 0
    payments: int = 0
    breaks: int = 0
    opened: int = 0
    healed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One comparison of a day."""

    id: str
    provider: str
    day: date
    state: RunState
    started_at: datetime
    finished_at: datetime | None
    tally: Tally
    error: str | None


@dataclass(frozen=True, slots=True)
class OpenCases:
    """How many cases of a kind wait for somebody, and since how many seconds the oldest."""

    kind: Kind
    count: int
    oldest_seconds: float
