import asyncio
from pathlib import Path

import httpx
import pytest

from torture.checker.history import read_history
from torture.checker.records import Operation
from torture.client import Caller
from torture.history import Recorder


async def history_of(file: Path, *answers: httpx.Response | httpx.HTTPError) -> list[Operation]:
    """Have a caller place an order that is answered like this, one answer per try."""
    waiting = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        found = waiting.pop(0)
        if isinstance(found, httpx.HTTPError):
            raise found
        return found

    recorder = Recorder(file)
    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as http:
        caller = Caller(
            http, recorder, "ada", "ada@example.com", "secret", user_id="usr", token="t"
        )
        await caller.call("place", "POST", "/v1/orders", {}, key="key-1", value={"cart_id": "crt"})
    recorder.close()
    assert not waiting
    return read_history(file)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(202, json={"order_id": "ord", "version": 1}), "ok"),
        (httpx.Response(402, json={"code": "payment_declined", "order_id": "ord"}), "ok"),
        (httpx.Response(409, json={"code": "out_of_stock"}), "fail"),
        (httpx.Response(422, json={"code": "validation_failed"}), "fail"),
    ],
)
async def test_an_answer_says_whether_it_happened(
    tmp_path: Path, answer: httpx.Response, outcome: str
) -> None:
    (place,) = await history_of(tmp_path / "history", answer)
    assert place.outcome == outcome
    assert place.value == {"user_id": "usr", "cart_id": "crt", "key": "key-1"}


@pytest.mark.parametrize(
    ("first", "outcome"),
    [
        (httpx.ReadTimeout("no answer"), "info"),
        (httpx.RemoteProtocolError("cut off"), "info"),
        (httpx.ConnectError("nobody listens"), "fail"),
        (httpx.Response(503, headers={"Retry-After": "0"}), "info"),
        (httpx.Response(429, headers={"Retry-After": "0"}), "fail"),
        (
            httpx.Response(
                409, json={"code": "idempotency_in_flight"}, headers={"Retry-After": "0"}
            ),
            "fail",
        ),
    ],
)
async def test_what_may_be_repeated_is_repeated_under_its_key(
    tmp_path: Path, first: httpx.Response | httpx.HTTPError, outcome: str
) -> None:
    lost, done = await history_of(
        tmp_path / "history", first, httpx.Response(202, json={"order_id": "ord"})
    )
    assert (lost.outcome, done.outcome) == (outcome, "ok")
    assert lost.value == done.value
    assert lost.end <= done.start


async def test_a_replayed_answer_is_marked_as_such(tmp_path: Path) -> None:
    replay = httpx.Response(
        202, json={"order_id": "ord", "version": 1}, headers={"Idempotency-Replayed": "true"}
    )
    (place,) = await history_of(tmp_path / "history", replay)
    assert place.answer["replayed"] is True


async def test_a_caller_who_is_cut_short_leaves_an_unknown_outcome(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never(_: httpx.Request) -> httpx.Response:
        asked.set()
        await asyncio.Event().wait()
        return httpx.Response(202)

    recorder = Recorder(tmp_path / "history")
    transport = httpx.MockTransport(never)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as http:
        caller = Caller(
            http, recorder, "ada", "ada@example.com", "secret", user_id="usr", token="t"
        )
        task = asyncio.create_task(caller.call("place", "POST", "/v1/orders", {}, key="key-1"))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    recorder.close()
    (place,) = read_history(tmp_path / "history")
    assert place.outcome == "info"
