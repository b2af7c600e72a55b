from datetime import UTC, datetime

import pytest

from libs.contracts.user import ErasureRequested
from libs.testing.builders import envelope_of
from services.order.dependencies import carry_on_erasing, release_legal_holds
from services.order.domain.retention import invoice_kept_until
from tests.order.routes.test_changing import cancel, ship
from tests.order.running import Running
from tests.order.shop import CUSTOMER, OTHER

COMPLETED = "order.erasure_completed.v1"


async def forget(running: Running, user_id: str = CUSTOMER) -> None:
    request = ErasureRequested(user_id=user_id, erasure_id=f"ers_{user_id}")
    await running.processor().process(envelope_of(request, source="user"))


async def personal(running: Running, order_id: str) -> tuple[str, str, bool]:
    rows = await running.sql(
        "SELECT personal_data, payment_method, held_until IS NOT NULL FROM orders WHERE id = :id",
        id=order_id,
    )
    return rows[0][0], rows[0][1], rows[0][2]


async def sent_off(running: Running, order_id: str) -> None:
    read = await running.http.get(f"/v1/orders/{order_id}", headers=running.headers())
    status, body = await ship(running, order_id, **{"If-Match": read.headers["ETag"]})
    assert status == 201, body


async def shown_to_staff(running: Running, order_id: str) -> dict[str, object] | None:
    answer = await running.http.get(f"/v1/orders/{order_id}", headers=running.headers(admin=True))
    address: dict[str, object] | None = answer.json()["ship_to"]
    return address


async def test_an_unpaid_order_is_emptied_and_a_paid_one_keeps_its_invoices_address(
    running: Running,
) -> None:
    unpaid = await running.placed()
    await cancel(running, unpaid)
    for type_ in ("payment.voided.v1", "stock.released.v1"):
        await running.hear(type_, unpaid)
    paid = await running.paid()
    await sent_off(running, paid)
    await forget(running)
    assert await personal(running, unpaid) == ("erased", "erased", False)
    assert await personal(running, paid) == ("held", "erased", True)
    assert await shown_to_staff(running, unpaid) is None
    assert await shown_to_staff(running, paid)
    assert await running.sent(CUSTOMER) == [COMPLETED]


async def test_an_erasure_waits_for_the_last_open_order_and_then_goes_on_by_itself(
    running: Running,
) -> None:
    order_id = await running.paid()
    await forget(running)
    assert await personal(running, order_id) == ("present", "tok_ok", False)
    assert await running.sent(CUSTOMER) == []
    refused = await running.post_order()
    assert (refused.status_code, refused.json()["code"]) == (410, "account_erased")
    await sent_off(running, order_id)
    await carry_on_erasing(running.resources)
    assert (await personal(running, order_id))[0] == "held"
    assert await running.sent(CUSTOMER) == [COMPLETED]


async def test_a_request_that_comes_again_is_answered_again(running: Running) -> None:
    await forget(running)
    await forget(running)
    assert await running.sent(CUSTOMER) == [COMPLETED, COMPLETED]


async def test_the_orders_of_others_stay_as_they_are(running: Running) -> None:
    order_id = await running.placed()
    await forget(running, OTHER)
    assert (await personal(running, order_id))[0] == "present"


async def test_a_legal_hold_ends_the_day_after_its_last(running: Running) -> None:
    order_id = await running.paid()
    await sent_off(running, order_id)
    await forget(running)
    await running.sql("UPDATE orders SET held_until = current_date")
    await release_legal_holds(running.resources)
    assert (await personal(running, order_id))[0] == "held"
    await running.sql("UPDATE orders SET held_until = current_date - 1")
    await release_legal_holds(running.resources)
    assert await personal(running, order_id) == ("erased", "erased", False)
    assert await shown_to_staff(running, order_id) is None


@pytest.mark.parametrize("month", [1, 12])
def test_an_invoice_is_kept_for_ten_years_after_the_year_of_its_sale(month: int) -> None:
    kept = invoice_kept_until(datetime(2026, month, 1, tzinfo=UTC))
    assert kept.isoformat() == "2036-12-31"
