import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx
import pytest

from libs.clock import utc_now
from libs.testing.processes import ServiceProcess
from libs.testing.tokens import TokenFactory
from libs.testing.waiting import eventually
from services.order.service.following import Follower
from tests.order.running import Running
from tests.order.shop import CUSTOMER, OTHER


async def test_an_unchanged_order_is_not_sent_again(running: Running) -> None:
    order_id = await running.placed()
    headers = running.headers()
    first = await running.http.get(f"/v1/orders/{order_id}", headers=headers)
    tag = {"If-None-Match": first.headers["etag"]}
    again = await running.http.get(f"/v1/orders/{order_id}", headers=headers | tag)
    assert again.status_code == 304
    await running.hear("payment.authorized.v1", order_id)
    changed = await running.http.get(f"/v1/orders/{order_id}", headers=headers | tag)
    assert changed.status_code == 200


@pytest.mark.parametrize("part", ["", "/timeline", "/events"])
async def test_somebody_elses_order_does_not_exist(running: Running, part: str) -> None:
    order_id = await running.placed()
    response = await running.http.get(
        f"/v1/orders/{order_id}{part}", headers=running.headers(OTHER)
    )
    assert (response.status_code, response.json()["code"]) == (404, "order_not_found")
    unknown = await running.http.get(f"/v1/orders/ord_{'0' * 32}{part}", headers=running.headers())
    assert unknown.status_code == 404


async def test_staff_read_any_order(running: Running) -> None:
    order_id = await running.placed()
    response = await running.http.get(
        f"/v1/orders/{order_id}", headers=running.headers(OTHER, admin=True)
    )
    assert response.status_code == 200


async def test_orders_are_listed_newest_first_in_pages(running: Running) -> None:
    placed = [await running.placed() for _ in range(5)]
    seen: list[str] = []
    query = {"limit": "2"}
    while True:
        page = await running.http.get("/v1/orders", params=query, headers=running.headers())
        assert page.status_code == 200, page.text
        seen += [item["order_id"] for item in page.json()["items"]]
        if page.json()["next_cursor"] is None:
            break
        query["cursor"] = page.json()["next_cursor"]
    assert seen == placed[::-1]
    other = await running.http.get("/v1/orders", headers=running.headers(OTHER))
    assert other.json() == {"items": [], "next_cursor": None}


async def test_a_cursor_of_another_customer_is_refused(running: Running) -> None:
    for _ in range(2):
        await running.placed()
    page = await running.http.get("/v1/orders", params={"limit": 1}, headers=running.headers())
    cursor = page.json()["next_cursor"]
    stolen = await running.http.get(
        "/v1/orders", params={"cursor": cursor}, headers=running.headers(OTHER)
    )
    assert (stolen.status_code, stolen.json()["code"]) == (400, "cursor_invalid")


async def test_the_timeline_tells_each_step_and_its_cause(running: Running) -> None:
    order_id = await running.paid()
    response = await running.http.get(f"/v1/orders/{order_id}/timeline", headers=running.headers())
    items = response.json()["items"]
    assert [(i["sequence"], i["axis"], i["from_status"], i["to_status"]) for i in items] == [
        (1, "order", None, "pending"),
        (2, "payment", "pending", "authorized"),
        (3, "order", "pending", "confirmed"),
        (4, "payment", "authorized", "captured"),
    ]
    assert items[0]["cause"] == "placed_by_customer"
    assert items[2]["cause"] == "stock.committed.v1"
    assert items[2]["cause_event_id"] is not None
    tag = {"If-None-Match": response.headers["etag"]}
    again = await running.http.get(
        f"/v1/orders/{order_id}/timeline", headers=running.headers() | tag
    )
    assert again.status_code == 304


@pytest.mark.parametrize("value", ["abc", "-1", "1" * 30])
async def test_an_event_id_we_never_gave_is_refused(running: Running, value: str) -> None:
    order_id = await running.placed()
    response = await running.http.get(
        f"/v1/orders/{order_id}/events", headers=running.headers() | {"Last-Event-ID": value}
    )
    assert (response.status_code, response.json()["code"]) == (400, "last_event_id_invalid")


