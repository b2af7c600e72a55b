"""Parts of an order: some pieces are cancelled, some are shipped."""

from typing import Any

import pytest

from tests.order.routes.goods import (
    MUG,
    MUGS,
    PARCEL,
    PEN,
    cancel,
    data_of,
    line_of,
    post,
    ship,
    take_back,
)
from tests.order.running import Running


async def test_cancelled_pieces_go_back_to_stock_and_their_price_to_the_customer(
    running: Running,
) -> None:
    order_id = await running.paid()
    status, order = await cancel(running, order_id, MUG)
    assert (status, order["status"], order["shipment_status"]) == (200, "confirmed", "pending")
    (cancellation,) = order["cancellations"]
    assert cancellation["lines"] == [MUG]
    assert cancellation["refund"]["amount_minor"] == 1609
    assert cancellation["restock"] == "requested"
    (refund,) = order["refunds"]
    assert refund["amount"]["amount_minor"] == 1609
    assert refund["pays_for"] == cancellation["cancellation_id"]
    assert (await running.sent(order_id))[-3:] == [
        "order.lines_cancelled.v1",
        "stock.return.v1",
        "payment.refund.v1",
    ]
    (told,) = await data_of(running, order_id, "order.lines_cancelled.v1")
    assert told["lines"] == [MUG]
    assert told["refund"] == {"amount_minor": 1609, "currency": "USD"}
    (asked,) = await data_of(running, order_id, "stock.return.v1")
    assert (asked["return_id"], asked["lines"]) == (cancellation["cancellation_id"], [MUG])
    await running.hear("stock.returned.v1", order_id, return_id=asked["return_id"])
    await running.hear("payment.refunded.v1", order_id, refund_id=refund["refund_id"])
    after = await running.get(order_id)
    assert (after["cancellations"][0]["restock"], after["payment_status"]) == (
        "done",
        "partially_refunded",
    )
    assert (await running.sql("SELECT next_check_at FROM orders"))[0][0] is None


async def test_the_pieces_of_a_line_cost_together_what_was_paid_for_it(running: Running) -> None:
    order_id = await running.paid()
    await ship(running, order_id, PEN)
    for _ in range(2):
        await cancel(running, order_id, MUG)
    order = await running.get(order_id)
    amounts = [one["refund"]["amount_minor"] for one in order["cancellations"]]
    assert amounts == [1609, 1609]
    assert sum(amounts) == 2 * 1500 + 218
    assert (order["status"], order["shipment_status"]) == ("confirmed", "shipped")


async def test_cancelling_the_last_pieces_cancels_the_order_with_its_shipping_fee(
    running: Running,
) -> None:
    order_id = await running.paid()
    await cancel(running, order_id, PEN)
    status, order = await cancel(running, order_id, MUGS)
    assert (status, order["status"]) == (200, "cancelled")
    assert [one["amount"]["amount_minor"] for one in order["refunds"]] == [268, 4085 - 268]
    assert [line["cancelled"] for line in order["lines"]] == [2, 1]
    assert (await running.sent(order_id))[-3:] == [
        "order.cancelled.v1",
        "stock.release.v1",
        "payment.refund.v1",
    ]


async def test_pieces_cancelled_before_the_capture_are_paid_back_after_it(
    running: Running,
) -> None:
    order_id = await running.placed()
    for type_ in ("payment.authorized.v1", "stock.committed.v1"):
        await running.hear(type_, order_id)
    status, order = await cancel(running, order_id, PEN)
    assert (status, order["refunds"]) == (200, [])
    assert order["cancellations"][0]["refund"]["amount_minor"] == 268
    await running.hear("payment.captured.v1", order_id)
    (refund,) = (await running.get(order_id))["refunds"]
    assert (refund["amount"]["amount_minor"], refund["status"]) == (268, "requested")
    assert (await running.sent(order_id))[-1] == "payment.refund.v1"


async def test_a_refused_refund_of_cancelled_pieces_is_asked_for_again(running: Running) -> None:
    order_id = await running.paid()
    _, order = await cancel(running, order_id, PEN)
    (refund,) = order["refunds"]
    await running.hear("payment.refund_failed.v1", order_id, refund_id=refund["refund_id"])
    await running.hear(
        "stock.returned.v1", order_id, return_id=order["cancellations"][0]["cancellation_id"]
    )
    await running.due_now(order_id)
    await running.sweep()
    refunds = (await running.get(order_id))["refunds"]
    assert [one["status"] for one in refunds] == ["failed", "requested"]
    assert refunds[1]["pays_for"] == refund["pays_for"]


