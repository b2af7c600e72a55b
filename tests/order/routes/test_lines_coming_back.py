"""What was shipped comes back or was lost: it is paid back by line, once, and restocked if it can be sold."""

from tests.order.routes.goods import MUG, MUGS, PEN, cancel, data_of, line_of, post, ship, take_back
from tests.order.running import Running


async def test_returned_pieces_are_paid_back_and_restocked_if_they_can_be_sold(
    running: Running,
) -> None:
    order_id = await running.paid()
    await ship(running, order_id, MUGS, PEN)
    status, sound = await take_back(running, order_id, MUG)
    assert (status, sound["restock"], sound["refund"]["amount_minor"]) == (201, "requested", 1609)
    _, broken = await take_back(running, order_id, PEN, restock=False)
    assert (broken["restock"], broken["refund"]["amount_minor"]) == ("none", 268)
    asked = await data_of(running, order_id, "stock.return.v1")
    assert [one["return_id"] for one in asked] == [sound["return_id"]]
    told = await data_of(running, order_id, "order.returned.v1")
    assert [one["return_id"] for one in told] == [sound["return_id"], broken["return_id"]]
    order = await running.get(order_id)
    assert [one["return_id"] for one in order["returns"]] == [one["return_id"] for one in told]
    assert (await line_of(running, order_id, "PEN-BLUE"))["returned"] == 1
    assert (await running.sent(order_id)).count("payment.refund.v1") == 2


async def test_no_more_comes_back_than_the_customer_has(running: Running) -> None:
    order_id = await running.paid()
    assert (await take_back(running, order_id, MUG))[1]["code"] == "order_not_returnable"
    await ship(running, order_id, MUG)
    assert (await take_back(running, order_id, MUGS))[1]["available"] == 1
    assert (await take_back(running, order_id, MUG))[0] == 201
    assert (await take_back(running, order_id, MUG))[1]["available"] == 0


async def test_lost_pieces_are_refunded_by_line_and_never_twice(running: Running) -> None:
    order_id = await running.paid()
    status, problem = await post(running, order_id, "refunds", {"lines": [MUG]})
    assert (status, problem["code"]) == (409, "order_not_refundable")
    await ship(running, order_id, MUGS, PEN)
    status, refund = await post(running, order_id, "refunds", {"lines": [MUG]})
    assert (status, refund["amount"]["amount_minor"], refund["lines"]) == (201, 1609, [MUG])
    assert (await post(running, order_id, "refunds", {"lines": [MUGS]}))[0] == 409
    _, both = await take_back(running, order_id, MUGS)
    assert both["refund"]["amount_minor"] == 1609, "one of the two was paid back before"
    assert (await post(running, order_id, "refunds", {"lines": [MUG]}))[0] == 409
    assert (await line_of(running, order_id, "MUG-RED-L"))["refunded"] == 2


async def test_pieces_are_paid_back_from_what_is_left_and_no_further(running: Running) -> None:
    order_id = await running.paid()
    await ship(running, order_id, MUG)
    amount = {"amount": {"amount_minor": 3000, "currency": "USD"}}
    assert (await post(running, order_id, "refunds", amount))[0] == 201
    _, order = await cancel(running, order_id, MUG)
    assert order["cancellations"][0]["refund"]["amount_minor"] == 1085
    status, problem = await ship(running, order_id, PEN)
    assert (status, problem["code"]) == (409, "order_not_shippable")
    _, back = await take_back(running, order_id, MUG)
    assert back["refund"]["amount_minor"] == 0
    status, problem = await post(running, order_id, "refunds", {"lines": [MUG]})
    assert (status, problem["code"]) == (409, "order_not_refundable")


async def test_nothing_is_paid_back_for_pieces_that_cost_nothing(running: Running) -> None:
    running.shop.prices["PEN-BLUE"] = 0
    response = await running.post_order(total=3000 + 218 + 599)
    order_id = response.json()["order_id"]
    amount = {"amount_minor": 3817, "currency": "USD"}
    for type_ in ("payment.authorized.v1", "stock.committed.v1", "payment.captured.v1"):
        await running.hear(type_, order_id, amount=amount)
    await ship(running, order_id, PEN)
    assert (await post(running, order_id, "refunds", {"lines": [PEN]}))[0] == 409
    assert (await take_back(running, order_id, PEN))[0] == 201
    assert "payment.refund.v1" not in await running.sent(order_id)


async def test_returns_are_for_staff_and_need_a_key(running: Running) -> None:
    order_id = await running.paid()
    body = {"lines": [MUG], "restock": True}
    path = f"/v1/orders/{order_id}/returns"
    response = await running.http.post(
        path, json=body, headers=running.headers() | {"Idempotency-Key": "k1"}
    )
    assert response.status_code == 403
    response = await running.http.post(path, json=body, headers=running.headers(admin=True))
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
