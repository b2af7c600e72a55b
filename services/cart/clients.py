"""The HTTP calls cart makes."""

from dataclasses import dataclass

from libs.web.client import ServiceClient
from services.cart.domain import Offer


@dataclass(frozen=True)
class AnsweredVariant:
    """What product answered about one SKU."""

    sku: str
    product_id: str
    offer: Offer


class ProductClient:
    """Asks product about SKUs that no event has told of yet."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def find_variant(self, sku: str, currency: str) -> AnsweredVariant | None:
        """Fetch a SKU's price and stock; None when it is unknown or not sold in this currency.

        Raises:
            DependencyUnavailable: product did not answer.
        """
        answer = await self._client.request(
            "GET",
            "/v1/variants",
            operation="list_variants",
            params={"sku": sku, "currency": currency},
        )
        for item in answer.json()["items"]:
            if item["sku"] == sku and item["unit_price_minor"] is not None:
                offer = Offer(
                    item["title"],
                    item["unit_price_minor"],
                    item["price_version"],
                    item["available"],
                )
                return AnsweredVariant(sku, item["product_id"], offer)
        return None
