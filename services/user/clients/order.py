"""What user asks order."""

from http import HTTPStatus

from pydantic import BaseModel

from libs.money import Money
from libs.web.client import CalleeProblem, ServiceClient


class ReceiptMoney(BaseModel):
    """An amount in minor units of an ISO 4217 currency."""

    amount_minor: int
    currency: str

    def told(self) -> str:
        """Return the amount as people write it."""
        return str(Money(self.amount_minor, self.currency))


class ReceiptLine(BaseModel):
    """One line as it was sold."""

    title: str
    quantity: int
    amount: ReceiptMoney


class Receipt(BaseModel):
    """What a customer is told of a confirmed order."""

    order_id: str
    user_id: str
    lines: list[ReceiptLine]
    subtotal: ReceiptMoney
    shipping: ReceiptMoney
    tax: ReceiptMoney
    tax_included: bool
    total: ReceiptMoney


class OrderClient:
    """Asks order what somebody bought, and what is still owed to them, or by them."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def receipt(self, order_id: str) -> Receipt | None:
        """Fetch what was sold; None when order does not know it any more.

        Raises:
            DependencyUnavailable: order did not answer.
        """
        try:
            answer = await self._client.request(
                "GET", f"/v1/receipts/{order_id}", operation="get_receipt"
            )
        except CalleeProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        return answer.parse(Receipt)

    async def count_open(self, user_id: str) -> int:
        """Count somebody's orders that are not finished.

        Raises:
            DependencyUnavailable: order did not answer.
        """
        answer = await self._client.request(
            "GET", f"/v1/users/{user_id}/open-orders", operation="count_open_orders"
        )
        return int(answer.json()["open_orders"])
