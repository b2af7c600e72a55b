"""Reading: a customer's own payments, and the ledger for administrators."""

from libs.security.principal import Principal
from services.payment.domain.records import Balance, LedgerLine, Payment, Refund
from services.payment.errors import PaymentNotFound
from services.payment.repository.unit import Unit

ADMIN_SCOPE = "payments:admin"


class PaymentQueries:
    """Answers from one transaction. A foreign payment does not exist for its reader."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    async def payment(self, payment_id: str, reader: Principal) -> tuple[Payment, list[Refund]]:
        """Return a payment and its refunds.

        Raises:
            PaymentNotFound: there is none, or it is somebody else's.
        """
        payment = await self._unit.payments.get(payment_id)
        if payment is None or not _may_see(reader, payment):
            raise PaymentNotFound
        return payment, await self._unit.refunds.of_payment(payment.id)

    async def of_order(
        self, order_id: str, reader: Principal
    ) -> list[tuple[Payment, list[Refund]]]:
        """Return the order's payment, if it has one the reader may see."""
        payment = await self._unit.payments.by_order(order_id)
        if payment is None or not _may_see(reader, payment):
            return []
        return [(payment, await self._unit.refunds.of_payment(payment.id))]

    async def balances(self) -> list[Balance]:
        return await self._unit.ledger.balances()

    async def ledger_lines(
        self, *, order_id: str | None, after: int, limit: int
    ) -> list[LedgerLine]:
        return await self._unit.ledger.lines(order_id=order_id, after=after, limit=limit)


def _may_see(reader: Principal, payment: Payment) -> bool:
    return payment.user_id == reader.subject or reader.has(ADMIN_SCOPE)
