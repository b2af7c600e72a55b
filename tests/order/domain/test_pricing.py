import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.money import MINOR_DIGITS, Money
from services.order.domain.pricing import Destination, PricedLine, Rates, price
from services.order.errors import DestinationNotServed

DATA = Path(__file__).parents[3] / "services" / "order" / "data"
RATES = Rates.parse(
    json.loads((DATA / "tax.json").read_text()), json.loads((DATA / "shipping.json").read_text())
)


def line(minor: int, quantity: int = 1, currency: str = "USD") -> PricedLine:
    return PricedLine("MUG-RED-L", "Mug", quantity, Money(minor, currency), 1)


VECTORS = [
    vector
    for vector in json.loads((DATA.parents[2] / "tests/contracts/price_vectors.json").read_text())
    if vector["lines"]  # an empty cart is refused before it is priced
]
NO_TAX = {"XX": {"included": False, "shipping_taxed": False, "basis_points": 0, "regions": {}}}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_subtotal_follows_the_price_vectors_shared_with_cart(vector: dict[str, Any]) -> None:
    currency = vector["currency"]
    rates = Rates.parse(NO_TAX, {"XX": {currency: {"flat_minor": 0, "free_from_minor": 0}}})
    lines = [line(item["unit_price_minor"], item["quantity"], currency) for item in vector["lines"]]
    totals = price(lines, Destination("XX"), rates)
    assert totals.subtotal == Money(vector["subtotal_minor"], currency)


def test_tax_comes_on_top_where_prices_exclude_it() -> None:
    totals = price([line(1999, 2)], Destination("US", "CA"), RATES)
    assert totals.subtotal == Money(3998, "USD")
    assert totals.shipping == Money(599, "USD")
    assert totals.tax == Money(290, "USD")  # 7.25 % of 39.98; shipping is not taxed
    assert totals.total == Money(3998 + 599 + 290, "USD")
    assert not totals.tax_included


def test_tax_is_part_of_the_total_where_prices_include_it() -> None:
    totals = price([line(11900, 1, "EUR")], Destination("DE"), RATES)
    assert totals.total == Money(11900, "EUR")
    assert totals.tax == Money(1900, "EUR")
    assert totals.tax_included


def test_included_tax_covers_shipping_too() -> None:
    totals = price([line(1190, 1, "EUR")], Destination("DE"), RATES)
    assert totals.shipping == Money(549, "EUR")
    assert totals.tax == Money(190 + 88, "EUR")


def test_shipping_is_free_from_the_threshold_on() -> None:
    below = price([line(4999)], Destination("US", "OR"), RATES)
    at = price([line(5000)], Destination("US", "OR"), RATES)
    assert (below.shipping.amount_minor, at.shipping.amount_minor) == (599, 0)


def test_a_state_without_its_own_rate_pays_the_countrys() -> None:
    totals = price([line(1000)], Destination("US", "MT"), RATES)
    assert totals.tax == Money(0, "USD")


def test_a_country_without_tax_and_with_inclusive_prices_shows_none() -> None:
    rates = Rates.parse(
        {"XX": {"included": True, "shipping_taxed": True, "basis_points": 0, "regions": {}}},
        {"XX": {"USD": {"flat_minor": 100, "free_from_minor": 10_000}}},
    )
    assert price([line(1000)], Destination("XX"), rates).tax == Money(0, "USD")


def test_yen_have_no_decimals() -> None:
    totals = price([line(1100, 1, "JPY")], Destination("JP"), RATES)
    assert totals.tax == Money(100 + 73, "JPY")
    assert totals.total == Money(1900, "JPY")


@pytest.mark.parametrize(("country", "currency"), [("AQ", "USD"), ("US", "KWD")])
def test_an_unknown_country_or_currency_is_not_served(country: str, currency: str) -> None:
    with pytest.raises(DestinationNotServed):
        price([line(100, 1, currency)], Destination(country), RATES)


def test_every_taxed_country_has_shipping_in_the_currencies_we_sell_in() -> None:
    currencies = set(MINOR_DIGITS) - {"KWD"}
    assert {(country, currency) for country in RATES.taxes for currency in currencies} == set(
        RATES.shipping
    )


baskets = st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 99)), min_size=1, max_size=20)


@settings(max_examples=300, deadline=None)
@given(
    basket=baskets,
    place=st.sampled_from([("US", "CA"), ("US", None), ("CA", "ON"), ("DE", None), ("IN", None)]),
)
def test_a_total_can_be_recomputed_from_its_lines(
    basket: list[tuple[int, int]], place: tuple[str, str | None]
) -> None:
    lines = [line(minor, quantity) for minor, quantity in basket]
    totals = price(lines, Destination(*place), RATES)
    again = price([taxed.line for taxed in totals.lines], Destination(*place), RATES)
    assert again == totals
    added = Money.zero("USD") if totals.tax_included else totals.tax
    assert totals.total == totals.subtotal + totals.shipping + added
    assert totals.tax.amount_minor >= 0
    if totals.tax_included:
        assert totals.tax.amount_minor < totals.total.amount_minor
