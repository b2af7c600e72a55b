import pytest

from libs.clock import utc_now
from libs.ids import new_id
from libs.testing.tokens import TokenFactory
from tests.order.running import Running
from tests.order.shop import OTHER

PARCEL = {"carrier": "DHL", "tracking_number": "JD0001"}


async def cancel(running: Running, order_id: str, **headers: str) -> tuple[int, dict[str, object]]:
    response = await running.http.post(
        f"/v1/orders/{order_id}/cancel", headers=running.headers() | headers
    )
    return response.status_code, response.json()


async def ship(running: Running, order_id: str, **headers: str) -> tuple[int, dict[str, object]]:
    response = await running.http.post(
        f"/v1/orders/{order_id}/shipments",
        json=PARCEL,
        headers=running.headers(admin=True) | headers,
    )
    return response.status_code, response.json()


async def refund(
    running: Running, order_id: str, amount: int | None = None, key: str | None = None
) -> tuple[int, dict[str, object]]:
    body = {} if amount is None else {"amount": {"amount_minor": amount, "currency": "USD"}}
    response = await running.http.post(
        f"/v1/orders/{order_id}/refunds",
        json=body,
        headers=running.headers(admin=True) | {"Idempotency-Key": key or new_id("key")},
    )
    return response.status_code, response.json()


async def test_cancelling_a_pending_order_voids_and_releases(running: Running) -> None:
    order_id = await running.placed()
    status, body = await cancel(running, order_id)
    assert (status, body["status"], body["reason"]) == (200, "cancelled", "changed_mind")
    assert (await running.sent(order_id))[2:] == [
        "order.cancelled.v1",
        "payment.void.v1",
        "stock.release.v1",
    ]


async def test_cancelling_a_paid_order_requests_a_refund(running: Running) -> None:
    order_id = await running.paid()
    _, body = await cancel(running, order_id)
    refunds = body["refunds"]
    assert isinstance(refunds, list)
    assert refunds[0]["amount"]["amount_minor"] == 4085
    assert refunds[0]["reason"] == "order_closed"
    assert (await running.sent(order_id))[-3:] == [
        "order.cancelled.v1",
        "stock.release.v1",
        "payment.refund.v1",
    ]


async def test_cancelling_twice_is_harmless_even_with_a_stale_tag(running: Running) -> None:
    order_id = await running.placed()
    await cancel(running, order_id, **{"If-Match": '"v1"'})
    sent = await running.sent(order_id)
    status, body = await cancel(running, order_id, **{"If-Match": '"v1"'})
    assert (status, body["status"]) == (200, "cancelled")
    assert await running.sent(order_id) == sent


async def test_a_stale_tag_stops_a_cancellation(running: Running) -> None:
    order_id = await running.placed()
    await running.hear("payment.authorized.v1", order_id)
    status, body = await cancel(running, order_id, **{"If-Match": '"v1"'})
    assert (status, body["code"]) == (412, "precondition_failed")
    assert (await running.get(order_id))["status"] == "pending"


async def test_a_failed_or_shipped_order_cannot_be_cancelled(running: Running) -> None:
    failed = await running.placed()
    await running.hear("payment.declined.v1", failed)
    shipped = await running.paid()
    await ship(running, shipped, **{"If-Match": '"v4"'})
    for order_id in (failed, shipped):
        status, body = await cancel(running, order_id)
        assert (status, body["code"]) == (409, "order_not_cancellable")


async def test_a_reason_can_be_given_and_staff_may_cancel(running: Running) -> None:
    order_id = await running.placed()
    response = await running.http.post(
        f"/v1/orders/{order_id}/cancel",
        json={"reason": "too_slow"},
        headers=running.headers(OTHER, admin=True),
    )
    assert response.json()["reason"] == "too_slow"
    timeline = await running.http.get(f"/v1/orders/{order_id}/timeline", headers=running.headers())
    assert timeline.json()["items"][-1]["cause"] == "cancelled_by_staff"


async def test_a_paid_order_is_shipped_once(running: Running) -> None:
    order_id = await running.paid()
    tag = f'"v{(await running.get(order_id))["version"]}"'
    status, body = await ship(running, order_id, **{"If-Match": tag})
    assert (status, body["carrier"]) == (201, "DHL")
    order = await running.get(order_id)
    assert (order["shipment_status"], len(order["shipments"])) == ("shipped", 1)
    assert (await running.sent(order_id))[-1] == "order.shipped.v1"
    again, problem = await ship(running, order_id, **{"If-Match": f'"v{order["version"]}"'})
    assert (again, problem["code"]) == (409, "order_not_shippable")


async def test_shipping_needs_the_current_tag(running: Running) -> None:
    order_id = await running.paid()
    status, body = await ship(running, order_id)
    assert (status, body["code"]) == (428, "precondition_required")
    status, body = await ship(running, order_id, **{"If-Match": '"v1"'})
    assert (status, body["code"]) == (412, "precondition_failed")


async def test_an_unpaid_order_is_not_shipped(running: Running) -> None:
    order_id = await running.placed()
    status, body = await ship(running, order_id, **{"If-Match": '"v1"'})
    assert (status, body["code"]) == (409, "order_not_shippable")
    rows = await running.sql("SELECT count(*) FROM shipments")
    assert rows[0][0] == 0


