"""What payment asks of a provider, whichever it is.

Every answer is sorted into done, refused for good, an action the customer owes, or unknown; only the provider's own
words count as the first three.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from services.payment.domain.notices import Irrelevant, Notice
from services.payment.domain.records import Work
from services.payment.domain.states import Verdict


class PaymentProvider(Protocol):
    """What payment needs of a provider. Calls never raise for the provider's faults: those are `Unknown`.

    Every call carries the operation's key, and the provider promises one effect per key.
    """

    async def authorize(self, work: Work) -> Verdict: ...

    async def capture(self, work: Work) -> Verdict: ...

    async def void(self, work: Work) -> Verdict: ...

    async def refund(self, work: Work) -> Verdict: ...

    async def find_by_key(self, work: Work) -> Verdict | None:
        """Ask what became of the call; None when the provider has never seen its key."""
        ...


EventReader = Callable[[str, str], Notice | Irrelevant]
"""Reads a stored webhook, given its type and its body."""

EventReaders = Mapping[str, EventReader]
"""The reader of each provider, by its name: an event is read as the provider's that sent it."""
