import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import psutil
import pytest

from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack, start_stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = start_stack(tmp_path_factory.mktemp("split"), "--split")
    yield running
    if running.process.poll() is None:
        running.stop()


@asynccontextmanager
async def administrator(stack: Stack) -> AsyncIterator[Shopper]:
    async with httpx.AsyncClient(base_url=stack.gateway, timeout=60) as http:
        yield await Shopper(http).log_in_as(stack.administrator)


async def ordered(admin: Shopper) -> tuple[Shopper, str]:
    sku = await new_product(admin, stock=3)
    buyer = await Shopper(admin.http).register()
    cart = await buyer.fill_cart(sku)
    placed = await buyer.place(await buyer.order_body(cart["cart_id"]))
    assert placed.status_code == 202, placed.text
    return buyer, placed.json()["order_id"]


async def test_an_order_settles_although_its_worker_is_killed_mid_saga(split: Stack) -> None:
    async with administrator(split) as admin:
        buyer, order_id = await ordered(admin)
        os.kill(split.pid_of("order-worker"), signal.SIGKILL)
        assert (await settled(buyer, order_id, 90))["status"] == "confirmed"


async def test_after_the_supervisor_was_killed_the_next_up_cleans_and_carries_on(
    split: Stack,
) -> None:
    async with administrator(split) as admin:
        buyer, order_id = await ordered(admin)
        family = psutil.Process(split.process.pid).children(recursive=True)
        split.process.kill()
        split.process.wait()
    again = start_stack(split.home, "--split", offset=int(split.environment["PORT_OFFSET"]))
    try:
        assert not [old for old in family if old.is_running()]
        async with httpx.AsyncClient(base_url=again.gateway, timeout=60) as http:
            buyer.http = http
            assert (await settled(buyer, order_id, 90))["status"] == "confirmed"
    finally:
        again.stop()
