"""Writes what clients did: one JSON line per invocation and one per completion, in Jepsen's shape."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from libs.clock import utc_now


class Recorder:
    """Appends to a history file; times are monotonic nanoseconds, comparable within the file."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", encoding="utf-8", buffering=1)
        self._index = 0

    def close(self) -> None:
        self._file.close()

    def invoke(self, process: str, f: str, value: Mapping[str, Any]) -> int:
        """Record that a request is about to be sent; returns the index its completion refers to."""
        return self._write(process, "invoke", f, value)

    def complete(
        self,
        of: int,
        process: str,
        outcome: Literal["ok", "fail", "info"],
        f: str,
        value: Mapping[str, Any],
    ) -> None:
        """Record an answer, or with `info` that none came: the request may have taken effect or not."""
        self._write(process, outcome, f, value, of=of)

    def note(self, f: str, value: Mapping[str, Any]) -> None:
        """Record what the nemesis did, and when by the wall clock, which the databases share; it has no answer."""
        index = self.invoke("nemesis", f, {**value, "at": utc_now().isoformat()})
        self.complete(index, "nemesis", "info", f, {})

    def _write(
        self, process: str, type_: str, f: str, value: Mapping[str, Any], **more: int
    ) -> int:
        index, self._index = self._index, self._index + 1
        entry = {
            "index": index,
            "process": process,
            "type": type_,
            "f": f,
            "value": value,
            "time": time.monotonic_ns(),
            **more,
        }
        self._file.write(json.dumps(entry) + "\n")
        return index