async def test_cancelling_lines_needs_a_key_and_repeats_what_it_answered(running: Running) -> None:
    order_id = await running.paid()
    response = await running.http.post(
        f"/v1/orders/{order_id}/cancel", json={"lines": [MUG]}, headers=running.headers()
    )
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    key = {"Idempotency-Key": "once"}
    first = await post(running, order_id, "cancel", {"lines": [MUG]}, **key)
    assert await post(running, order_id, "cancel", {"lines": [MUG]}, **key) == first
    assert (await line_of(running, order_id, "MUG-RED-L"))["cancelled"] == 1


async def test_only_open_pieces_of_a_confirmed_order_can_be_cancelled(running: Running) -> None:
    pending = await running.placed()
    assert (await cancel(running, pending, MUG))[0] == 409
    order_id = await running.paid()
    await ship(running, order_id, MUG)
    status, problem = await cancel(running, order_id, MUGS)
    assert (status, problem["code"]) == (409, "order_not_cancellable")
    assert (problem["sku"], problem["available"]) == ("MUG-RED-L", 1)
    status, problem = await cancel(running, order_id, {"sku": "CUP", "quantity": 1})
    assert (status, problem["available"]) == (409, 0)
    status, problem = await post(running, order_id, "cancel", {})
    assert (status, problem["code"]) == (409, "order_not_cancellable")
    status, _ = await post(running, order_id, "cancel", {"lines": [MUG]}, **{"If-Match": '"v1"'})
    assert status == 412


async def test_parcels_leave_one_after_the_other(running: Running) -> None:
    order_id = await running.paid()
    status, first = await ship(running, order_id, MUG)
    assert (status, first["lines"]) == (201, [MUG])
    assert (await running.get(order_id))["shipment_status"] == "partially_shipped"
    await ship(running, order_id, MUG)
    status, last = await post(running, order_id, "shipments", PARCEL)
    assert (status, last["lines"]) == (201, [PEN])
    order = await running.get(order_id)
    assert order["shipment_status"] == "shipped"
    assert [one["lines"] for one in order["shipments"]] == [[MUG], [MUG], [PEN]]
    told = await data_of(running, order_id, "order.shipped.v1")
    assert [(one["lines"], one["complete"]) for one in told] == [
        ([MUG], False),
        ([MUG], False),
        ([PEN], True),
    ]
    timeline = await running.http.get(f"/v1/orders/{order_id}/timeline", headers=running.headers())
    steps = [(one["axis"], one["to_status"]) for one in timeline.json()["items"]]
    assert steps[-3:] == [
        ("shipment", "partially_shipped"),
        ("shipment", "partially_shipped"),
        ("shipment", "shipped"),
    ]


async def test_cancelled_pieces_are_not_shipped(running: Running) -> None:
    order_id = await running.paid()
    await cancel(running, order_id, MUG)
    status, problem = await ship(running, order_id, MUGS)
    assert (status, problem["code"], problem["available"]) == (409, "order_not_shippable", 1)
    status, parcel = await post(running, order_id, "shipments", PARCEL)
    assert (status, parcel["lines"]) == (201, [MUG, PEN])
    assert (await running.get(order_id))["shipment_status"] == "shipped"


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("cancel", {"lines": []}),
        ("cancel", {"lines": [MUG, MUG]}),
        ("cancel", {"lines": [{"sku": "MUG-RED-L", "quantity": 0}]}),
        ("shipments", PARCEL | {"lines": [MUG, MUGS]}),
        ("returns", {"lines": [MUG]}),
        ("returns", {"restock": True}),
        ("refunds", {"lines": [MUG], "amount": {"amount_minor": 1, "currency": "USD"}}),
        ("refunds", {"amount": {"amount_minor": 0, "currency": "USD"}}),
    ],
)
async def test_a_request_that_says_too_little_or_too_much_is_refused(
    running: Running, what: str, body: dict[str, Any]
) -> None:
    order_id = await running.paid()
    status, problem = await post(running, order_id, what, body)
    assert (status, problem["code"]) == (422, "invalid_request"), problem


async def test_an_order_shipped_before_parcels_had_lines_was_shipped_whole(
    running: Running,
) -> None:
    order_id = await running.paid()
    await running.sql(
        "INSERT INTO shipments (id, order_id, carrier, tracking_number)"
        " VALUES ('shp_old', :id, 'DHL', '1')",
        id=order_id,
    )
    await running.sql("UPDATE orders SET shipment_status = 'shipped', version = version + 1")
    assert (await running.get(order_id))["shipments"][0]["lines"] == [MUGS, PEN]
    status, back = await take_back(running, order_id, MUG)
    assert (status, back["refund"]["amount_minor"]) == (201, 1609)
