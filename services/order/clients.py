"""The HTTP calls order makes, reduced to the fields it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from libs.ids import new_id
from libs.money import Money
from libs.observability.logging import get_logger
from libs.security.principal import Principal
from libs.web.client import CalleeProblem, DependencyUnavailable, ServiceClient
from libs.web.errors import Problem
from services.order.domain.pricing import Destination, PricedLine
from services.order.errors import AddressNotFound, CartNotFound, HoldRefused, VariantUnavailable

_ADDRESS_FIELDS = ("recipient", "line1", "line2", "city", "region", "postal_code", "country")

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Pieces of one SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Cart:
    """What an order needs to know of a cart; its prices are only estimates, so they are not read."""

    cart_id: str
    version: int
    currency: str
    lines: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True)
class Address:
    """A snapshot of an address."""

    fields: Mapping[str, str | None]

    @property
    def destination(self) -> Destination:
        region = self.fields["region"]
        return Destination(str(self.fields["country"]), region.strip().upper() if region else None)


class Carts(Protocol):
    """Where the lines come from."""

    async def get(self, principal: Principal, cart_id: str) -> Cart: ...


class Addresses(Protocol):
    """Where the goods go."""

    async def get(self, principal: Principal, address_id: str) -> Address: ...


class Products(Protocol):
    """Who vouches for prices and holds stock."""

    async def price(self, wanted: Sequence[Wanted], currency: str) -> list[PricedLine]: ...

    async def hold(
        self, order_id: str, wanted: Sequence[Wanted], currency: str, ttl_seconds: int
    ) -> list[PricedLine]: ...

    async def release(self, order_id: str) -> bool: ...


class CartClient:
    """Reads the customer's cart with the customer's own token, so that cart decides who may see it."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def get(self, principal: Principal, cart_id: str) -> Cart:
        """Fetch a cart.

        Raises:
            CartNotFound: cart does not know it, or it is not the customer's.
            DependencyUnavailable: cart did not answer.
        """
        try:
            answer = await self._client.request(
                "GET", f"/v1/carts/{cart_id}", principal=principal, operation="get_cart"
            )
        except CalleeProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                raise CartNotFound("You have no such cart.") from problem
            raise
        body = answer.json()
        lines = tuple(Wanted(line["sku"], line["quantity"]) for line in body["lines"])
        return Cart(body["cart_id"], body["version"], body["currency"], lines)


class AddressClient:
    """Reads one of the customer's addresses with the customer's own token."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def get(self, principal: Principal, address_id: str) -> Address:
        """Fetch an address.

        Raises:
            AddressNotFound: user does not know it, or it is not the customer's.
            DependencyUnavailable: user did not answer.
        """
        try:
            answer = await self._client.request(
                "GET",
                f"/v1/me/addresses/{address_id}",
                principal=principal,
                operation="get_address",
            )
        except CalleeProblem as problem:
            if problem.status == HTTPStatus.NOT_FOUND:
                raise AddressNotFound("You have no such address.") from problem
            raise
        body = answer.json()
        return Address({name: body.get(name) for name in _ADDRESS_FIELDS})


class ProductClient:
    """Asks product for prices, and for the stock hold that makes them binding."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def price(self, wanted: Sequence[Wanted], currency: str) -> list[PricedLine]:
        """Fetch what the lines cost now.

        Raises:
            VariantUnavailable: a SKU is unknown, withdrawn or has no price in this currency.
            DependencyUnavailable: product did not answer.
        """
        answer = await self._client.request(
            "GET",
            "/v1/variants",
            params={"sku": [line.sku for line in wanted], "currency": currency},
            operation="list_variants",
        )
        offers = {item["sku"]: item for item in answer.json()["items"]}
        missing = [line.sku for line in wanted if not _has_price(offers.get(line.sku))]
        if missing:
            raise VariantUnavailable(
                "Remove the items named in `skus` from the cart.", extensions={"skus": missing}
            )
        return [_priced(offers[line.sku], line.quantity, currency) for line in wanted]

    async def hold(
        self, order_id: str, wanted: Sequence[Wanted], currency: str, ttl_seconds: int
    ) -> list[PricedLine]:
        """Hold all lines or none, under the order's id: repeating it takes the pieces once.

        Each call has a key of its own, for its retries alone. Under one key for the order, product would repeat
        what it answered to an earlier attempt, at that time's prices, though the hold has run out since.

        Raises:
            HoldRefused: product refused (409), `out_of_stock` or another reason.
            DependencyUnavailable: product did not answer; the hold may exist and runs out by itself.
        """
        body = {
            "order_id": order_id,
            "currency": currency,
            "lines": [{"sku": line.sku, "quantity": line.quantity} for line in wanted],
            "ttl_seconds": ttl_seconds,
        }
        try:
            answer = await self._client.request(
                "POST",
                "/v1/reservations",
                json=body,
                idempotency_key=new_id("hld"),
                operation="hold_reservation",
            )
        except CalleeProblem as problem:
            if problem.status == HTTPStatus.CONFLICT:
                raise _refused(problem) from problem
            raise
        held = answer.json()
        return [_priced(line, line["quantity"], held["currency"]) for line in held["lines"]]

    async def release(self, order_id: str) -> bool:
        """Give a hold back at once; False if product could not be told."""
        try:
            await self._client.request(
                "POST",
                f"/v1/reservations/{order_id}/release",
                idempotency_key=f"release-{order_id}",
                operation="release_reservation",
            )
        except (CalleeProblem, DependencyUnavailable) as error:
            _log.warning("hold_not_released", order_id=order_id, reason=type(error).__name__)
            return False
        return True


def _refused(problem: CalleeProblem) -> HoldRefused:
    details = {
        name: value
        for name, value in problem.extensions.items()
        if name not in Problem.model_fields
    }
    return HoldRefused(problem.code, str(problem.extensions.get("detail", "")), details)


def _has_price(offer: Mapping[str, Any] | None) -> bool:
    return offer is not None and offer["unit_price_minor"] is not None


def _priced(row: Mapping[str, Any], quantity: int, currency: str) -> PricedLine:
    return PricedLine(
        sku=row["sku"],
        title=row["title"],
        quantity=quantity,
        unit_price=Money(row["unit_price_minor"], currency),
        price_version=row["price_version"],
    )
