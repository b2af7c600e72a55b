"""An HTTP proxy before the SNS/SQS emulator that does what SQS may do and an emulator never does.

`python -m libs.testing.unruly --port 14566 --upstream http://127.0.0.1:4566 --seed 7`, or `running_unruly` of
`libs.testing.servers`. Who talks to the proxy instead of the emulator

* receives some messages twice: at once, while the first copy is being worked on, or after it was acknowledged
  (FIFO queues only the latter: a group's next message must not pass its first);
* receives messages of standard queues out of order: some are held back for up to the window while others pass them,
  and every batch is shuffled.

Both happen inside the emulator, by visibility: nothing is lost with the proxy, and receive counts are true. So no
message is troubled more than three times: chance alone must not bring one to the dead letters.
`GET /_unruly` answers how often it happened.
"""

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

import httpx
import uvicorn
from starlette.types import Receive, Scope, Send

FIGURES_PATH: Final = "/_unruly"

_MOST_TROUBLES: Final = 3

_TARGET: Final = "x-amz-target"
_RECEIVE: Final = "AmazonSQS.ReceiveMessage"
_DELETE: Final = "AmazonSQS.DeleteMessageBatch"
_HIDE: Final = "AmazonSQS.ChangeMessageVisibility"
_LONGEST_ANSWER_SECONDS: Final = 40.0
_HOP_BY_HOP: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})


@dataclass(frozen=True)
class Unruliness:
    """How badly the proxy behaves; the same seed makes the same sequence of choices.

    Attributes:
        duplicates: share of deliveries that come twice.
        held_back: share of deliveries from standard queues that later messages pass.
        window_seconds: the longest a message is held back, or its second copy comes after the first.
    """

    seed: int = 0
    duplicates: float = 0.02
    held_back: float = 0.2
    window_seconds: float = 0.5


