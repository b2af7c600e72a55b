"""Totals: lines, shipping and tax from tables, in integer minor units.

One rate per destination, deliberately: no product tax classes, thresholds or reverse charge. Where prices include tax (EU, GB,
IN, JP) the tax shown is the part contained in the total; where they do not (US) it is added. Each line is rounded on its own and
the parts are summed, so that an order can be recomputed from its stored lines to the last minor unit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from libs.money import Money
from services.order.errors import DestinationNotServed


@dataclass(frozen=True, slots=True)
class PricedLine:
    """Pieces of one SKU at the unit price product vouches for."""

    sku: str
    title: str
    quantity: int
    unit_price: Money
    price_version: int

    @property
    def amount(self) -> Money:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """A line with its tax: contained in `line.amount` or due on top, as the totals say; the rate in basis points."""

    line: PricedLine
    tax: Money
    basis_points: int


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the goods go: ISO 3166-1 country and, where it decides the tax, the subdivision."""

    country: str
    region: str | None = None


@dataclass(frozen=True, slots=True)
class TaxRule:
    """How one country taxes: basis points, whether shown prices include it and whether shipping is taxed too."""

    included: bool
    shipping_taxed: bool
    basis_points: int
    regions: Mapping[str, int]

    def rate(self, region: str | None) -> int:
        """Return the subdivision's rate, or the country's where it has none of its own."""
        return self.regions.get(region or "", self.basis_points)

    def tax_on(self, amount: Money, basis_points: int) -> Money:
        """Return the tax contained in the amount, or due on top of it."""
        if self.included:
            return amount.allocate([10_000, basis_points])[1] if basis_points else amount * 0
        return amount.share(basis_points)


@dataclass(frozen=True, slots=True)
class ShippingRate:
    """A flat fee in minor units, waived from a goods value on."""

    flat_minor: int
    free_from_minor: int


@dataclass(frozen=True, slots=True)
class Rates:
    """The tables of `services/order/data`."""

    taxes: Mapping[str, TaxRule]
    shipping: Mapping[tuple[str, str], ShippingRate]
    version: str
    """Names the tables' content: the beginning of its SHA-256."""

    @classmethod
    def parse(cls, tax: Mapping[str, Any], shipping: Mapping[str, Any]) -> Self:
        """Build the tables from the parsed JSON documents."""
        content = json.dumps([tax, shipping], sort_keys=True).encode()
        return cls(
            version=sha256(content).hexdigest()[:12],
            taxes={country: TaxRule(**row) for country, row in tax.items()},
            shipping={
                (country, currency): ShippingRate(**row)
                for country, currencies in shipping.items()
                for currency, row in currencies.items()
            },
        )


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules a total was computed with beside its lines' own rates; kept with the order, so it can be computed again."""

    rates_version: str
    shipping: ShippingRate
    shipping_basis_points: int


@dataclass(frozen=True, slots=True)
class Totals:
    """A priced basket. `total` is what the customer pays; `tax` is part of it when `tax_included`."""

    lines: tuple[TaxedLine, ...]
    subtotal: Money
    shipping: Money
    tax: Money
    total: Money
    tax_included: bool
    terms: Terms


def price(lines: Sequence[PricedLine], destination: Destination, rates: Rates) -> Totals:
    """Price a basket for a destination.

    Raises:
        DestinationNotServed: no tax or shipping row for the country and the currency of the lines.
    """
    currency = lines[0].unit_price.currency
    rule = rates.taxes.get(destination.country)
    fee = rates.shipping.get((destination.country, currency))
    if rule is None or fee is None:
        raise DestinationNotServed(
            f"We do not deliver to {destination.country} against {currency} yet; "
            "choose another address or currency."
        )
    basis_points = rule.rate(destination.region)
    taxed = tuple(
        TaxedLine(line, rule.tax_on(line.amount, basis_points), basis_points) for line in lines
    )
    subtotal = sum((line.amount for line in lines), Money.zero(currency))
    free = subtotal.amount_minor >= fee.free_from_minor
    shipping = Money(0 if free else fee.flat_minor, currency)
    shipping_basis_points = basis_points if rule.shipping_taxed else 0
    shipping_tax = rule.tax_on(shipping, shipping_basis_points)
    tax = sum((line.tax for line in taxed), shipping_tax)
    total = subtotal + shipping
    return Totals(
        lines=taxed,
        subtotal=subtotal,
        shipping=shipping,
        tax=tax,
        total=total if rule.included else total + tax,
        tax_included=rule.included,
        terms=Terms(rates.version, fee, shipping_basis_points),
    )
