"""docs/privacy/inventory.json: what every column of every schema holds, why, for how long, and how it goes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from libs.erasure.export import OWNER
from libs.topology import SERVICES
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

    def says(self, word: str) -> object:
        """Return what is said about the column."""
        return (self.words or {})[word]


def listed() -> Iterator[Listed]:
    """Read the inventory."""
    for service, tables in json.loads(FILE.read_text(encoding="utf-8")).items():
        for table, columns in tables.items():
            for column in columns.get(NONE, ()):
                yield Listed(service, table, column, None)
            for column, words in columns.items():
                if column != NONE:
                    yield Listed(service, table, column, words)


def described() -> list[Listed]:
    """Return the columns that hold something about somebody."""
    return [one for one in listed() if one.words is not None]


def kept_tables() -> dict[tuple[str, str], str]:
    """Return the tables of each service that name a person's id after the erasure, and why."""
    return {
        (service, one.table): str(one.says("erased"))
        for one in described()
        for service in (SERVICES if one.service == EVERY else (one.service,))
        if one.column == OWNER and str(one.says("erased")).startswith("kept")
    }
