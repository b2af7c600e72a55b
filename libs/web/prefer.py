"""The `Prefer` request header (RFC 7240): `wait` is honoured, everything else is ignored."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

MAX_WAIT_SECONDS: Final = 20

_PREFERENCE: Final = re.compile(
    r'\s*(?P<name>[!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>[^\s;,"]*)))?\s*(?:;[^,]*)?'
)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the client asked for.

    Attributes:
        wait: seconds the client is ready to wait for a final answer, at most 20; None if it did not say.
    """

    wait: int | None = None

    def wait_applied(self) -> dict[str, str]:
        """Return the `Preference-Applied` header for an answer that waited, or nothing if none was asked for."""
        return {} if self.wait is None else {"Preference-Applied": f"wait={self.wait}"}


def preferences_of(request: Request) -> Preferences:
    """Read the request's `Prefer` headers; of a preference given twice the first counts (RFC 7240 section 2)."""
    asked: dict[str, str] = {}
    for header in request.headers.getlist("prefer"):
        for part in header.split(","):
            found = _PREFERENCE.fullmatch(part)
            if found is not None:
                asked.setdefault(found["name"].lower(), found["quoted"] or found["bare"] or "")
    return Preferences(wait=_seconds(asked.get("wait")))


def _seconds(value: str | None) -> int | None:
    if value is None or not value.isascii() or not value.isdigit():
        return None
    # Only the first digits: int() of thousands of them is slow, and any such number is above the cap.
    return min(int(value[:6]), MAX_WAIT_SECONDS)
