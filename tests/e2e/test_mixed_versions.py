"""The released code and ours share one database and one broker while the schema grows and shrinks under them."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import pytest

from libs.cache.access import access_string
from libs.cache.redis import open_redis
from libs.security.master_key import add_version
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from libs.topology import SERVICES
from local.environments import Environments
from local.settings import ROOT
from tests.e2e.replicas import url_of
from tests.e2e.shopper import Shopper, new_product, settled
from tests.e2e.stack import Stack, start_stack
from tests.e2e.unfinished import unfinished_messages
from tests.e2e.versions import (
    AnyVersion,
    Fleet,
    as_released,
    environments_of,
    redis_without_users,
    released_tree,
    run_tool,
    running_version,
)

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

BUYERS: Final = 4
CHECKOUTS: Final = trials(8, 125)
"""In each of four phases."""

TABLES: Final = (
    "shop_order.orders", "shop_order.order_lines", "shop_payment.payments",
    "shop_payment.provider_operations", "shop_product.products", "shop_product.stock_levels",
    "shop_product.reservations", "shop_cart.carts", "shop_user.addresses", "shop_auth.identities",
)  # fmt: skip
"""A column comes and goes in each, as an expanding and later a contracting migration would have it."""


async def test_no_customer_notices_that_a_new_version_is_rolled_out(tmp_path: Path) -> None:
    released = released_tree(tmp_path / "released")
    stack = start_stack(tmp_path, root=released)
    fleet = Fleet()
    for service in SERVICES:
        fleet.add(service, url_of(stack, service))
    try:
        async with _shop(stack, fleet) as (admin, sku):
            placed = await _trade(fleet, sku)
            placed += await _trade(fleet, sku, lambda: _expand(stack))
            with _both_versions(stack, released, fleet) as only_new:
                placed += await _trade(fleet, sku)
                only_new()
                placed += await _trade(fleet, sku, lambda: _contract(stack))
                await _nothing_left_over(stack)
                await log_in(admin, stack)  # a token lives for five minutes
                await _all_is_counted(admin, sku, placed)
    finally:
        stack.stop()


@contextmanager
def _both_versions(stack: Stack, released: Path, fleet: Fleet) -> Iterator[Callable[[], None]]:
    """Run our version beside the released one, each calling the other too; yields what retires the old APIs."""
    environments = environments_of(stack)
    old = {service: url_of(stack, service) for service in SERVICES}
    called = {service: old[service] for service in ("product", "user")}
    with running_version(environments, ROOT, stack.home / "ours", called) as ours:
        peers = {service: one.url for service, one in ours.items() if service != "order"}
        log = stack.home / "theirs"
        with running_version(as_released(environments), released, log, peers, ["order"]) as theirs:
            for service, one in [*ours.items(), *theirs.items()]:
                fleet.add(service, one.url)

            def retire() -> None:
                fleet.remove("order", theirs["order"].url)
                for service, url in old.items():
                    fleet.remove(service, url)

            yield retire


async def log_in(admin: Shopper, stack: Stack) -> Shopper:
    return await admin.log_in_as(stack.administrator)


async def _all_is_counted(admin: Shopper, sku: str, placed: Sequence[str]) -> None:
    level = await admin.get(f"/v1/stock-levels/{sku}")
    assert (level["held"], level["sold"]) == (0, len(placed))
    books = await admin.get("/v1/ledger/balances")
    assert sum(int(item["balance_minor"]) for item in books["items"]) == 0


@asynccontextmanager
async def _shop(stack: Stack, fleet: Fleet) -> AsyncIterator[tuple[Shopper, str]]:
    async with _client(fleet, seed=0) as http:
        root = stack.administrator
        admin = await Shopper(http).log_in(root.email, root.password)  # all the old version knows
        yield admin, await new_product(admin, stock=1_000 * CHECKOUTS)


async def _trade(
    fleet: Fleet, sku: str, meanwhile: Callable[[], Awaitable[None]] | None = None
) -> list[str]:
    """Have every customer buy his share, each step with whichever version answers, while `meanwhile` happens."""
    async with asyncio.TaskGroup() as together:
        change = together.create_task(_perform(meanwhile))
        buying = [together.create_task(_buy(fleet, sku, seed, change)) for seed in range(BUYERS)]
    return [order_id for one in buying for order_id in one.result()]


async def _perform(change: Callable[[], Awaitable[None]] | None) -> None:
    if change is not None:
        await change()


async def _buy(fleet: Fleet, sku: str, seed: int, change: asyncio.Task[None]) -> list[str]:
    """Buy one piece after another until the share is bought and the change is through."""
    bought: list[str] = []
    async with _client(fleet, seed) as http:
        while len(bought) < CHECKOUTS // BUYERS or not change.done():
            buyer = await Shopper(http).register()
            cart = await buyer.fill_cart(sku)
            placed = await buyer.place(await buyer.order_body(cart["cart_id"]))
            assert placed.status_code == 202, placed.text
            order = await settled(buyer, placed.json()["order_id"])
            assert order["status"] == "confirmed"
            bought.append(order["order_id"])
    return bought


@asynccontextmanager
async def _client(fleet: Fleet, seed: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url="http://any",
        timeout=30,
        transport=AnyVersion(fleet, random.Random(seed)),  # noqa: S311 - which process, not a secret
        event_hooks={"response": [_no_error]},
    ) as http:
        yield http


async def _no_error(response: httpx.Response) -> None:
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        await response.aread()
        raise AssertionError(
            f"{response.request.url} answered {response.status_code}: {response.text}"
        )


async def _expand(stack: Stack) -> None:
    environments = environments_of(stack)
    for service in SERVICES:  # the released version has none; `make up` makes what is missing
        kind, _, file = environments.master_key(service).partition(":")
        assert kind == "file"
        if not Path(file).exists():  # noqa: ASYNC240 - nobody waits
            add_version(Path(file))
    await _add_users_of_redis(environments)
    await run_tool("libs.database", "upgrade", environment=environments.database_tools())
    await _alter(stack, "ADD COLUMN of_the_next_version text NOT NULL DEFAULT 'new'")
    await run_tool("libs.messaging", "declare", environment=environments.messaging_tools())


async def _add_users_of_redis(environments: Environments) -> None:
    """Give each service its user beside the password of old: ours have their narrow rights from the first request on."""
    url = redis_without_users(environments)
    if url is None:
        return  # the stack is of a version that has them
    administrator = open_redis(url)
    for service in SERVICES:
        rules = f"reset >{environments.credentials.password_of(service, 'redis')} {access_string(service)}"
        await administrator.execute_command("ACL", "SETUSER", service, *rules.split())  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
    await administrator.aclose()


async def _contract(stack: Stack) -> None:
    await _alter(stack, "DROP COLUMN of_the_next_version")


async def _alter(stack: Stack, change: str) -> None:
    """Change every table as a migration does: with little patience for the lock, and again when it ran out."""
    connection = await asyncpg.connect(stack.database)
    try:
        await connection.execute("SET lock_timeout = '500ms'")
        for table in TABLES:
            await eventually(partial(_changed, connection, f"ALTER TABLE {table} {change}"), 60)
    finally:
        await connection.close()


async def _changed(connection: Any, statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.LockNotAvailableError:
        return False
    return True


async def _nothing_left_over(stack: Stack) -> None:
    async def settled_everywhere() -> bool:
        assert await unfinished_messages(stack) == []
        return True

    await eventually(settled_everywhere, timeout=60)
