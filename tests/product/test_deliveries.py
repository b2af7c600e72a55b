"""However often commands are delivered, each reservation comes to the same end and the piles are the same."""

import random

from libs.contracts.message import Command
from libs.contracts.product import (
    CommitStock,
    ExtendHold,
    ReleaseStock,
    ReturnedPieces,
    ReturnStock,
)
from libs.database.session import Database
from libs.ids import new_id
from libs.messaging.envelope import Envelope
from libs.messaging.processing import Processor
from libs.testing.builders import envelope_of
from libs.testing.scale import trials
from libs.topology import MASTER_REGION
from services.product.consumers import handlers
from tests.deliveries import deliver_badly, deliver_well, rows_of
from tests.product.shop import Shop, outbox_of


def story(order_id: str, sku: str, number: int) -> list[Command]:
    back = ReturnStock(
        order_id=order_id,
        return_id=f"ret_{order_id}",
        lines=(ReturnedPieces(sku=sku, quantity=1),),
        reason="unwanted",
    )
    extend, commit = ExtendHold(order_id=order_id, ttl_seconds=900), CommitStock(order_id=order_id)
    release = ReleaseStock(order_id=order_id, reason="cancelled")
    return [[extend, commit], [release, commit], [back, commit], [commit, back, release]][
        number % 4
    ]


async def picture(database: Database, orders: list[str], sku: str) -> list[object]:
    told = "SELECT type, count(*) FROM outbox_messages WHERE aggregate_id = ANY(:ids) GROUP BY type"
    held = "SELECT * FROM reservations WHERE order_id = ANY(:ids)"
    piles = "SELECT available, held, sold FROM stock_levels WHERE sku = :sku"
    return [
        await rows_of(database, told, ids=orders),
        await rows_of(database, held, ids=orders),
        await rows_of(database, piles, sku=sku),
    ]


async def test_twins_whose_commands_came_once_and_thrice_end_alike(
    database: Database, shop: Shop
) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - a seed to repeat a failure with
    count = trials(24, 2_000)

    def processor() -> Processor:
        return Processor(
            consumer="product-commands.fifo",
            handlers=handlers(MASTER_REGION),
            database=database,
            outbox_of=outbox_of,
            transactions=5,
        )

    pictures = []
    for sku in ("GOOD", "EVIL"):
        await shop.product(sku.lower(), stock={sku: 3 * count})
        orders = [new_id("ord") for _ in range(count)]
        recorded: list[Envelope] = []
        for number, order_id in enumerate(orders):
            await shop.hold({sku: 2}, order_id)
            recorded += [envelope_of(one, source="order") for one in story(order_id, sku, number)]
        if sku == "GOOD":
            await deliver_well(processor(), recorded)
        else:
            await deliver_badly(processor, recorded, seed, fifo=True)
        pictures.append(await picture(database, orders, sku))
    assert pictures[1] == pictures[0], f"seed {seed}"
    assert all(pictures[0]), "something happened"
