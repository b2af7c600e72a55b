"""What moves money or pieces is named after its key: a repeat that comes after the key was forgotten finds it."""

from typing import Any

import pytest

from tests.order.routes.goods import MUG, PEN, Answer, post, ship
from tests.order.running import Running

REPEATED: dict[str, tuple[str, dict[str, Any]]] = {
    "cancelled pieces": ("cancel", {"lines": [PEN]}),
    "returned pieces": ("returns", {"lines": [MUG], "restock": True, "reason": "damaged"}),
    "a refund of an amount": (
        "refunds",
        {"amount": {"amount_minor": 100, "currency": "USD"}, "reason": "goodwill"},
    ),
    "a refund of pieces": ("refunds", {"lines": [MUG], "reason": "damaged"}),
}


async def again_without_its_key(
    running: Running, order_id: str, what: str, body: dict[str, Any]
) -> Answer:
    await running.sql("DELETE FROM idempotency_keys RETURNING key")
    return await post(running, order_id, what, body, **{"Idempotency-Key": "mine"})


@pytest.mark.parametrize("case", REPEATED)
async def test_a_repeat_after_the_key_was_forgotten_makes_nothing_new(
    running: Running, case: str
) -> None:
    what, body = REPEATED[case]
    order_id = await running.paid()
    assert (await ship(running, order_id, MUG))[0] == 201
    first = await post(running, order_id, what, body, **{"Idempotency-Key": "mine"})
    assert first[0] in {200, 201}, first
    before = await running.get(order_id)
    told = await running.sent(order_id)
    late = await again_without_its_key(running, order_id, what, body)
    assert late == first
    assert await running.get(order_id) == before
    assert await running.sent(order_id) == told


@pytest.mark.parametrize("case", REPEATED)
async def test_another_key_makes_another(running: Running, case: str) -> None:
    what, body = REPEATED[case]
    order_id = await running.paid()
    assert (await ship(running, order_id, MUG))[0] == 201
    assert (await post(running, order_id, what, body))[0] in {200, 201}
    version = (await running.get(order_id))["version"]
    other, _ = await post(running, order_id, what, body)
    # The one pen is cancelled and the one mug paid back; only an amount can be had once more.
    assert other == (201 if "amount" in body else 409)
    assert ((await running.get(order_id))["version"] > version) == (other == 201)
