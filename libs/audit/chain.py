"""The arithmetic of the chain: each seal's digest covers its entry and the digest before it (SHA-256, FIPS 180-4)."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

LEAST_KEPT_DAYS: Final = 400
"""Thirteen months: a year is what PCI DSS 10.5.1 asks for."""

_NUMBER_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log as it is stored; every field is part of what is sealed."""

    id: UUID
    position: int
    recorded_at: datetime
    action: str
    actor: str
    subject: str
    outcome: str
    origin: str | None
    correlation_id: str | None
    details: str

    def canonical(self) -> bytes:
        """Return the bytes that are sealed: the same for the same entry, wherever and whenever it is read."""
        told = {
            "id": str(self.id),
            "position": self.position,
            "recorded_at": self.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
            "action": self.action,
            "actor": self.actor,
            "subject": self.subject,
            "outcome": self.outcome,
            "origin": self.origin,
            "correlation_id": self.correlation_id,
            "details": self.details,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many entries it has and the digest that covers them all."""

    number: int
    digest: bytes

    def next(self, entry: Entry) -> "Head":
        """Return the head after `entry` was sealed upon this one."""
        number = self.number + 1
        sealed = self.digest + number.to_bytes(_NUMBER_BYTES) + entry.canonical()
        return Head(number, sha256(sealed).digest())

    def told(self) -> str:
        """Return the head as it is published: `<number>:<digest>`."""
        return f"{self.number}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read what `told` wrote.

        Raises:
            ValueError: the text is not a published head.
        """
        number, _, digest = text.partition(":")
        head = cls(int(number), bytes.fromhex(digest))
        if head.number < 1 or len(head.digest) != sha256().digest_size:
            raise ValueError(f"not a published head: {text}")
        return head


def beginning(schema: str) -> Head:
    """Return what the first entry of a schema is sealed upon: two schemas' chains can never be exchanged."""
    return Head(0, sha256(f"meridian audit log of {schema}".encode()).digest())
