"""Requests about parts of an order: two mugs at 15.00 with 2.18 tax and a pen at 2.50 with 0.18 tax; shipping is 5.99: 40.85 in all."""

from typing import Any

from libs.ids import new_id
from tests.order.running import Running

MUGS = {"sku": "MUG-RED-L", "quantity": 2}
MUG = {"sku": "MUG-RED-L", "quantity": 1}
PEN = {"sku": "PEN-BLUE", "quantity": 1}
PARCEL = {"carrier": "DHL", "tracking_number": "JD0001"}
Answer = tuple[int, dict[str, Any]]


async def post(
    running: Running, order_id: str, what: str, body: dict[str, Any], **headers: str
) -> Answer:
    sent = running.headers(admin=True) | {"Idempotency-Key": new_id("key")} | headers
    if what == "shipments" and "If-Match" not in headers:
        sent["If-Match"] = f'"v{(await running.get(order_id))["version"]}"'
    response = await running.http.post(f"/v1/orders/{order_id}/{what}", json=body, headers=sent)
    return response.status_code, response.json()


async def cancel(running: Running, order_id: str, *lines: dict[str, Any]) -> Answer:
    return await post(running, order_id, "cancel", {"lines": list(lines)})


async def ship(running: Running, order_id: str, *lines: dict[str, Any]) -> Answer:
    return await post(running, order_id, "shipments", PARCEL | {"lines": list(lines)})


async def take_back(
    running: Running, order_id: str, *lines: dict[str, Any], restock: bool = True
) -> Answer:
    body = {"lines": list(lines), "restock": restock, "reason": "damaged"}
    return await post(running, order_id, "returns", body)


async def line_of(running: Running, order_id: str, sku: str) -> dict[str, Any]:
    lines = (await running.get(order_id))["lines"]
    found: dict[str, Any] = next(line for line in lines if line["sku"] == sku)
    return found


async def data_of(running: Running, order_id: str, type_: str) -> list[dict[str, Any]]:
    rows = await running.sql(
        "SELECT envelope::jsonb -> 'data' FROM outbox_messages"
        " WHERE aggregate_id = :id AND type = :type ORDER BY position",
        id=order_id,
        type=type_,
    )
    return [row[0] for row in rows]
