"""`status`: who runs, and what it costs."""

import time
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table

from local.paths import Paths
from local.refusal import Refusal
from local.state import Record, StateFile

_MEASURE_SECONDS = 1.0
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Usage:
    """What one part and its children use: percent of one core, and bytes counting shared pages by share (PSS)."""

    record: Record
    alive: bool
    cpu_percent: float
    memory_bytes: int
    seconds_up: float


def measure(paths: Paths, *, seconds: float = _MEASURE_SECONDS) -> list[Usage]:
    """Measure every recorded process over a short while."""
    snapshot = StateFile(paths.state).read()
    records = [snapshot.supervisor] if snapshot.supervisor else []
    records += sorted(snapshot.parts.values(), key=lambda record: record.port or 0)
    families = [(record, _family(record)) for record in records]
    before = [_cpu_seconds(family) for _, family in families]
    began = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - began
    return [
        Usage(
            record,
            bool(family),
            max(0.0, _cpu_seconds(family) - spent) / elapsed * 100,
            sum(_memory(process) for process in family),
            time.time() - record.started,
        )
        for (record, family), spent in zip(families, before, strict=True)
    ]


def show_status(paths: Paths) -> None:
    """Print the table.

    Raises:
        Refusal: nothing runs.
    """
    usages = measure(paths)
    if not any(usage.alive for usage in usages):
        raise Refusal("Meridian does not run here: start it with `make up`.")
    table = Table(box=None, pad_edge=False)
    table.add_column("part")
    for heading in ("pid", "port", "cpu", "memory", "restarts", "up"):
        table.add_column(heading, justify="right")
    for usage in usages:
        table.add_row(*_row(usage))
    cpu = sum(usage.cpu_percent for usage in usages)
    memory = sum(usage.memory_bytes for usage in usages)
    table.add_row("all", "", "", f"{cpu:.1f}%", f"{memory / _MEGABYTE:.0f} MB", "", "")
    Console(soft_wrap=True, highlight=False).print(table)


def _row(usage: Usage) -> tuple[str, ...]:
    record = usage.record
    port = str(record.port or "")
    if not usage.alive:
        return (record.name, "gone", port, "", "", str(record.restarts), "")
    return (
        record.name,
        str(record.pid),
        port,
        f"{usage.cpu_percent:.1f}%",
        f"{usage.memory_bytes / _MEGABYTE:.0f} MB",
        str(record.restarts),
        _duration(usage.seconds_up),
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {rest:02}s"


def _family(record: Record) -> list[psutil.Process]:
    process = record.process()
    if process is None:
        return []
    if record.name == "supervisor":
        return [process]  # its children have rows of their own
    try:
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return [process]


def _cpu_seconds(family: list[psutil.Process]) -> float:
    total = 0.0
    for process in family:
        try:
            times = process.cpu_times()
            total += times.user + times.system
        except psutil.Error:
            continue
    return total


def _memory(process: psutil.Process) -> int:
    try:
        info = process.memory_full_info()
        return int(getattr(info, "pss", 0) or info.uss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
