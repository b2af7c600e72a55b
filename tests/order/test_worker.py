from dataclasses import replace

from libs.messaging.transport import Outgoing
from libs.runtime.worker import running_worker
from libs.testing.broker import MemoryBroker
from libs.testing.waiting import eventually
from services.order.worker import worker_plan
from tests.order.running import Running


async def test_the_worker_relays_consumes_and_sweeps(running: Running) -> None:
    broker = MemoryBroker()
    resources = replace(running.resources, broker=broker)
    running.resources = resources

    def told() -> list[str]:
        return [message.attributes["type"] for _, message in broker.published]

    order_id = await running.placed()
    await running.due_now(order_id)
    async with running_worker(resources, worker_plan(resources)):
        assert await eventually(lambda: told().count("payment.authorize.v1") == 2, 60)
        for type_ in ("payment.authorized.v1", "stock.committed.v1", "payment.captured.v1"):
            envelope = running.envelope(type_, order_id)
            topic = "payment-events" if type_.startswith("payment") else "product-events"
            attributes = {"type": type_, "originregion": "us-east-1"}
            message = Outgoing(envelope.id, envelope.to_json(), attributes)
            await broker.publish(f"topic:{topic}", [message])

        async def paid() -> bool:
            return bool((await running.get(order_id))["payment_status"] == "captured")

        assert await eventually(paid, 60)
        assert await eventually(lambda: "payment.capture.v1" in told(), 60)
    assert told()[:2] == ["order.placed.v1", "payment.authorize.v1"]
