"""Writing the log: an entry commits with what it tells of, and takes no lock that another writer waits for."""

import json
import re
from typing import Final, Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.origin import origin_var
from libs.ids import uuid7
from libs.observability.context import correlation_id_var

Outcome = Literal["done", "refused", "failed"]
Detail = str | int | bool | None

ANONYMOUS: Final = "anonymous"
"""Nobody who introduced themselves."""

SYSTEM: Final = "system"
"""A timer, or what follows from a message."""

WITHHELD: Final = "withheld"
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/+={}-][A-Za-z0-9_.:/+={} -]{0,199}")

# One statement, for it is part of money's transactions.
_RECORD: Final = text("""
    WITH entry AS (
        INSERT INTO audit_entries
            (id, action, actor, subject, outcome, origin, correlation_id, details)
        VALUES (:id, :action, :actor, :subject, :outcome, :origin, :correlation_id, :details)
        RETURNING position, id
    )
    INSERT INTO audit_unsealed (position, entry_id) SELECT position, id FROM entry
""")


class AuditLog:
    """The log of the schema that a session works in."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def record(
        self, action: str, actor: str, subject: str, outcome: Outcome = "done", **details: Detail
    ) -> None:
        """Record in the session's transaction that something was done, or refused.

        Where the request came from and which story it belongs to is added. Personal data does not belong here: what
        is neither an id, a code nor a number is replaced by `withheld`, because the log can never be corrected.

        Args:
            action: what happened, as `subject.verb`: `session.started`, `payment.captured`, `price.changed`.
            actor: the id of who did it (`usr_...`), `service:<name>`, `client:<id>`, ANONYMOUS or SYSTEM.
            subject: the id of what it was done to.
            outcome: `refused` when a rule said no, `failed` when it was tried and did not come about.
            details: what else is needed to understand it: ids, codes, amounts in minor units.
        """
        await self._session.execute(
            _RECORD,
            {
                "id": uuid7(),
                "action": _plain(action),
                "actor": _plain(actor),
                "subject": _plain(subject),
                "outcome": outcome,
                "origin": origin_var.get(),
                "correlation_id": correlation_id_var.get(),
                "details": _told(details),
            },
        )


def _told(details: dict[str, Detail]) -> str:
    plain = {
        name: _plain(value) if isinstance(value, str) else value for name, value in details.items()
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else WITHHELD
