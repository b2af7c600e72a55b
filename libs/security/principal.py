"""The verified caller of a request."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Principal:
    """Whoever a verified access token names (RFC 9068).

    `token` is the token itself, to travel along when a service acts for the user; it never shows in a repr.
    """

    subject: str
    scopes: frozenset[str]
    session_id: str | None
    home_region: str
    client_id: str
    token: str = field(repr=False)
    auth_time: datetime | None = None
    roles: frozenset[str] = frozenset()

    def has(self, scope: str) -> bool:
        return scope in self.scopes
