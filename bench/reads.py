"""Reading a product that is warm in the cache, against a route that does nothing, taken in turns."""

import asyncio
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from bench.customers import open_client, product_id_of
from bench.stack import Site, StackFailed
from bench.wire import Connection, Load, flood, request_bytes
from local.process import die_with_parent
from local.settings import ROOT, inherited_environment

CONNECTIONS: Final = 16

MOST_AT_GATEWAY: Final = 1_900
"""The gateway gives one address 2,000 requests at once and 1,000 a second: more would measure refusals."""

_NO_LIMIT: Final = 1_000_000

BARE: Final = "bare FastAPI route"
DIRECT: Final = "product GET, direct"
UNCHANGED: Final = "product GET, direct, If-None-Match (304)"
GATEWAY: Final = "product GET, through the gateway"


class WrongAnswers(Exception):
    """What was measured is not what was meant to be."""


@dataclass(frozen=True)
class Target:
    """One thing to read again and again."""

    name: str
    url: str
    request: bytes
    expected: int
    most: int = _NO_LIMIT


async def measure_reads(site: Site, *, rounds: int, seconds: float) -> dict[str, list[Load]]:
    """Read each target for some seconds, in turns, for some rounds.

    Raises:
        WrongAnswers: a target answered another status than it should.
    """
    measured: dict[str, list[Load]] = defaultdict(list)
    async with _bare_app(site) as bare:
        targets = await _targets(site, bare)
        for target in targets:
            await _burst(
                target, seconds=seconds / 2
            )  # warms caches, connections and the interpreter
        for _ in range(rounds):
            for target in targets:
                measured[target.name].append(await _burst(target, seconds=seconds))
    return measured


async def _burst(target: Target, *, seconds: float) -> Load:
    load = await flood(
        target.url, target.request, connections=CONNECTIONS, seconds=seconds, most=target.most
    )
    if set(load.statuses) != {target.expected}:
        raise WrongAnswers(f"{target.name}: {dict(load.statuses)}")
    return load


async def _targets(site: Site, bare: str) -> Sequence[Target]:
    async with open_client(site) as http:
        path = f"/v1/products/{await product_id_of(http)}"
    direct, gateway = f"{site.url('product')}{path}", f"{site.url('gateway')}{path}"
    connection = await Connection.open(direct)
    try:
        etag = (await connection.exchange(request_bytes("GET", direct))).headers["etag"]
    finally:
        connection.close()
    item = f"{bare}/items/prd_1"
    ok, same = HTTPStatus.OK, HTTPStatus.NOT_MODIFIED
    return (
        Target(BARE, item, request_bytes("GET", item), ok),
        Target(DIRECT, direct, request_bytes("GET", direct), ok),
        Target(UNCHANGED, direct, request_bytes("GET", direct, {"If-None-Match": etag}), same),
        Target(GATEWAY, gateway, request_bytes("GET", gateway), ok, MOST_AT_GATEWAY),
    )


@asynccontextmanager
async def _bare_app(site: Site) -> AsyncIterator[str]:
    port = site.port_of_our_own()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.bare", str(port)),
        cwd=ROOT,
        env={**inherited_environment(), "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        address = f"http://127.0.0.1:{port}"
        await _until_it_listens(address)
        yield address
    finally:
        process.terminate()
        await process.wait()


async def _until_it_listens(address: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            (await Connection.open(address)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise StackFailed("the bare FastAPI route did not start") from None
            await asyncio.sleep(0.1)
        else:
            return
