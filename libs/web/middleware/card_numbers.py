"""Refuses bodies with card numbers in them: card data never touches the shop (PCI DSS, self-assessment A)."""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from libs.errors import DomainError
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from libs.web.middleware.intake import BufferedBody

# What begins like a number of one of the card schemes and is as long as theirs (ISO/IEC 7812-1), in groups or not. Letters,
# digits, dots and signs around it belong to an identifier, an amount or a telephone number.
_CANDIDATE: Final = re.compile(
    rb"(?<![0-9A-Za-z_.+#-])(?:"
    rb"4\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?:[ -]?\d{3})?"  # Visa
    rb"|(?:5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2}|64[4-9]\d|35\d{2}|62\d{2})[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?:[ -]?\d{1,3})?"
    rb"|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}"  # American Express
    rb"|3(?:0[0-5]|[68]\d)\d[ -]?\d{6}[ -]?\d{4}"  # Diners Club
    rb")(?![0-9A-Za-z_]|[.-]\d)"
)

_KEPT_HEADERS: Final = frozenset({b"idempotency-key", b"user-agent"})
"""Headers whose words are kept for a while."""

_log = get_logger(__name__)


class CardNumberRefused(DomainError):
    """There is a card number in the request; nothing of it was kept."""

    code: ClassVar[str] = "card_number_refused"
    status: ClassVar[int] = 422
    title: ClassVar[str] = "Card numbers are not taken here"


class CardNumbers:
    """Refuses requests with a card number in the body, the address or a header that is kept, before anything looks at it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if any(map(holds_card_number, _written_in(scope, receive))):
            counter(
                "card_numbers_refused", description="Requests refused for a card number in them"
            ).add(1)
            _log.error("card_number_refused", method=scope["method"])
            raise CardNumberRefused(
                "Send the token the payment provider's page gives you, never the card's number."
            )
        await self._app(scope, receive, send)


def _written_in(scope: Scope, receive: Receive) -> Iterator[bytes]:
    if isinstance(receive, BufferedBody):
        yield receive.content
    yield scope.get("query_string", b"")
    yield scope.get("path", "").encode()
    for name, value in scope.get("headers", ()):
        if name in _KEPT_HEADERS:
            yield value


def holds_card_number(text: bytes) -> bool:
    """Tell whether there is a number that a card could have: length, beginning and check digit are right."""
    return any(_checks(found[0]) for found in _CANDIDATE.finditer(text))


def _checks(number: bytes) -> bool:
    """Check the last digit (Luhn, ISO/IEC 7812-1 annex B)."""
    digits = [digit - ord("0") for digit in reversed(number) if digit >= ord("0")]
    doubled = (2 * digit for digit in digits[1::2])
    return (sum(digits[::2]) + sum(digit // 10 + digit % 10 for digit in doubled)) % 10 == 0
