"""Signed delivery of events, at least once, out of a durable table."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from libs.testing.apps import running
from libs.testing.servers import free_port
from libs.testing.waiting import eventually
from simulator.app import create_app
from simulator.offload import Offload
from simulator.settings import SimulatorSettings
from simulator.store import Store
from simulator.webhooks import DeliveryTable, sign
from tests.simulator.processes import API_KEY, WEBHOOK_SECRET


@dataclass
class Receiver:
    """Takes webhooks and answers as told."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[tuple[str, bytes]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        body = await request.body()
        self.received.append((request.headers["simulator-signature"], body))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.received]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = Starlette(routes=[Route("/hook", receiver.take, methods=["POST"])])
    port = free_port()
    receiver.url = f"http://127.0.0.1:{port}/hook"
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    task = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    try:
        yield receiver
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


@asynccontextmanager
async def simulator_for(receiver: Receiver, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    settings = SimulatorSettings(
        data=folder,
        api_key=SecretStr(API_KEY),
        webhook_secret=SecretStr(WEBHOOK_SECRET),
        webhook_url=receiver.url,
        late_webhook_seconds=0.6,
        webhook_retry_seconds=0.02,
    )
    app = create_app(settings)
    async with (
        running(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://simulator/v1",
            headers={"Authorization": f"Bearer {API_KEY}"},
        ) as client,
    ):
        yield client


async def charge(client: httpx.AsyncClient, payment_method: str = "tok_ok") -> str:
    response = await client.post(
        "/charges",
        json={"amount_minor": 500, "currency": "EUR", "payment_method": payment_method},
        headers={"Idempotency-Key": payment_method},
    )
    return str(response.json().get("id"))


async def test_each_change_is_told_once_with_a_valid_signature(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with simulator_for(receiver, tmp_path) as client:
        charge_id = await charge(client)
        await client.post(f"/charges/{charge_id}/capture", headers={"Idempotency-Key": "c"})
        await client.post(
            f"/charges/{charge_id}/refunds",
            json={"amount_minor": 5},
            headers={"Idempotency-Key": "r"},
        )
        await eventually(lambda: len(receiver.received) == 3)
    assert sorted(receiver.types()) == ["charge.authorized", "charge.captured", "refund.succeeded"]
    for header, body in receiver.received:
        moment, signature = (part.split("=")[1] for part in header.split(","))
        payload = f"{moment}.".encode() + body
        expected = hmac.new(WEBHOOK_SECRET.encode(), payload, hashlib.sha256).hexdigest()
        assert signature == expected


async def test_a_failed_delivery_is_tried_again_until_it_is_taken(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers = [500, 404, 200]
    async with simulator_for(receiver, tmp_path) as client:
        await charge(client)
        await eventually(lambda: len(receiver.received) == 3)
    assert len({json.loads(body)["id"] for _, body in receiver.received}) == 1


async def test_an_undelivered_event_survives_a_restart(tmp_path: Path) -> None:
    nobody = Receiver(url=f"http://127.0.0.1:{free_port()}/hook")
    async with simulator_for(nobody, tmp_path) as client:
        await charge(client)
    async with receiving() as receiver, simulator_for(receiver, tmp_path):
        await eventually(lambda: receiver.types() == ["charge.authorized"])


async def test_a_duplicate_webhook_carries_the_same_event_id(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with simulator_for(receiver, tmp_path) as client:
        await charge(client, "tok_duplicate_webhook")
        await eventually(lambda: len(receiver.received) == 2)
    assert receiver.received[0][1] == receiver.received[1][1]


async def test_a_late_webhook_comes_after_the_others(receiver: Receiver, tmp_path: Path) -> None:
    async with simulator_for(receiver, tmp_path) as client:
        await charge(client, "tok_late_webhook")
        await charge(client, "tok_decline")
        await eventually(lambda: len(receiver.received) == 2)
    assert receiver.types() == ["charge.declined", "charge.authorized"]


def test_a_delivery_is_given_up_after_three_days(tmp_path: Path) -> None:
    now = [1000.0]
    store = Store(tmp_path)
    table = DeliveryTable(store, retry_seconds=1, clock=lambda: now[0])
    with store.transaction() as connection:
        connection.execute("INSERT INTO events VALUES ('evt_1', 'x', '{}', 1000.0)")
        connection.execute("INSERT INTO deliveries (event_id, due_at) VALUES ('evt_1', 1000.0)")
    tries = 0
    while due := table.due():
        table.failed(due[0], "HTTP 500")
        tries += 1
        now[0] += 3600
        assert tries < 100
    assert tries == 74
    [row] = store.all("SELECT given_up_at FROM deliveries")
    assert row["given_up_at"] is not None
    store.close()


def test_the_signature_covers_time_and_body() -> None:
    assert sign("s", 1, b"a") != sign("s", 2, b"a")
    assert sign("s", 1, b"a") != sign("s", 1, b"b")
    assert sign("s", 1, b"a") != sign("z", 1, b"a")


async def test_calls_to_the_book_never_overlap() -> None:
    offload = Offload()
    running_now = 0
    most = 0

    def work() -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        running_now -= 1

    await asyncio.gather(*(offload.call(work) for _ in range(50)))
    offload.close()
    assert most == 1


async def captured(client: httpx.AsyncClient, payment_method: str) -> None:
    charge_id = await charge(client, payment_method)
    await client.post(f"/charges/{charge_id}/capture", headers={"Idempotency-Key": "c"})


async def test_events_may_come_out_of_order(receiver: Receiver, tmp_path: Path) -> None:
    async with simulator_for(receiver, tmp_path) as client:
        await captured(client, "tok_reordered_webhook")
        await eventually(lambda: len(receiver.received) == 2)
    assert receiver.types() == ["charge.captured", "charge.authorized"]


async def test_events_may_name_a_wrong_amount_while_the_book_is_right(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with simulator_for(receiver, tmp_path) as client:
        charge_id = await charge(client, "tok_wrong_amount_webhook")
        await eventually(lambda: receiver.received)
        book = (await client.get(f"/charges/{charge_id}")).json()
    [told] = [json.loads(body)["data"]["object"]["amount_minor"] for _, body in receiver.received]
    assert (told, book["amount_minor"]) == (501, 500)


async def test_an_event_may_come_before_the_answer_or_never(
    receiver: Receiver, tmp_path: Path
) -> None:
    async with simulator_for(receiver, tmp_path) as client:
        await charge(client, "tok_never_webhook")
        asked = asyncio.create_task(charge(client, "tok_early_webhook"))
        await eventually(lambda: receiver.received)
        assert not asked.done()
        await asked
    assert receiver.types() == ["charge.authorized"], "of the second charge only"