@pytest.fixture
async def served(
    running: Running, run_service: Callable[..., ServiceProcess]
) -> AsyncIterator[ServiceProcess]:
    """The same database behind a real server: streams need one."""
    process = run_service("order", "api")
    yield process
    process.kill()


@asynccontextmanager
async def following(
    served: ServiceProcess, order_id: str, headers: dict[str, str]
) -> AsyncIterator[AsyncIterator[str]]:
    async with (
        httpx.AsyncClient(timeout=30) as http,
        http.stream(
            "GET", f"{served.url}/v1/orders/{order_id}/events", headers=headers
        ) as response,
    ):
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield response.aiter_lines()


async def ids(lines: AsyncIterator[str], count: int) -> list[str]:
    found: list[str] = []
    async with asyncio.timeout(30):
        async for line in lines:
            if line.startswith("id: "):
                found.append(line.removeprefix("id: "))
                if len(found) == count:
                    break
    return found


async def test_a_stream_tells_what_was_and_what_comes(
    running: Running, served: ServiceProcess
) -> None:
    order_id = await running.placed()
    async with following(served, order_id, running.headers()) as lines:
        assert await ids(lines, 1) == ["1"]
        await running.hear("payment.authorized.v1", order_id)
        await running.hear("stock.committed.v1", order_id)
        assert await ids(lines, 2) == ["2", "3"]


async def test_a_stream_resumes_after_the_last_event(
    running: Running, served: ServiceProcess
) -> None:
    order_id = await running.paid()
    headers = running.headers() | {"Last-Event-ID": "2"}
    async with following(served, order_id, headers) as lines:
        assert await ids(lines, 2) == ["3", "4"]


async def test_a_stream_ends_when_the_token_expires(
    running: Running, token_factory: TokenFactory
) -> None:
    order_id = await running.placed()
    now = int(utc_now().timestamp())
    token = token_factory(subject=CUSTOMER, exp=now + 2)
    asking = running.http.get(
        f"/v1/orders/{order_id}/events", headers={"Authorization": f"Bearer {token}"}
    )
    response = await asyncio.wait_for(asking, 30)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "id: 1\nevent: order\ndata: {" in response.text


async def test_a_lost_hint_delays_a_stream_but_stops_nothing(running: Running) -> None:
    order_id = await running.placed()
    silent = Follower(running.resources.database, _NoHints(), asyncio.Event())  # type: ignore[arg-type]  # Hints that never come
    steps = silent.steps(order_id, 0)
    assert (await anext(steps)).sequence == 1
    await running.hear("payment.authorized.v1", order_id)
    assert (await asyncio.wait_for(anext(steps), 30)).sequence == 2


async def test_waiting_ends_at_once_when_the_process_stops(running: Running) -> None:
    order_id = await running.placed()
    stopping = asyncio.Event()
    stopping.set()
    follower = Follower(running.resources.database, running.resources.hints, stopping)
    assert await asyncio.wait_for(follower.settled(order_id, 20), 15) is None


async def test_a_stream_ends_when_the_process_is_told_to_stop(
    running: Running, served: ServiceProcess
) -> None:
    order_id = await running.placed()
    async with following(served, order_id, running.headers()) as lines:
        await ids(lines, 1)
        served.process.terminate()
        async with asyncio.timeout(30):
            assert [line async for line in lines if line.startswith("id: ")] == []
    assert await eventually(lambda: served.process.poll() is not None)


class _NoHints:
    """Redis is away: every wait ends without a hint."""

    def subscribe(self, _: str) -> "_NoHints":
        return self

    @contextmanager
    def watch(self, _: str) -> Iterator["_NoHints"]:
        yield self

    async def wait(self, _: float) -> bool:
        await asyncio.sleep(0)
        return False
