"""What payment asks of a provider, whichever it is.

Every answer is sorted into done, refused for good, an action the customer owes, or unknown; only the provider's own
words count as the first three.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date
from typing import Protocol

from services.payment.domain.notices import Irrelevant, Notice
from services.payment.domain.reconciliation import Charge, Movement, Returned
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


class BookUnreadable(Exception):
    """The provider did not show its book, or not in a way that can be understood; nothing is known then."""


class ProviderBook(Protocol):
    """The provider's own record of what it did.

    Every question may raise `BookUnreadable`.
    """

    def movements(self, day: date) -> AsyncIterator[Movement]:
        """List the charges made, taken or released and the refunds made on a UTC day, page by page."""
        ...

    async def charge(self, reference: str) -> Charge | None:
        """Show one charge; None when there is none."""
        ...

    async def refunds_of(self, reference: str) -> list[Returned]:
        """List the refunds of a charge."""
        ...


EventReader = Callable[[str, str], Notice | Irrelevant]
"""Reads a stored webhook, given its type and its body."""

EventReaders = Mapping[str, EventReader]
"""The reader of each provider, by its name: an event is read as the provider's that sent it."""
