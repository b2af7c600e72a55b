"""docs/privacy/inventory.json: what every column of every schema holds, why, for how long, and how it goes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tests.architecture.applications import ROOT

FILE: Final = ROOT / "docs" / "privacy" / "inventory.json"
EVERY: Final = "every"
NONE: Final = "_none"

CLASSES: Final = {"personal", "pseudonymous", "secret"}
PROTECTIONS: Final = {"encrypted", "blind-index", "hash", "plain"}
WORDS: Final = {"class", "protection", "why", "retention", "basis", "export", "erased"}


@dataclass(frozen=True)
class Listed:
    """One listed column; without words it holds nothing about anybody."""

    service: str
    table: str
    column: str
    words: dict[str, object] | None


def listed() -> Iterator[Listed]:
    """Read the inventory."""
    for service, tables in json.loads(FILE.read_text(encoding="utf-8")).items():
        for table, columns in tables.items():
            for column in columns.get(NONE, ()):
                yield Listed(service, table, column, None)
            for column, words in columns.items():
                if column != NONE:
                    yield Listed(service, table, column, words)
