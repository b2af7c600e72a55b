"""Reads `variable` and `output` blocks of Terraform files as `terraform fmt` leaves them.

Enough for documents and for the driver, which must know a stack's inputs before Terraform runs; no evaluation.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Kind = Literal["variable", "output"]

_OPENING: Final = re.compile(r'^(variable|output) "([A-Za-z0-9_-]+)" \{$')
_ATTRIBUTE: Final = re.compile(r"^  ([a-z_]+)\s+= (.*)$")


@dataclass(frozen=True)
class Block:
    """One variable or output: its name and the source text of each of its attributes."""

    kind: Kind
    name: str
    attributes: dict[str, str]

    @property
    def description(self) -> str:
        """The description without its quotes."""
        return self.attributes.get("description", "").strip('"').replace('\\"', '"')

    @property
    def required(self) -> bool:
        """True for a variable that somebody must give."""
        return self.kind == "variable" and "default" not in self.attributes


def blocks_in(folder: Path, kind: Kind) -> list[Block]:
    """Return a module's variables or outputs in the order of its files."""
    return [
        block
        for file in sorted(folder.glob("*.tf"))
        for block in _blocks_of(file.read_text(encoding="utf-8"))
        if block.kind == kind
    ]


def _blocks_of(text: str) -> Iterator[Block]:
    lines = iter(text.splitlines())
    for line in lines:
        if opening := _OPENING.match(line):
            kind: Kind = "variable" if opening[1] == "variable" else "output"
            yield Block(kind, opening[2], _attributes(lines))


def _attributes(lines: Iterator[str]) -> dict[str, str]:
    attributes: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in lines:
        if line == "}":
            break
        if attribute := _ATTRIBUTE.match(line):
            current = attributes.setdefault(attribute[1], [attribute[2]])
        elif re.match(r"^  [a-z]", line):  # a nested block, such as validation
            current = None
        elif current is not None:
            current.append(line)
    return {name: "\n".join(parts).strip() for name, parts in attributes.items()}
