"""Orders left in every state that waits for something, after everything sent was lost: the sweeper ends them all (bar M10b)."""

import pytest

from libs.testing.scale import trials
from tests.order.neighbours import TOTAL, Neighbours
from tests.order.running import Running

ORDERS = trials(2, 1_000)
AUTHORIZED = "payment_status = 'authorized', payment_version = 1"
CONFIRMED = (AUTHORIZED, "order_status = 'confirmed'")
CAPTURED = (
    *CONFIRMED,
    f"payment_status = 'captured', payment_version = 2, captured_minor = {TOTAL}",
)
CANCELLED = "order_status = 'cancelled', reason = 'changed_mind'"
SHIPPED = "shipment_status = 'partially_shipped', parcels = 1"
UNKNOWN = "payment_status = 'unknown', payment_version = 1"
CHALLENGED = (
    "payment_status = 'requires_action', payment_version = 1, action_url = 'https://bank.example',"
    " action_required_at = created_at"
)
DECLINED = (
    "payment_status = 'declined', payment_version = 1, order_status = 'failed',"
    " reason = 'payment_declined'"
)
LATE = f"payment_status = 'captured', payment_version = 9, captured_minor = {TOTAL}"

STATES: dict[str, tuple[str, tuple[str, ...], str, str, str]] = {
    # what order knows: its steps; what is true: payment, stock; which parts it has
    "pending, payment never heard of it": ("none", (), "held", "", ""),
    "pending, the authorisation was not heard": ("authorized", (), "held", "", ""),
    "pending, the decline was not heard": ("declined", (), "held", "", ""),
    "pending, too old": ("authorized", (), "expired", "", "old"),
    "unknown": ("authorized", (UNKNOWN,), "held", "", ""),
    "unknown, too old": ("authorized", (UNKNOWN,), "held", "", "old"),
    "requires action, the customer came back": ("authorized", (CHALLENGED,), "held", "", ""),
    "requires action, too old": ("requires_action", (CHALLENGED,), "held", "", "old"),
    "authorized": ("authorized", (AUTHORIZED,), "held", "", ""),
    "authorized, the hold ran out": ("authorized", (AUTHORIZED,), "expired", "", ""),
    "authorized, too old": ("authorized", (AUTHORIZED,), "committed", "", "old"),
    "confirmed": ("authorized", CONFIRMED, "committed", "", ""),
    "confirmed, the capture was not heard": ("captured", CONFIRMED, "committed", "", ""),
    "failed by a decline": ("declined", (DECLINED,), "held", "", ""),
    "cancelled before payment": ("none", (CANCELLED,), "held", "", ""),
    "cancelled when unknown": ("authorized", (UNKNOWN, CANCELLED), "held", "", ""),
    "cancelled when authorized": ("authorized", (AUTHORIZED, CANCELLED), "held", "", ""),
    "cancelled when confirmed": ("authorized", (*CONFIRMED, CANCELLED), "committed", "", ""),
    "cancelled when captured, nothing asked back": (
        "captured",
        (*CAPTURED, CANCELLED),
        "committed",
        "",
        "",
    ),
    "cancelled, a refund unanswered": (
        "captured",
        (*CAPTURED, CANCELLED),
        "committed",
        f"refund:{TOTAL}:order_closed",
        "",
    ),
    "declined, then captured after all": ("captured", (DECLINED, LATE), "committed", "", ""),
    "captured, a refund unanswered": ("captured", CAPTURED, "committed", "refund:85:goodwill", ""),
    "confirmed, a part cancelled": ("authorized", CONFIRMED, "committed", "cancellation", ""),
    "captured, a part cancelled": ("captured", CAPTURED, "committed", "cancellation", ""),
    "captured, a part cancelled, then all of it": (
        "captured",
        (*CAPTURED, CANCELLED),
        "committed",
        "cancellation",
        "",
    ),
    "partly shipped, a part returned": (
        "captured",
        (*CAPTURED, SHIPPED),
        "committed",
        "return",
        "",
    ),
}


async def orphans(running: Running, name: str) -> Neighbours:
    """Bring many orders to a state along legal edges, and forget everything that was sent about them."""
    truth, steps, stock, parts, age = STATES[name]
    neighbours = Neighbours(running)
    order_ids = await neighbours.place(ORDERS, hours=1 if age else 0)
    for step in steps:
        await running.sql(f"UPDATE orders SET {step}, version = version + 1")  # noqa: S608 - from the table above
    await add_parts(running, parts)
    for order_id in order_ids:
        payment = neighbours.payments[order_id]
        payment.state, payment.version = truth, 3
        payment.captured = TOTAL if truth == "captured" else 0
        neighbours.stocks[order_id].state = stock
    return neighbours


async def add_parts(running: Running, parts: str) -> None:
    kind, _, rest = parts.partition(":")
    if kind == "refund":
        amount, _, reason = rest.partition(":")
        await running.sql(
            "INSERT INTO refunds (id, order_id, amount_minor, currency, status, reason)"
            " SELECT 'rfd_' || id, id, :amount, 'USD', 'requested', :reason FROM orders",
            amount=int(amount),
            reason=reason,
        )
    elif kind:
        if kind == "return":
            await running.sql(
                "INSERT INTO shipments (id, order_id, carrier, tracking_number)"
                " SELECT 'shp_' || id, id, 'DHL', '1' FROM orders"
            )
            await running.sql(
                "INSERT INTO shipment_lines (shipment_id, order_id, sku, quantity)"
                " SELECT 'shp_' || id, id, 'PEN', 1 FROM orders"
            )
        await running.sql(
            "INSERT INTO adjustments (id, order_id, kind, reason, refund_minor, currency, restock)"
            " SELECT 'adj_' || id, id, :kind, 'x', 268, 'USD', 'requested' FROM orders",
            kind=kind,
        )
        await running.sql(
            "INSERT INTO adjustment_lines"
            " (adjustment_id, sku, order_id, quantity, refunded, amount_minor)"
            " SELECT 'adj_' || id, 'PEN', id, 1, 1, 268 FROM orders"
        )


@pytest.mark.parametrize("name", STATES)
async def test_orders_orphaned_in_any_state_come_to_an_end(running: Running, name: str) -> None:
    neighbours = await orphans(running, name)
    await neighbours.settle()
    outcomes = {await neighbours.check(order_id) for order_id in neighbours.payments}
    assert len(outcomes) == 1
    left = await running.sql("SELECT count(*) FROM orders WHERE next_check_at IS NOT NULL")
    assert left[0][0] == 0
