"""Reads a Dockerfile: stages, and the instructions of each with their continuation lines joined."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.architecture.applications import ROOT


@dataclass(frozen=True)
class Instruction:
    """One instruction, such as `COPY` and what follows it."""

    name: str
    value: str


@dataclass
class Stage:
    """What lies between one `FROM` and the next."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all_of(self, instruction: str) -> list[str]:
        return [one.value for one in self.instructions if one.name == instruction]

    def last(self, instruction: str) -> str:
        return self.all_of(instruction)[-1]


def instructions() -> Iterator[Instruction]:
    text = (ROOT / "Dockerfile").read_text()
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.strip():
            name, _, value = line.strip().partition(" ")
            yield Instruction(name.upper(), value.strip())


def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    current: Stage | None = None
    for one in instructions():
        if one.name == "FROM":
            base, _, name = one.value.partition(" AS ")
            current = found[name] = Stage(base, name)
        elif current is not None:
            current.instructions.append(one)
    return found


def lineage(target: str) -> list[Stage]:
    """Return a stage and those it is built upon, nearest first."""
    every = stages()
    chain = [every[target]]
    while chain[-1].base in every:
        chain.append(every[chain[-1].base])
    return chain


def inherited(target: str, instruction: str) -> str:
    """Return the instruction's value that holds in the finished image."""
    return next(stage.last(instruction) for stage in lineage(target) if stage.all_of(instruction))
