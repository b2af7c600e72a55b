"""Providers of tests: every call to the real one goes through one method, where it can be watched or spoiled."""

from services.payment.clients.protocol import PaymentProvider
from services.payment.domain.records import Work
from services.payment.domain.states import Verdict


class OneDoor:
    """Passes calls on to the real provider."""

    real: PaymentProvider

    async def authorize(self, work: Work) -> Verdict:
        return await self._call(work)

    async def capture(self, work: Work) -> Verdict:
        return await self._call(work)

    async def void(self, work: Work) -> Verdict:
        return await self._call(work)

    async def refund(self, work: Work) -> Verdict:
        return await self._call(work)

    async def find_by_key(self, work: Work) -> Verdict | None:
        return await self.real.find_by_key(work)

    async def _call(self, work: Work) -> Verdict:
        verdict: Verdict = await getattr(self.real, work.operation.purpose)(work)
        return verdict