async def test_refunds_are_asked_for_in_parts_and_never_exceed_the_capture(
    running: Running,
) -> None:
    order_id = await running.paid()
    status, body = await refund(running, order_id, 1000, "key-1")
    assert (status, body["status"]) == (201, "requested")
    assert await refund(running, order_id, 1000, "key-1") == (201, body)
    status, body = await refund(running, order_id, 3086)
    assert (status, body["code"]) == (409, "refund_too_large")
    status, rest = await refund(running, order_id)
    assert isinstance(rest["amount"], dict)
    assert (status, rest["amount"]["amount_minor"]) == (201, 3085)
    status, body = await refund(running, order_id)
    assert (status, body["code"]) == (409, "order_not_refundable")
    sent = await running.sent(order_id)
    assert sent.count("payment.refund.v1") == 2


async def test_a_refund_reaches_the_order_when_the_provider_answered(running: Running) -> None:
    order_id = await running.paid()
    _, first = await refund(running, order_id, 1000)
    _, second = await refund(running, order_id, 85)
    for body in (first, second):
        await running.hear("payment.refunded.v1", order_id, refund_id=body["refund_id"])
    order = await running.get(order_id)
    assert order["payment_status"] == "partially_refunded"
    assert order["refunded"]["amount_minor"] == 1085
    timeline = await running.http.get(f"/v1/orders/{order_id}/timeline", headers=running.headers())
    steps = [(item["from_status"], item["to_status"]) for item in timeline.json()["items"]]
    assert steps[-2:] == [
        ("captured", "partially_refunded"),
        ("partially_refunded", "partially_refunded"),
    ]
    _, rest = await refund(running, order_id)
    await running.hear("payment.refunded.v1", order_id, refund_id=rest["refund_id"])
    assert (await running.get(order_id))["payment_status"] == "refunded"


async def test_a_refund_needs_a_key(running: Running) -> None:
    order_id = await running.paid()
    response = await running.http.post(
        f"/v1/orders/{order_id}/refunds", json={}, headers=running.headers(admin=True)
    )
    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("what", ["shipments", "refunds"])
async def test_customers_cannot_do_what_staff_do(running: Running, what: str) -> None:
    order_id = await running.placed()
    response = await running.http.post(
        f"/v1/orders/{order_id}/{what}",
        json=PARCEL if what == "shipments" else {},
        headers=running.headers() | {"Idempotency-Key": "k1", "If-Match": '"v1"'},
    )
    assert response.status_code == 403


@pytest.mark.parametrize("what", ["cancel", "shipments", "refunds"])
async def test_an_unknown_order_is_not_found(running: Running, what: str) -> None:
    response = await running.http.post(
        f"/v1/orders/ord_{'0' * 32}/{what}",
        json=PARCEL if what == "shipments" else {},
        headers=running.headers(admin=True) | {"Idempotency-Key": "k1", "If-Match": '"v1"'},
    )
    assert (response.status_code, response.json()["code"]) == (404, "order_not_found")


async def test_somebody_elses_order_cannot_be_cancelled(running: Running) -> None:
    order_id = await running.placed()
    response = await running.http.post(
        f"/v1/orders/{order_id}/cancel", headers=running.headers(OTHER)
    )
    assert (response.status_code, response.json()["code"]) == (404, "order_not_found")


async def test_a_session_that_ended_cannot_move_money(
    running: Running, token_factory: object
) -> None:
    order_id = await running.placed()
    token = token_factory(session=False)  # type: ignore[operator]  # a TokenFactory
    response = await running.http.post(
        f"/v1/orders/{order_id}/cancel", headers={"Authorization": f"Bearer {token}"}
    )
    assert response.status_code == 401


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("refunds", {}),
        (
            "returns",
            {
                "lines": [{"sku": "TEE-1", "quantity": 1}],
                "restock": True,
                "reason": "wrong_item",
            },
        ),
    ],
)
async def test_money_goes_back_only_by_whoever_has_just_proved_who_they_are(
    running: Running, token_factory: TokenFactory, what: str, body: dict[str, object]
) -> None:
    order_id = await running.placed()
    long_ago = int(utc_now().timestamp()) - 301
    token = token_factory.admin(auth_time=long_ago)
    refused = await running.http.post(
        f"/v1/orders/{order_id}/{what}",
        json=body,
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": new_id("key")},
    )
    assert (refused.status_code, refused.json()["code"]) == (
        401,
        "insufficient_user_authentication",
    )


async def test_staff_who_showed_a_password_alone_neither_see_nor_change_anybodys_order(
    running: Running, token_factory: TokenFactory
) -> None:
    order_id = await running.placed()
    headers = {
        "Authorization": f"Bearer {token_factory.admin_by_password()}",
        "Idempotency-Key": new_id("key"),
    }
    seen = await running.http.get(f"/v1/orders/{order_id}", headers=headers)
    shipped = await running.http.post(
        f"/v1/orders/{order_id}/shipments", json={}, headers={**headers, "If-Match": '"v1"'}
    )
    cancelled = await running.http.post(
        f"/v1/orders/{order_id}/cancel", json={}, headers={**headers, "If-Match": '"v1"'}
    )
    assert (seen.status_code, cancelled.status_code) == (404, 404)
    assert (shipped.status_code, shipped.json()["code"]) == (401, "staff_second_factor_required")
