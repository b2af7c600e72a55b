"""The load: it leaves at its time, and every answer is counted as what it is."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest

from bench.customers import Basket, Customer
from bench.overload.arrivals import Clients, Orders, Reads, Tally, arrive, saturate
from bench.wire import request_bytes

Answers = deque[bytes]


def response(status: int, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{headers}\r\n".encode()


ACCEPTED = response(202)
REFUSED = response(503, "retry-after: 2\r\n")


@pytest.fixture
def answers() -> Answers:
    return deque()


@pytest.fixture
async def clients(answers: Answers) -> AsyncIterator[Clients]:
    """Clients of a server that answers as scripted, and 202 when nothing is."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
                await reader.readexactly(int(length or 0))
                answer = answers.popleft() if answers else ACCEPTED
                if not answer:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        found = Clients(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield found
        found.close()
        await asyncio.sleep(0)


def baskets(count: int) -> deque[Basket]:
    buyer = Customer("usr_1", "token", "adr_1")
    return deque(Basket(buyer, f"crt_{number}", b"{}") for number in range(count))


async def test_a_refused_basket_is_there_for_the_next_customer(
    clients: Clients, answers: Answers
) -> None:
    answers += [REFUSED, ACCEPTED]
    orders = Orders(clients, baskets(1))
    tally = Tally()
    for _ in range(3):
        await orders.send(tally)
    assert (len(tally.good), len(tally.refused), tally.dropped) == (1, 1, 1)
    assert tally.without_retry_after == 0


async def test_every_answer_is_counted_as_what_it_is(clients: Clients, answers: Answers) -> None:
    answers += [response(429), response(504), b"", ACCEPTED]
    reads = Reads(clients, request_bytes("GET", f"{clients.gateway}/x"))
    tally = Tally()
    for _ in range(4):
        await reads.send(tally)
    assert (len(tally.refused), tally.without_retry_after) == (1, 1)
    assert tally.others == {504: 1, 0: 1, 202: 1}


async def test_arrivals_do_not_wait_for_one_another() -> None:
    begun, go_on = 0, asyncio.Event()

    async def send(tally: Tally) -> None:
        nonlocal begun
        begun += 1
        if begun == 20:
            go_on.set()
        await go_on.wait()
        tally.good.append(0.1)

    tally = await arrive(send, per_second=1_000, seconds=0.02)
    assert (tally.offered, len(tally.good), tally.dropped) == (20, 20, 0)


async def test_saturation_keeps_so_many_under_way_and_ends_when_nothing_is_left() -> None:
    under_way = most = left = 0
    left = 12

    async def send(tally: Tally) -> None:
        nonlocal under_way, most, left
        if left == 0:
            tally.dropped += 1
            return
        left -= 1
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        tally.good.append(0.1)

    tally = await saturate(send, at_a_time=4, seconds=30)
    assert (most, len(tally.good)) == (4, 12)
