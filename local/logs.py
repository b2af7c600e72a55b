"""Each process's output in a file of its own; shown merged by time, filtered, or followed."""

import json
import shutil
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local.paths import Paths
from local.refusal import Refusal

_KEPT_BYTES: Final = 50 * 1024 * 1024
_FOLLOW_SECONDS: Final = 0.25
_HIDDEN: Final = frozenset({"timestamp", "level", "service", "event", "region", "span_id"})
_NAME_WIDTH: Final = 15


def rotate_logs(paths: Paths) -> None:
    """Begin every log anew, keeping the one before as `<name>.log.1`."""
    for log in paths.logs.glob("*.log"):
        if log.stat().st_size:
            log.replace(log.with_name(log.name + ".1"))


def trim_logs(paths: Paths, *, kept: int = _KEPT_BYTES) -> None:
    """Start a log over when it grew too long; writers append, so truncating in place loses nothing but the past."""
    for log in paths.logs.glob("*.log"):
        if log.stat().st_size > kept:
            shutil.copyfile(log, log.with_name(log.name + ".1"))
            with log.open("r+b") as file:
                file.truncate(0)


@dataclass(order=True)
class Line:
    """One line of one log; lines without a time of their own belong to the line before them."""

    moment: str
    order: int
    name: str = field(compare=False)
    text: str = field(compare=False)

    def shown(self) -> str:
        """Write the line for people."""
        return f"{self.name:<{_NAME_WIDTH}} {_readable(self.text)}"


def show_logs(paths: Paths, *, service: str | None, follow: bool, count: int) -> None:
    """Print the last lines of all logs, or of one part and its worker, merged by time; then go on if asked.

    Raises:
        Refusal: there is no such log.
    """
    files = _files(paths, service)
    positions = {file: file.stat().st_size for file in files}
    lines = sorted(line for file in files for line in _tail(file, positions[file], count))
    for line in lines[-count:]:
        _print(line)
    while follow:
        time.sleep(_FOLLOW_SECONDS)
        for file in _files(paths, service):
            positions[file] = _print_news(file, positions.get(file, 0))


def _files(paths: Paths, service: str | None) -> Sequence[Path]:
    every = sorted(paths.logs.glob("*.log"))
    if service is None:
        chosen = every
    else:
        chosen = [file for file in every if file.stem in {service, f"{service}-worker"}]
    if not chosen:
        known = ", ".join(file.stem for file in every) or "none yet: start with `make up`"
        raise Refusal(f"There is no log of {service or 'anything'}; there are {known}.")
    return chosen


def _tail(file: Path, size: int, count: int) -> Iterator[Line]:
    moment, kept = "", deque[Line](maxlen=count)
    with file.open("rb") as source:
        while source.tell() < size and (raw := source.readline()):
            text = raw.decode("utf-8", "replace").rstrip()
            moment = _moment_of(text) or moment
            kept.append(Line(moment, len(kept), file.stem, text))
    yield from kept


def _print_news(file: Path, position: int) -> int:
    size = file.stat().st_size
    if size < position:
        position = 0  # it was started over
    with file.open("rb") as source:
        source.seek(position)
        while (raw := source.readline()).endswith(b"\n"):
            _print(Line("", 0, file.stem, raw.decode("utf-8", "replace").rstrip()))
            position = source.tell()
    return position


def _moment_of(text: str) -> str:
    """Return a sortable time: of a JSON line its timestamp, of other lines the ISO-like time they begin with."""
    if text.startswith("{"):
        try:
            return str(json.loads(text).get("timestamp", ""))
        except (ValueError, AttributeError):
            return ""
    head = text[:23].strip("[").replace(" ", "T", 1)
    return head if head[:4].isdigit() and head[4:5] == "-" else ""


def _readable(text: str) -> str:
    if not text.startswith("{"):
        return text
    try:
        entry = dict(json.loads(text))
    except ValueError:
        return text
    details = " ".join(f"{key}={value}" for key, value in entry.items() if key not in _HIDDEN)
    moment = str(entry.get("timestamp", ""))[11:23]
    return f"{moment:<12} {entry.get('level', ''):<8} {entry.get('event', '')}  {details}".rstrip()


def _print(line: Line) -> None:
    sys.stdout.write(line.shown() + "\n")
    sys.stdout.flush()
