"""A provider whose answers are lost, and processes that end before or after it did what it was asked."""

from dataclasses import dataclass, field

from typing_extensions import override

from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.records import Work
from services.payment.domain.states import Purpose, Unknown, Verdict
from tests.payment.one_door import OneDoor


class CrashError(Exception):
    """Stands for the end of the process."""


@dataclass
class FaultyProvider(OneDoor):
    """Passes calls on to the simulator and spoils what comes back."""

    real: PaymentProvider
    crash_before: set[Purpose] = field(default_factory=set)
    crash_after: set[Purpose] = field(default_factory=set)
    lost_before: set[Purpose] = field(default_factory=set)
    answers: dict[Purpose, Verdict] = field(default_factory=dict)
    asked: list[Purpose] = field(default_factory=list)

    @override
    async def _call(self, work: Work) -> Verdict:
        purpose = work.operation.purpose
        self.asked.append(purpose)
        if purpose in self.crash_before:
            raise CrashError
        if purpose in self.lost_before:
            return Unknown("timeout")
        if purpose in self.answers:
            return self.answers[purpose]
        verdict = await super()._call(work)
        if purpose in self.crash_after:
            raise CrashError
        return verdict
