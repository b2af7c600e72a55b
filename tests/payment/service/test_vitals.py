"""What the gauges read: unknown calls, waiting webhooks, and a ledger that balances."""

from services.payment.service.ledger_check import LedgerCheck
from services.payment.service.vitals import Vitals
from tests.payment.conftest import Shop
from tests.payment.service.test_ledger_check import forge
from tests.payment.service.test_webhooks import event_body, receive


async def test_a_quiet_payment_service_reads_zero(shop: Shop) -> None:
    order_id = await shop.captured()
    await shop.refund(order_id, 400)
    await shop.captured(currency="KWD", amount_minor=1234)
    vitals = Vitals(shop.units, LedgerCheck(shop.units, settled_seconds=0))
    await vitals.refresh()
    assert (vitals.unknown.count, vitals.webhooks.count, vitals.ledger.seen.imbalance_minor) == (
        0,
        0,
        0,
    )


async def test_what_waits_is_counted_with_its_age(shop: Shop) -> None:
    await shop.authorize("tok_error_after_charge")
    await shop.authorize("tok_3ds_required")
    await receive(shop, event_body("invoice.paid", {}))
    await shop.admin.execute(
        "UPDATE provider_operations SET created_at = now() - interval '40 seconds'"
    )
    await shop.admin.execute(
        "UPDATE provider_events SET received_at = now() - interval '50 seconds'"
    )
    vitals = Vitals(shop.units, LedgerCheck(shop.units, settled_seconds=0))
    await vitals.refresh()
    assert vitals.unknown.count == 1, "a customer who thinks is no lost answer"
    assert vitals.unknown.oldest_seconds >= 40
    assert vitals.webhooks.count == 1
    assert vitals.webhooks.oldest_seconds >= 50
    await shop.settle()
    await shop.webhooks().process_pending()
    await vitals.refresh()
    assert (vitals.unknown.count, vitals.webhooks.count) == (0, 0)


async def test_an_imbalance_is_seen_whatever_its_sign_and_currency(shop: Shop) -> None:
    await shop.captured()
    vitals = Vitals(shop.units, LedgerCheck(shop.units, settled_seconds=0))
    await vitals.refresh()
    await forge(shop, ("debit", 7, "USD"), ("credit", 5, "JPY"))
    await vitals.refresh()
    assert vitals.ledger.seen.imbalance_minor == 12
