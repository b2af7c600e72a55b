"""Every total of an order follows from its stored rows: prices, quantities, rates and the shipping rule (bar M11b)."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from libs.ids import new_id
from libs.money import MINOR_DIGITS, Money
from libs.security.principal import Principal
from libs.testing.scale import trials
from services.order.clients import Address
from services.order.domain.pricing import Destination, PricedLine, Rates, price
from services.order.models import Adjustment, AdjustmentLine, Order, Refund
from services.order.repository import OrderDetails, OrderGoods, OrderState
from services.order.schemas.requests import MoneyIn, PlaceOrder
from services.order.service.audit import audit, discrepancies
from services.order.service.placement import Placement, line_rows, order_values
from services.order.service.rows import goods_of
from tests.order.running import Running
from tests.order.shop import ADDRESS, CART, CUSTOMER

DATA = Path(__file__).parents[3] / "services" / "order" / "data"
SHIPPING = json.loads((DATA / "shipping.json").read_text())
# The dinar has three decimals and no table yet; made-up rates show that nothing depends on two.
SHIPPING["GB"]["KWD"] = {"flat_minor": 1_875, "free_from_minor": 20_000}
SHIPPING["CA"]["KWD"] = {"flat_minor": 2_125, "free_from_minor": 25_000}
RATES = Rates.parse(json.loads((DATA / "tax.json").read_text()), SHIPPING)
SERVED = sorted(RATES.shipping)
PRINCIPAL = Principal(CUSTOMER, frozenset(), "ses", "us-east-1", "web", "token")


def random_rows(chance: random.Random) -> OrderDetails:
    """Write what `place_order` writes for a random basket, without a database."""
    country, currency = chance.choice(SERVED)
    region = chance.choice([None, *RATES.taxes[country].regions])
    lines = [
        PricedLine(
            f"SKU-{number}",
            "Thing",
            chance.randint(1, chance.choice([1, 3, 50])),
            Money(chance.randint(0, chance.choice([9, 999, 99_999])), currency),
            1,
        )
        for number in range(chance.randint(1, 6))
    ]
    totals = price(lines, Destination(country, region), RATES)
    request = PlaceOrder(
        cart_id=CART,
        cart_version=1,
        expected_total=MoneyIn(amount_minor=totals.total.amount_minor, currency="USD"),
        payment_method="tok_ok",
        address_id=ADDRESS,
    )
    placement = Placement(new_id("ord"), PRINCIPAL, request, Address({}), totals)
    order = Order(**order_values(placement))
    return OrderDetails(OrderState(order), OrderGoods(line_rows(placement)))


def paid_back(details: OrderDetails, chance: random.Random) -> OrderDetails:
    """Add cancellations of random pieces, priced as the rules price them, until nothing is left."""
    adjustments: list[Adjustment] = []
    lines: list[AdjustmentLine] = []
    state = details.state
    while open_lines := goods_of(state, details.goods).open:
        chosen = chance.choice(open_lines)
        count = chance.randint(1, chosen.quantity)
        line = goods_of(state, details.goods).line(chosen.sku)
        assert line is not None
        amount = line.price_of(count)
        adjustment = Adjustment(
            id=f"can_{len(adjustments):04}",
            kind="cancellation",
            reason="x",
            refund_minor=amount,
            restock="done",
        )
        adjustments.append(adjustment)
        lines.append(
            AdjustmentLine(
                adjustment_id=adjustment.id,
                sku=chosen.sku,
                quantity=count,
                refunded=count,
                amount_minor=amount,
            )
        )
        state = OrderState(state.order, (), tuple(adjustments), tuple(lines))
    return OrderDetails(state, details.goods)


def test_every_total_and_allocation_of_random_baskets_can_be_computed_from_its_rows_alone() -> None:
    chance = random.Random(11)  # noqa: S311 - baskets, not secrets
    currencies = set()
    for number in range(trials(1_000, 10_000)):
        details = random_rows(chance)
        currencies.add(details.order.currency)
        if number % 10 == 0:
            details = paid_back(details, chance)
            paid = sum(row.refund_minor for row in details.state.adjustments)
            untaxed_shipping = details.order.total_minor - paid
            assert untaxed_shipping >= details.order.shipping_minor
        assert list(discrepancies(details)) == []
    assert currencies == set(MINOR_DIGITS)


def pays_shipping(details: OrderDetails) -> bool:
    return details.order.shipping_minor > 100


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"subtotal_minor": 1}, "subtotal"),
        ({"shipping_minor": 1}, "shipping"),
        ({"tax_minor": 1}, "tax"),
        ({"total_minor": 1}, "total"),
        ({"shipping_tax_basis_points": 9_999}, "tax"),
        ({"refunded_minor": 1}, "refunded"),
    ],
)
def test_an_amount_that_does_not_follow_is_named(change: dict[str, int], named: str) -> None:
    chance = random.Random(3)  # noqa: S311 - as above
    details = next(one for one in iter(lambda: random_rows(chance), None) if pays_shipping(one))
    for name, value in change.items():
        setattr(details.order, name, value)
    assert any(one.startswith(named) for one in discrepancies(details))


def test_a_line_taxed_at_another_rate_is_named() -> None:
    details = random_rows(random.Random(5))  # noqa: S311 - as above
    details.goods.lines[0].tax_minor += 1
    assert any("tax of SKU-0" in one for one in discrepancies(details))


def test_a_cent_too_much_for_a_piece_and_a_refund_without_capture_are_named() -> None:
    chance = random.Random(7)  # noqa: S311 - as above
    details = paid_back(random_rows(chance), chance)
    details.state.adjustments[0].refund_minor += 1
    details.state.adjustment_lines[-1].amount_minor += 1
    refund = Refund(amount_minor=5, status="requested")
    state = details.state
    broken = OrderState(state.order, (refund,), state.adjustments, state.adjustment_lines)
    found = " ".join(discrepancies(OrderDetails(broken, details.goods)))
    assert "can_0000 pays" in found
    assert "computed" in found
    assert "5 is asked back of 0 captured" in found


def test_an_order_older_than_the_stored_rates_is_checked_for_its_sums() -> None:
    details = random_rows(random.Random(9))  # noqa: S311 - as above
    details.order.rates_version = None
    for line in details.goods.lines:
        line.tax_basis_points = None
    assert list(discrepancies(details)) == []
    details.order.subtotal_minor += 1
    assert any("subtotal" in one for one in discrepancies(details))


async def test_the_audit_reads_every_order_of_the_database(running: Running) -> None:
    placed = [await running.placed() for _ in range(3)]
    audited = await audit(running.resources.database)
    assert (audited.orders, audited.discrepancies) == (3, [])
    await running.sql(
        "UPDATE orders SET shipping_flat_minor = 1, version = version + 1 WHERE id = :id",
        id=placed[1],
    )
    found: list[Any] = (await audit(running.resources.database)).discrepancies
    assert [one.split(":")[0] for one in found] == [placed[1]]
