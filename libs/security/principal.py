"""The verified caller of a request."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from libs.security.scopes import takes_second_factor

ACR_PASSWORD: Final = "urn:meridian:acr:password"  # noqa: S105 - a name for a strength
"""The caller showed one factor."""
ACR_MFA: Final = "urn:meridian:acr:mfa"
"""The caller showed two factors, or a passkey that asked for the second one itself."""


@dataclass(frozen=True)
class Principal:
    """Whoever a verified access token names (RFC 9068).

    `token` is the token itself, to travel along when a service acts for the user; it never shows in a repr.
    `acr` and `amr` say how the caller proved who they are (RFC 8176), at `auth_time` for the last time;
    `has_second_factor` says that the account has one to ask for.
    """

    subject: str
    scopes: frozenset[str]
    session_id: str | None
    home_region: str
    client_id: str
    token: str = field(repr=False)
    auth_time: datetime | None = None
    acr: str | None = None
    amr: frozenset[str] = frozenset()
    has_second_factor: bool = False
    roles: frozenset[str] = frozenset()

    @property
    def is_application(self) -> bool:
        """Whether an application acts for itself: it is its own subject then (RFC 9068 section 2.2)."""
        return self.subject == self.client_id

    @property
    def actor(self) -> str:
        """Who the audit log says it was."""
        return f"client:{self.client_id}" if self.is_application else self.subject

    def has(self, scope: str) -> bool:
        """Tell whether the caller may use a scope now: people use those of staff after a second factor only.

        An application has no second factor: what it may use, staff who had shown theirs have registered.
        """
        if scope not in self.scopes:
            return False
        return self.is_application or self.acr == ACR_MFA or not takes_second_factor(scope)
