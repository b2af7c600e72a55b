"""Many buyers of one SKU, with one row and with buckets: the service's statements run by pgbench, in turns."""

import asyncio
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench.figures import percentile
from bench.pgbench import COPY, QUIET, Yardstick, transactions_per_second

CLIENTS: Final = 64
BUCKETS: Final = 16
SINGLE: Final = "one row"
SPREAD: Final = f"{BUCKETS} buckets"

_HERE: Final = Path(__file__).parent
_SKUS: Final = {SINGLE: "HOT-SINGLE", SPREAD: "HOT-SPREAD"}
_FILES: Final = {SINGLE: "hold_single.sql", SPREAD: "hold_spread.sql"}
_VARIABLES: Final = {
    "principal": "bench", "method_path": "POST /v1/reservations", "lease": "30",
    "fingerprint": "\\x" + 32 * "97", "currency": "USD", "ttl": "600", "region": "us-east-1",
    "zero": "0", "product_ids": "{bench_hot}", "titles": "{Hot}", "quantities": "{1}",
    "prices": "{1390}", "versions": "{1}", "status": "201", "fence": "1", "in_flight": "in_flight",
    "headers": '{"content-type": "application/json"}', "body": "\\x" + 330 * "7b",
    "available": "-1", "held": "1", "sold": "0", "version": "3", "type": "stock.changed.v1",
    "destination": "topic:product-events", "envelope": 560 * "x", "n": "0",
}  # fmt: skip
_TAKING: Final = re.compile(r"duration: ([0-9.]+) ms  execute [^:]+:\s+WITH wanted")
_SAMPLED: Final = "-c log_min_duration_sample=0 -c log_statement_sample_rate=0.2"
_IN_PRODUCT: Final = "-c search_path=shop_product"
_BLOCK: Final = 8192
_SYNCS: Final = 200


@dataclass(frozen=True)
class HotRun:
    """One run of one kind.

    Attributes:
        per_second: holds committed per second.
        waits: how long single statements that take the pieces lasted, in seconds, waiting for locks included.
        busy: percent of all processors in use meanwhile.
    """

    per_second: float
    waits: Sequence[float]
    busy: float


@dataclass(frozen=True)
class HotSku:
    """Holds one piece of one SKU again and again, from the copy that the yardstick prepared."""

    yardstick: Yardstick
    server_log: Path

    async def prepare(self) -> None:
        """Add the SKUs."""
        await self.yardstick.run(
            "psql", *QUIET, f"--set=buckets={BUCKETS}", "--file", str(_HERE / "hot_setup.sql"), COPY,
            options=_IN_PRODUCT,
        )  # fmt: skip

    async def hold(self, kind: str, *, run: int, seconds: int) -> HotRun:
        """Hold for some seconds; `run` keeps the order ids of one call apart from those of another.

        Raises:
            PgbenchFailed: a statement failed.
        """
        sku = _SKUS[kind]
        variables = {**_VARIABLES, "sku": sku, "skus": f"{{{sku}}}", "run": str(run)}
        begin = self.server_log.stat().st_size
        psutil.cpu_percent()  # the next call tells what was used since this one
        output = await self.yardstick.run(
            "pgbench",
            *("--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", "--jobs=1"),
            f"--time={seconds}",
            *(f"--define={name}={value}" for name, value in variables.items()),
            f"--file={_HERE / _FILES[kind]}",
            COPY,
            options=f"{_IN_PRODUCT} {_SAMPLED}",
        )
        busy = psutil.cpu_percent()
        with self.server_log.open("rb") as log:
            log.seek(begin)
            return HotRun(
                transactions_per_second(output), waits(log.read().decode(errors="replace")), busy
            )


def waits(log: str) -> list[float]:
    """Read from the server's log how long the sampled statements that take pieces lasted, in seconds."""
    return [float(found[1]) / 1000 for found in _TAKING.finditer(log)]


async def sync_seconds(folder: Path) -> Sequence[float]:
    """Write a block and have it on disk, again and again, as a commit does; returns how long each took."""
    return await asyncio.to_thread(_sync_often, folder / "sync-probe")


def _sync_often(file: Path) -> list[float]:
    taken = []
    handle = os.open(file, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(_SYNCS):
            began = time.perf_counter()
            os.pwrite(handle, bytes(_BLOCK), 0)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        file.unlink()
    return taken


def wait_ratio(single: Sequence[HotRun], spread: Sequence[HotRun]) -> float:
    """Divide the p99 with buckets by the p99 with one row."""
    slow = [
        percentile([seconds for run in runs for seconds in run.waits], 99)
        for runs in (spread, single)
    ]
    return slow[0] / slow[1]
