"""Records who was refused what, so that no flood of refusals can fill the disk.

The first refusal of a kind is an entry of its own; its repetitions in the same window are counted and become one more.
What would be more kinds than a window has room for is counted together. Strangers' refusals, failed proofs of who
somebody is, and refusals of callers who are known have room of their own, and none of it is for one address alone: junk
hides nothing. A process therefore writes at most `6 * MOST_KINDS + 2` entries per window, whatever it is sent. Refusals
wait in memory for up to a second, because a refusal must be answered while the database is away: a process that is
killed loses that second's.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from libs.audit.log import ANONYMOUS, AuditLog, Detail
from libs.audit.origin import coming_from
from libs.database.session import Database
from libs.observability.context import bind
from libs.observability.logging import get_logger

WINDOW_SECONDS: Final = 60.0
MOST_KINDS: Final = 50
MOST_OF_ONE_ORIGIN: Final = 10
FLUSH_SECONDS: Final = 1.0

_ACCESS: Final = "access.refused"
_MOST_WAITING: Final = 60 * MOST_KINDS

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What makes two refusals the same: who was refused what, why, and from where.

    `subject` is the operation, or the id of the account somebody failed to log in to.
    """

    subject: str
    code: str
    status: int = 0
    action: str = _ACCESS
    actor: str = ANONYMOUS
    origin: str | None = None

    @property
    def room(self) -> str:
        """Whose room of a window it takes: that of strangers, of proofs that failed, or of known callers."""
        if self.action != _ACCESS:
            return "proofs"
        return "strangers" if self.actor == ANONYMOUS else "known"


OTHERS: Final = Refusal("others", "too_many_kinds")
"""Stands for all refusals beyond the kinds a window has room for."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    refusal: Refusal
    request_id: str | None = None
    repeats: int = 0


class Refusals:
    """The refusals of one process."""

    def __init__(
        self,
        database: Database,
        *,
        window_seconds: float = WINDOW_SECONDS,
        most_kinds: int = MOST_KINDS,
    ) -> None:
        self._database = database
        self._window_seconds = window_seconds
        self._most_kinds = most_kinds
        self._seen: Counter[Refusal] = Counter()
        self._taken: Counter[tuple[str, ...]] = Counter()
        self._waiting: list[_Waiting] = []

    def note(self, refusal: Refusal, request_id: str | None = None) -> None:
        """Remember a refusal; it is written within a second. Never waits and never fails."""
        if refusal not in self._seen and not self._takes_room(refusal):
            refusal, request_id = OTHERS, None
        if refusal not in self._seen:
            self._keep(_Waiting(refusal, request_id))
        self._seen[refusal] += 1

    async def run(self, stopping: asyncio.Event) -> None:
        """Write what was noted, every second, until `stopping` is set; then write the rest."""
        clock = asyncio.get_running_loop().time
        window_ends = clock() + self._window_seconds
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await stopping.wait()
            if clock() >= window_ends:
                self.end_window()
                window_ends = clock() + self._window_seconds
            await self._flush_or_keep()
        self.end_window()
        await self._flush_or_keep()

    def end_window(self) -> None:
        """Turn repetitions into entries, and see every kind as new from now on."""
        for refusal, times in self._seen.items():
            if times > 1:
                self._keep(_Waiting(refusal, repeats=times - 1))
        self._seen.clear()
        self._taken.clear()

    async def flush(self) -> None:
        """Write what was noted so far, in one transaction.

        Raises:
            Exception: the database did not take it; it is kept for the next time.
        """
        written = list(self._waiting)
        if not written:
            return
        async with self._database.transaction(last_words=True) as session:
            audit = AuditLog(session)
            for one in written:
                await _record(audit, one)
        del self._waiting[: len(written)]

    def _takes_room(self, refusal: Refusal) -> bool:
        room, origin = (refusal.room,), (refusal.room, refusal.origin or "")
        if self._taken[room] >= self._most_kinds or self._taken[origin] >= MOST_OF_ONE_ORIGIN:
            return False
        self._taken.update((room, origin))
        return True

    def _keep(self, waiting: _Waiting) -> None:
        """Keep it until it is written; while the database is away for many windows, only the first of them."""
        if len(self._waiting) < _MOST_WAITING:
            self._waiting.append(waiting)
        else:
            log.warning("refusal_not_kept", subject=waiting.refusal.subject)

    async def _flush_or_keep(self) -> None:
        try:
            await self.flush()
        except Exception:  # the log of refusals must not end because the database is away
            log.exception("refusals_not_recorded", waiting=len(self._waiting))


async def _record(audit: AuditLog, waiting: _Waiting) -> None:
    refusal = waiting.refusal
    told: dict[str, Detail] = {"code": refusal.code}
    if refusal.status:
        told["status"] = refusal.status
    if waiting.repeats:
        told["repeats"] = waiting.repeats
    with bind(correlation_id=waiting.request_id), coming_from(refusal.origin):
        await audit.record(refusal.action, refusal.actor, refusal.subject, "refused", **told)
