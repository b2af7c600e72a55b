"""Twenty-five ways in which two books came to differ, at least two of every kind."""

from libs.ids import new_id
from tests.payment.reconciliation.world import Sale, World


async def plant(world: World) -> None:
    """Break the books; the world remembers what has to be found."""
    for _ in range(3):
        world.expect("missing_here", world.their_charge(new_id("pay"), new_id("ord")))
    world.expect("missing_here", world.their_charge(None, new_id("ord"), status="authorized"))
    await _missing_there(world)
    await _other_amounts(world)
    await _other_currencies(world)
    for state in ("captured", "captured", "authorized"):
        sale = world.sale(state)
        double = world.their_charge(sale.payment_id, sale.order_id, amount=sale.amount)
        world.expect("duplicate_charge", double)
    await _refunds_of_theirs(world)
    await _other_states(world)
    await _unbooked(world)


async def _missing_there(world: World) -> None:
    for state in ("captured", "captured", "authorized"):
        sale = world.sale(state)
        world.theirs("DELETE FROM charges WHERE id = ?", sale.charge)
        world.expect("missing_there", sale.payment_id)
    sale = world.sale("partially_refunded")
    [(refund_id, reference, _)] = sale.refunds
    world.theirs("DELETE FROM refunds WHERE id = ?", reference)
    world.expect("missing_there", refund_id)


async def _other_amounts(world: World) -> None:
    for state in ("captured", "authorized"):
        sale = world.sale(state)
        world.theirs(
            "UPDATE charges SET amount_minor = amount_minor + 1,"
            " captured_minor = CASE status WHEN 'captured' THEN captured_minor + 1 ELSE 0 END"
            " WHERE id = ?",
            sale.charge,
        )
        world.expect("amount", sale.charge)
    sale = world.sale("captured")
    world.theirs("UPDATE charges SET captured_minor = captured_minor - 1 WHERE id = ?", sale.charge)
    world.expect("amount", sale.charge)


async def _other_currencies(world: World) -> None:
    for state in ("captured", "authorized"):
        sale = world.sale(state)
        world.theirs("UPDATE charges SET currency = 'GBP' WHERE id = ?", sale.charge)
        world.expect("currency", sale.charge)


async def _refunds_of_theirs(world: World) -> None:
    for refund_id in (None, new_id("rfd")):
        sale = world.sale("captured")
        world.expect("refund_only", world.their_refund(sale, refund_id, 5))
    sale = world.sale("partially_refunded")
    [(known, _, amount)] = sale.refunds
    # The same refund twice: whichever is listed first is taken for ours.
    reference = world.their_refund(sale, known, amount, reference=f"zz_{new_id('re')}")
    world.expect("refund_only", reference)


async def _other_states(world: World) -> None:
    for ours, theirs in (("voided", "captured"), ("captured", "voided"), ("authorized", "voided")):
        sale = world.sale(ours)
        taken = sale.amount if theirs == "captured" else 0
        world.theirs(
            "UPDATE charges SET status = ?, captured_minor = ? WHERE id = ?",
            theirs,
            taken,
            sale.charge,
        )
        world.expect("state", sale.charge)


async def _unbooked(world: World) -> None:
    for _ in range(2):
        sale = world.sale("captured")
        await _unbook(world, sale, "capture")
    sale = world.sale("partially_refunded")
    await _unbook(world, sale, f"refund:{sale.refunds[0][0]}")


async def _unbook(world: World, sale: Sale, purpose: str) -> None:
    found = "SELECT id FROM ledger_transactions WHERE payment_id = $1 AND purpose = $2"
    await world.forced(
        f"DELETE FROM ledger_entries WHERE transaction_id IN ({found})",  # noqa: S608 - a constant
        sale.payment_id,
        purpose,
    )
    await world.forced(
        "DELETE FROM ledger_transactions WHERE payment_id = $1 AND purpose = $2",
        sale.payment_id,
        purpose,
    )
    world.expect("ledger_missing", f"{sale.payment_id}:{purpose}")