@dataclass(frozen=True)
class _Call:
    """One request; its headers also tell the emulator which region and account are meant."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.headers.get(_TARGET, "")

    @property
    def arguments(self) -> dict[str, Any]:
        arguments: dict[str, Any] = json.loads(self.body)
        return arguments

    def with_arguments(self, arguments: dict[str, Any], target: str | None = None) -> "_Call":
        headers = {**self.headers, _TARGET: target or self.target}
        return replace(self, headers=headers, body=json.dumps(arguments).encode())


@dataclass(frozen=True)
class _Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, status: int, content: object) -> "_Answer":
        headers = {"content-type": "application/x-amz-json-1.0"}
        return cls(status, json.dumps(content).encode(), headers)


class UnrulyProxy:
    """The proxy as an ASGI application; everything but receiving and deleting passes through unchanged."""

    def __init__(self, http: httpx.AsyncClient, unruliness: Unruliness) -> None:
        self._http = http
        self._unruliness = unruliness
        self._random = random.Random(unruliness.seed)  # noqa: S311 - faults to repeat, no secret
        self._to_come_again: set[str] = set()
        self._giving_back: set[asyncio.Task[None]] = set()
        self._figures: Counter[str] = Counter()
        self._troubles: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == FIGURES_PATH:
            await _send(send, _Answer.of(HTTPStatus.OK, self._figures))
            return
        try:
            answer = await self._answer(await _call_of(scope, receive))
        except httpx.HTTPError as error:
            problem = {"__type": "ServiceUnavailable", "message": f"no emulator behind: {error!r}"}
            answer = _Answer.of(HTTPStatus.SERVICE_UNAVAILABLE, problem)
        await _send(send, answer)

    async def _answer(self, call: _Call) -> _Answer:
        if call.target == _DELETE:
            return await self._delete(call)
        answer = await self._forward(call)
        if call.target == _RECEIVE and answer.status == HTTPStatus.OK:
            return self._received(call, answer)
        return answer

    async def _forward(self, call: _Call) -> _Answer:
        response = await self._http.request(
            call.method, call.path, headers=call.headers, content=call.body
        )
        headers = {k: v for k, v in response.headers.items() if k.lower() not in _HOP_BY_HOP}
        return _Answer(response.status_code, response.content, headers)

    def _received(self, call: _Call, answer: _Answer) -> _Answer:
        content = json.loads(answer.body)
        messages = content.get("Messages", [])
        self._figures["received"] += len(messages)
        fifo = call.arguments["QueueUrl"].endswith(".fifo")
        if not fifo:
            messages = [one for one in messages if not self._is_held_back(call, one)]
            self._random.shuffle(messages)
        for message in messages:
            self._perhaps_twice(call, message, fifo=fifo)
        content["Messages"] = messages
        return _Answer.of(answer.status, content if messages else {})

    def _is_held_back(self, call: _Call, message: dict[str, Any]) -> bool:
        if not self._hits(message, self._unruliness.held_back):
            return False
        self._figures["held_back"] += 1
        self._give_back(call, message["ReceiptHandle"], self._pause())
        return True

    def _hits(self, message: dict[str, Any], share: float) -> bool:
        if self._random.random() >= share or self._troubles[message["MessageId"]] >= _MOST_TROUBLES:
            return False
        self._troubles[message["MessageId"]] += 1
        return True

    def _perhaps_twice(self, call: _Call, message: dict[str, Any], *, fifo: bool) -> None:
        if not self._hits(message, self._unruliness.duplicates):
            return
        receipt = message["ReceiptHandle"]
        self._figures["duplicated"] += 1
        if fifo or self._random.random() < 0.5:  # noqa: PLR2004 - one half
            self._to_come_again.add(receipt)
        else:
            self._give_back(call, receipt, 0)

    async def _delete(self, call: _Call) -> _Answer:
        arguments = call.arguments
        kept = [one for one in arguments["Entries"] if one["ReceiptHandle"] in self._to_come_again]
        others = [one for one in arguments["Entries"] if one not in kept]
        for entry in kept:
            self._to_come_again.discard(entry["ReceiptHandle"])
            self._give_back(call, entry["ReceiptHandle"], self._pause())
        if not kept:
            return await self._forward(call)
        content: dict[str, Any] = {"Successful": [], "Failed": []}
        if others:
            answer = await self._forward(call.with_arguments({**arguments, "Entries": others}))
            if answer.status != HTTPStatus.OK:
                return answer
            content |= json.loads(answer.body)
        content["Successful"] += [{"Id": entry["Id"]} for entry in kept]
        return _Answer.of(HTTPStatus.OK, content)

    def _pause(self) -> float:
        return self._random.uniform(0, self._unruliness.window_seconds)

    def _give_back(self, call: _Call, receipt: str, seconds: float) -> None:
        """Have the emulator deliver the message again after a while; should that fail, when its visibility ends."""

        async def hide() -> None:
            await asyncio.sleep(seconds)
            arguments = {
                "QueueUrl": call.arguments["QueueUrl"],
                "ReceiptHandle": receipt,
                "VisibilityTimeout": 0,
            }
            try:
                await self._forward(call.with_arguments(arguments, _HIDE))
            except httpx.HTTPError:
                self._figures["not_given_back"] += 1

        task = asyncio.create_task(hide())
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)


async def _call_of(scope: Scope, receive: Receive) -> _Call:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    query = scope["query_string"].decode()
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    return _Call(
        scope["method"],
        scope["path"] + (f"?{query}" if query else ""),
        {name: value for name, value in headers.items() if name not in _HOP_BY_HOP},
        body,
    )


async def _send(send: Send, answer: _Answer) -> None:
    headers = {**answer.headers, "content-length": str(len(answer.body))}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})


async def serve(port: int, upstream: str, unruliness: Unruliness) -> None:
    """Serve on 127.0.0.1 until SIGTERM or SIGINT."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=upstream, timeout=_LONGEST_ANSWER_SECONDS, limits=limits, trust_env=False
    ) as http:
        config = uvicorn.Config(
            UnrulyProxy(http, unruliness),
            port=port,
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
        await uvicorn.Server(config).serve()


def main(arguments: Sequence[str]) -> None:
    """Run the proxy."""
    usual = Unruliness()
    parser = argparse.ArgumentParser(prog="python -m libs.testing.unruly", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True, help="the emulator's address")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--duplicates", type=float, default=usual.duplicates)
    parser.add_argument("--held-back", type=float, default=usual.held_back)
    parser.add_argument("--window-seconds", type=float, default=usual.window_seconds)
    options = parser.parse_args(arguments)
    unruliness = Unruliness(
        options.seed, options.duplicates, options.held_back, options.window_seconds
    )
    asyncio.run(serve(options.port, options.upstream, unruliness))


if __name__ == "__main__":
    main(sys.argv[1:])
