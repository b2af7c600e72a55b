"""The layers every request passes, as pure ASGI; this is the one place that says in which order."""

from collections.abc import Sequence
from typing import Final

from starlette.middleware import Middleware

from libs.web.middleware.boundary import ErrorBoundary
from libs.web.middleware.card_numbers import CardNumbers
from libs.web.middleware.deadline import DeadlineLimit
from libs.web.middleware.head import HeadAsGet
from libs.web.middleware.headers import SecurityHeaders
from libs.web.middleware.intake import MAX_BODY_BYTES, Intake
from libs.web.middleware.media_type import MediaType
from libs.web.middleware.observe import Observe
from libs.web.middleware.replay import TransactionReplay
from libs.web.middleware.request_id import RequestId
from libs.web.middleware.shed import Shed, Tolerance
from libs.web.middleware.strict_json import StrictJson

__all__ = ["MAX_BODY_BYTES", "layers"]

DEFAULT_TOLERANCE: Final = Tolerance()


def layers(
    inner: Sequence[Middleware] = (), tolerance: Tolerance = DEFAULT_TOLERANCE
) -> list[Middleware]:
    """Return all layers, outermost first; `inner` runs where errors already become problem documents.

    1. RequestId: names the request; outermost, so that every answer and log line carries the name.
    2. SecurityHeaders: on every answer, also those made by the layers below.
    3. Observe: span, duration and access log, of refusals too.
    4. HeadAsGet: answers HEAD wherever GET is, problem documents included.
    5. ErrorBoundary: the last exception handler; below it raising is answering.
    6. Intake: checks the address, reads the whole body within its limits of size and time; a slow sender holds nothing
       of what follows.
    7. DeadlineLimit: answers in the caller's time.
    8. Shed: refuses what would only wait, before it costs anything.
    9. `inner`: layers a service adds, such as a rate limit by address.
    10. MediaType: refuses bodies the operation does not read.
    11. StrictJson: refuses JSON that different readers understand differently.
    12. CardNumbers: refuses card numbers, so that nothing below can keep one.
    13. TransactionReplay: runs the request again when its transaction lost a conflict; needs the read body.
    """
    return [
        Middleware(RequestId),
        Middleware(SecurityHeaders),
        Middleware(Observe),
        Middleware(HeadAsGet),
        Middleware(ErrorBoundary),
        Middleware(Intake),
        Middleware(DeadlineLimit),
        Middleware(Shed, tolerance=tolerance),
        *inner,
        Middleware(MediaType),
        Middleware(StrictJson),
        Middleware(CardNumbers),
        Middleware(TransactionReplay),
    ]
