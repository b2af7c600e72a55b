"""However often commands are delivered, the provider is charged the same, and the books and the tidings agree."""

import random

from libs.contracts.message import Command
from libs.contracts.payment import CapturePayment, VoidPayment
from libs.ids import new_id
from libs.messaging.envelope import Envelope
from libs.messaging.outbox import Outbox
from libs.messaging.processing import Processor
from libs.testing.builders import envelope_of
from libs.testing.scale import trials
from services.payment.consumers import handlers
from tests.deliveries import deliver_badly, deliver_well
from tests.payment.conftest import REGION, Shop
from tests.payment.test_consumers import authorize, refund


def story(order_id: str, number: int) -> list[Command]:
    capture, void = CapturePayment(order_id=order_id), VoidPayment(order_id=order_id, reason="late")
    stories: list[list[Command]] = [
        [authorize(order_id), capture, refund(order_id, 400)],
        [authorize(order_id), void],
        [authorize(order_id, "tok_declined")],
        [authorize(order_id), capture, refund(order_id, 1000)],
    ]
    return stories[number % 4]


async def picture(shop: Shop, orders: list[str]) -> list[object]:
    found: list[object] = []
    for order_id in orders:
        charges = [
            {name: charge.get(name) for name in ("status", "amount_minor", "amount", "captured")}
            for charge in await shop.charges(order_id)
        ]
        found.append((await shop.state(order_id), await shop.events(order_id), charges))
    return found


async def test_twins_whose_commands_came_once_and_thrice_end_alike(shop: Shop) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    count = trials(8, 1_000)

    def processor() -> Processor:
        return Processor(
            consumer="payment-commands.fifo",
            handlers=handlers(shop.commands()),
            database=shop.database,
            outbox_of=lambda session: Outbox(session, "payment", REGION, wake=lambda: None),
            transactions=5,
        )

    pictures, books = [], []
    for way in ("once", "thrice"):
        orders = [new_id("ord") for _ in range(count)]
        recorded: list[Envelope] = []
        for number, order_id in enumerate(orders):
            recorded += [envelope_of(one, source="order") for one in story(order_id, number)]
        if way == "once":
            await deliver_well(processor(), recorded)
        else:
            await deliver_badly(processor, recorded, seed, fifo=True)
        pictures.append(await picture(shop, orders))
        books.append(await shop.balances())
    assert pictures[1] == pictures[0], f"seed {seed}"
    assert books[1] == {account: 2 * balance for account, balance in books[0].items()}
