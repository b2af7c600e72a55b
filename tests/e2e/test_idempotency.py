"""The conformance table of retried POSTs on the running shop, and races and crashes over several API processes."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest

from libs.testing.processes import ServiceProcess
from libs.testing.scale import trials
from libs.testing.waiting import eventually
from tests.e2e.posts import Post, Shop
from tests.e2e.provider import captured_by_the_provider
from tests.e2e.replicas import replicas, url_of
from tests.e2e.shopper import Shopper, settled
from tests.e2e.stack import Stack

pytestmark = [pytest.mark.e2e, pytest.mark.stack]

OPERATIONS = ("place_order", "refund_order", "hold_reservation", "register")
every_operation = pytest.mark.parametrize("operation", OPERATIONS)
REPLICAS = {"order": 2, "product": 1, "auth": 1}
RACERS = 100


@pytest.fixture(scope="session")
def more(stack: Stack) -> Iterator[dict[str, list[ServiceProcess]]]:
    with ExitStack() as all_of_them:
        yield {
            service: all_of_them.enter_context(replicas(stack, service, count))
            for service, count in REPLICAS.items()
        }


@pytest.fixture
def shop(stack: Stack, http: httpx.AsyncClient, admin: Shopper) -> Shop:
    return Shop(stack, http, admin)


@pytest.fixture
async def post(shop: Shop, operation: str) -> Post:
    prepared: Post = await getattr(shop, operation)()
    return prepared


@pytest.fixture
def urls(stack: Stack, more: dict[str, list[ServiceProcess]], post: Post) -> list[str]:
    return [url_of(stack, post.service), *(one.url for one in more[post.service])]


@pytest.fixture
async def direct() -> AsyncIterator[httpx.AsyncClient]:
    # Connections that httpx neither limits nor lets expire: it closes some that it has just given to a request.
    limits = httpx.Limits(max_connections=None, keepalive_expiry=60)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        yield client


def key() -> str:
    return secrets.token_hex(12)


@every_operation
async def test_a_key_is_asked_for_where_money_or_stock_moves(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, post: Post
) -> None:
    answer = await post.send(direct, urls[0], None)
    if post.key_required:
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")
    for malformed in ('"unclosed', "k" * 256):
        answer = await post.send(direct, urls[0], malformed)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_malformed")
    assert await shop.count(post.made) == (0 if post.key_required else 1)


@every_operation
async def test_a_replay_by_another_process_is_the_first_answer_byte_for_byte(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, post: Post
) -> None:
    the_key = key()
    first = await post.send(direct, urls[0], the_key)
    assert first.is_success, first.text
    assert "Idempotency-Replayed" not in first.headers
    for url in urls:
        again = await post.send(direct, url, the_key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers["Idempotency-Replayed"] == "true"
    assert await shop.count(post.made) == 1


@every_operation
async def test_a_key_belongs_to_one_request_of_one_principal(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, post: Post, operation: str
) -> None:
    the_key = key()
    assert (await post.send(direct, urls[0], the_key)).is_success
    other_body = await post.with_body(**post.other).send(direct, urls[-1], the_key)
    assert (other_body.status_code, other_body.json()["code"]) == (422, "idempotency_key_reused")
    other_route = await direct.post(
        f"{urls[-1]}{post.path}?other=1",
        json=post.body,
        headers={**post.headers(), "Idempotency-Key": the_key},
    )
    assert other_route.json()["code"] == "idempotency_key_reused"
    if operation == "place_order":
        theirs = await shop.place_order()
        assert (await theirs.send(direct, urls[-1], the_key)).status_code == 202
        assert await shop.count(theirs.made) == 1
    assert await shop.count(post.made) == 1


@every_operation
async def test_what_was_refused_may_be_corrected_under_the_same_key(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, post: Post
) -> None:
    the_key = key()
    refused = await post.with_body(**post.invalid).send(direct, urls[0], the_key)
    assert refused.status_code == 422
    assert refused.json()["code"] != "idempotency_key_reused"
    assert (await post.send(direct, urls[-1], the_key)).is_success
    assert await shop.count(post.made) == 1


@every_operation
async def test_a_hundred_equal_requests_over_all_processes_are_one_execution(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, operation: str
) -> None:
    for _ in range(trials(1, 50)):
        await shop.renew()
        post: Post = await getattr(shop, operation)()
        the_key = key()
        answers = await asyncio.gather(
            *(post.send(direct, urls[racer % len(urls)], the_key) for racer in range(RACERS))
        )
        # A server that is too busy may say so; it says nothing else than that, a conflict, or the one answer.
        assert {answer.status_code for answer in answers} <= {200, 201, 202, 409, 503}
        done = [answer for answer in answers if answer.is_success]
        assert {answer.content for answer in done} == {done[0].content}
        first_hand = [one for one in done if "Idempotency-Replayed" not in one.headers]
        assert len(first_hand) == 1
        for answer in answers:
            assert answer.is_success or int(answer.headers["Retry-After"]) >= 1
        assert await shop.count(post.made) == 1


@pytest.mark.parametrize("operation", ["place_order"])
async def test_two_keys_of_one_cart_over_all_processes_make_one_order(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, post: Post
) -> None:
    answers = await asyncio.gather(
        *(post.send(direct, urls[racer % len(urls)], key()) for racer in range(20))
    )
    placed = [answer.json()["order_id"] for answer in answers if answer.status_code == 202]
    assert len(placed) == 1
    assert {answer.json()["code"] for answer in answers if not answer.is_success} <= {
        "cart_already_ordered",
        "cart_empty",  # once cart has heard of the order
        "cart_changed",
        "out_of_stock",  # while the losers' holds are not given back
        "service_unavailable",
        "dependency_unavailable",
    }
    sku = (await _order(shop, post, placed[0]))["lines"][0]["sku"]
    await _settled(shop, post, placed[0])

    async def conserved() -> bool:
        level = await shop.admin.get(f"/v1/stock-levels/{sku}")
        return (level["available"], level["held"], level["sold"]) == (4, 0, 1)

    assert len(captured_by_the_provider(shop.stack, placed[0])) == 1
    await eventually(conserved, timeout=60, message="the losers' holds were not given back")


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_behind_a_forgotten_key_stands_a_business_key(
    shop: Shop, urls: list[str], direct: httpx.AsyncClient, post: Post, operation: str
) -> None:
    the_key = key()
    first = await post.send(direct, urls[0], the_key)
    assert first.is_success
    await _forget(shop, post.service, the_key)
    late = await post.send(direct, urls[0], the_key)
    if operation == "place_order":
        assert (late.status_code, late.json()["code"]) == (409, "cart_already_ordered")
        assert late.json()["order_id"] == first.json()["order_id"]
    assert await shop.count(post.made) == 1


@pytest.mark.parametrize("operation", ["place_order"])
async def test_a_retry_after_a_crash_in_the_middle_makes_the_order_it_began(
    shop: Shop, stack: Stack, direct: httpx.AsyncClient, post: Post
) -> None:
    the_key, survivor = key(), url_of(stack, "order")
    with replicas(stack, "order", 1) as [victim]:
        async with _frozen(stack, "product"):
            sent = asyncio.create_task(post.send(direct, victim.url, the_key))
            begun = await eventually(lambda: _claimed(shop, the_key))
            assert begun is not None
            victim.kill()
            with pytest.raises(httpx.HTTPError):
                await sent
        busy = await post.send(direct, survivor, the_key)
        assert (busy.status_code, busy.json()["code"]) == (409, "idempotency_in_flight")
        assert int(busy.headers["Retry-After"]) >= 1

    async def placed() -> httpx.Response | None:
        answer = await post.send(direct, survivor, the_key)
        return answer if answer.is_success else None

    answer = await eventually(placed, timeout=60)
    assert answer is not None
    assert answer.json()["order_id"] == begun
    order = await _settled(shop, post, begun)
    sku = order["lines"][0]["sku"]
    level = await shop.admin.get(f"/v1/stock-levels/{sku}")
    assert (level["available"], level["held"], level["sold"]) == (4, 0, 1)
    assert captured_by_the_provider(stack, begun) == [order["total"]["amount_minor"]]


async def test_a_declined_payment_is_remembered_and_nothing_is_charged_on_repeat(
    shop: Shop, stack: Stack, direct: httpx.AsyncClient
) -> None:
    post = await shop.place_order(method="tok_decline")
    the_key, url = key(), url_of(stack, "order")
    headers = {**post.headers(), "Idempotency-Key": the_key, "Prefer": "wait=20"}
    declined = await direct.post(f"{url}{post.path}", json=post.body, headers=headers)
    assert declined.status_code == 402, declined.text

    async def replayed() -> bool:
        again = await post.send(direct, url, the_key)
        return again.status_code == 402 and again.headers.get("Idempotency-Replayed") == "true"

    await eventually(replayed)
    assert await shop.count(post.made) == 1


async def _claimed(shop: Shop, the_key: str) -> str | None:
    connection = await asyncpg.connect(shop.stack.database)
    try:
        claimed: str | None = await connection.fetchval(
            "SELECT resource_id FROM shop_order.idempotency_keys WHERE key = $1", the_key
        )
        return claimed
    finally:
        await connection.close()


async def _forget(shop: Shop, service: str, the_key: str) -> None:
    connection = await asyncpg.connect(shop.stack.database)
    try:
        await connection.execute(
            f"DELETE FROM shop_{service}.idempotency_keys WHERE key = $1",  # noqa: S608 - our own schema
            the_key,
        )
    finally:
        await connection.close()


@asynccontextmanager
async def _frozen(stack: Stack, service: str) -> AsyncIterator[None]:
    """Freeze the stack's process of a service: its callers wait."""
    pid = stack.pid_of(service)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def _order(shop: Shop, post: Post, order_id: str) -> dict[str, Any]:
    return await Shopper(shop.http, dict(post.headers())).get(f"/v1/orders/{order_id}")


async def _settled(shop: Shop, post: Post, order_id: str) -> dict[str, Any]:
    order = await settled(Shopper(shop.http, dict(post.headers())), order_id, 90)
    assert order["status"] == "confirmed"
    return order
