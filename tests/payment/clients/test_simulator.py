"""What the provider's answers count as: done, refused for good, or unknown."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from libs.clock import utc_now
from libs.money import Money
from libs.testing.servers import free_port
from services.payment.clients.simulator import SimulatorProvider
from services.payment.domain.records import Operation, Payment, Work
from services.payment.domain.states import (
    OperationState,
    PaymentState,
    Purpose,
    Refused,
    Succeeded,
    Unknown,
)
from tests.simulator.processes import API_KEY, SimulatorProcess

MONEY = Money(1000, "USD")
CHARGE = {
    "id": "ch_1",
    "amount_minor": 1000,
    "currency": "USD",
    "status": "authorized",
    "captured_minor": 0,
}
REFUND = {"id": "re_1", "amount_minor": 1000, "currency": "USD", "status": "succeeded"}


def work_for(purpose: Purpose, key: str = "pay_1:x") -> Work:
    refund_id = "rfd_1" if purpose is Purpose.REFUND else None
    return Work(
        Payment(
            id="pay_1",
            order_id="ord_1",
            user_id="usr_1",
            money=MONEY,
            payment_method="tok_ok",
            state=PaymentState.AUTHORIZING,
            void_requested=False,
            provider_reference="ch_1",
            decline_reason=None,
            return_url=None,
            redirect_url=None,
            captured_minor=0,
            refunded_minor=0,
            version=1,
            created_at=utc_now(),
            updated_at=utc_now(),
        ),
        Operation(key, "pay_1", purpose, refund_id, MONEY, OperationState.INTENDED, 1),
    )


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> SimulatorProvider:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return SimulatorProvider(http, base_url="http://p/", api_key="k", timeout_seconds=1)


def always(status: int, body: object) -> SimulatorProvider:
    return answering(lambda _request: httpx.Response(status, json=body))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (201, CHARGE, Succeeded("ch_1", MONEY)),
        (201, {**CHARGE, "status": "captured", "captured_minor": 1000}, Succeeded("ch_1", MONEY)),
        (201, {**CHARGE, "currency": "XXX"}, Unknown("currency_unknown")),
        (201, {**CHARGE, "amount_minor": "1000"}, Unknown("answer_unreadable")),
        (201, {}, Unknown("answer_unreadable")),
        (402, {"error": {"code": "card_declined"}}, Refused("card_declined")),
        (400, {"error": {"code": "payment_method_unknown"}}, Refused("payment_method_unknown")),
        (400, {"error": {"code": "idempotency_key_reused"}}, Unknown("idempotency_key_reused")),
        (402, {"message": "no"}, Unknown("answer_unreadable")),
        (401, {"error": {"code": "api_key_invalid"}}, Unknown("http_401")),
        (404, {"error": {"code": "charge_not_found"}}, Unknown("http_404")),
        (409, {"error": {"code": "idempotency_key_in_use"}}, Unknown("http_409")),
        (429, {}, Unknown("http_429")),
        (500, {}, Unknown("http_500")),
        (503, {}, Unknown("http_503")),
    ],
)
async def test_only_the_providers_own_words_are_final(
    status: int, body: object, expected: object
) -> None:
    assert await always(status, body).authorize(work_for(Purpose.AUTHORIZE)) == expected


async def test_a_charge_answers_each_call_by_its_status() -> None:
    authorized = always(200, CHARGE)
    assert await authorized.capture(work_for(Purpose.CAPTURE)) == Unknown("charge_authorized")
    assert await authorized.void(work_for(Purpose.VOID)) == Unknown("charge_authorized")
    captured = always(200, {**CHARGE, "status": "captured", "captured_minor": 900})
    partly = Succeeded("ch_1", Money(900, "USD"))
    assert await captured.capture(work_for(Purpose.CAPTURE)) == partly
    voided = always(200, {**CHARGE, "status": "voided"})
    assert await voided.void(work_for(Purpose.VOID)) == Succeeded("ch_1", MONEY)
    refunded = always(201, REFUND)
    assert await refunded.refund(work_for(Purpose.REFUND)) == Succeeded("re_1", MONEY)


@pytest.mark.parametrize(
    ("purpose", "status", "body", "expected"),
    [
        (Purpose.AUTHORIZE, 200, {"data": []}, None),
        (Purpose.AUTHORIZE, 200, {"data": [CHARGE]}, Succeeded("ch_1", MONEY)),
        (
            Purpose.AUTHORIZE,
            200,
            {"data": [{**CHARGE, "status": "declined", "decline_code": "card_declined"}]},
            Refused("card_declined"),
        ),
        (
            Purpose.AUTHORIZE,
            200,
            {"data": [{**CHARGE, "status": "declined"}]},
            Refused("declined"),
        ),
        (Purpose.REFUND, 200, {"data": []}, None),
        (Purpose.REFUND, 200, {"data": [REFUND]}, Succeeded("re_1", MONEY)),
        (Purpose.REFUND, 200, {}, Unknown("answer_unreadable")),
        (Purpose.CAPTURE, 500, {}, Unknown("http_500")),
    ],
)
async def test_the_truth_found_by_key_counts_like_an_answer(
    purpose: Purpose, status: int, body: object, expected: object
) -> None:
    assert await always(status, body).find_by_key(work_for(purpose)) == expected


async def test_every_call_carries_the_key_and_the_secret() -> None:
    seen: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(500)

    provider = answering(note)
    for purpose in Purpose:
        await getattr(provider, purpose)(work_for(purpose, f"pay_1:{purpose}"))
        await provider.find_by_key(work_for(purpose, f"pay_1:{purpose}"))
    posts = [request for request in seen if request.method == "POST"]
    assert [request.headers["idempotency-key"] for request in posts] == [
        f"pay_1:{purpose}" for purpose in Purpose
    ]
    assert {request.headers["authorization"] for request in seen} == {"Bearer k"}
    gets = [request for request in seen if request.method == "GET"]
    assert [request.url.params["idempotency_key"] for request in gets] == [
        f"pay_1:{purpose}" for purpose in Purpose
    ]


async def test_a_refused_connection_is_unknown(http: httpx.AsyncClient) -> None:
    provider = SimulatorProvider(
        http, base_url=f"http://127.0.0.1:{free_port()}", api_key="k", timeout_seconds=1
    )
    answer = await provider.authorize(work_for(Purpose.AUTHORIZE))
    assert answer == Unknown("transport_ConnectError")
    assert await provider.find_by_key(work_for(Purpose.AUTHORIZE)) == answer


@pytest.mark.parametrize("trickle", [True, False])
async def test_a_provider_that_stalls_is_unknown_within_the_timeout(
    http: httpx.AsyncClient,
    trickle: bool,  # noqa: FBT001 - pytest passes parameters by name
) -> None:
    stop = asyncio.Event()

    async def stall(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" if trickle else b"")
        while not stop.is_set():
            writer.write(b" " if trickle else b"")
            try:
                await asyncio.wait_for(stop.wait(), 0.05)
            except TimeoutError:
                continue
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider = SimulatorProvider(
        http, base_url=f"http://127.0.0.1:{port}", api_key="k", timeout_seconds=0.3
    )
    async with asyncio.timeout(30):
        assert await provider.authorize(work_for(Purpose.AUTHORIZE)) == Unknown("timeout")
    stop.set()
    server.close()


async def test_a_reset_connection_is_unknown(http: httpx.AsyncClient) -> None:
    async def reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    server = await asyncio.start_server(reset, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    provider = SimulatorProvider(
        http, base_url=f"http://127.0.0.1:{port}", api_key="k", timeout_seconds=2
    )
    answer = await provider.authorize(work_for(Purpose.AUTHORIZE))
    assert isinstance(answer, Unknown)
    assert answer.reason.startswith("transport_")
    server.close()


async def test_the_simulator_speaks_the_expected_language(
    simulator: SimulatorProcess, http: httpx.AsyncClient
) -> None:
    """The contract of our client with the real provider process, call by call."""
    provider = SimulatorProvider(http, base_url=simulator.url, api_key=API_KEY, timeout_seconds=10)
    work = work_for(Purpose.AUTHORIZE, "contract:authorize")
    assert await provider.find_by_key(work) is None
    done = await provider.authorize(work)
    assert isinstance(done, Succeeded)
    assert await provider.find_by_key(work) == done
    payment = replace(work.payment, provider_reference=done.reference)
    for purpose in (Purpose.CAPTURE, Purpose.REFUND):
        later = replace(work_for(purpose, f"contract:{purpose}"), payment=payment)
        assert await provider.find_by_key(later) is None
        answer = await getattr(provider, purpose)(later)
        assert isinstance(answer, Succeeded)
        assert await provider.find_by_key(later) == answer
    voiding = replace(work_for(Purpose.VOID, "contract:void"), payment=payment)
    assert await provider.void(voiding) == Refused("charge_not_voidable")
    assert await provider.find_by_key(voiding) is None
