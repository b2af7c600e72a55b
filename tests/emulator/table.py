"""The checked-in table of what each target does differently, and the page made from it.

`python -m tests.emulator.table` writes docs/emulators.md.
"""

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

from tests.emulator.experiments import SECTIONS
from tests.emulator.targets import EMULATORS

TABLE_FILE: Final = Path(__file__).with_name("table.json")
PAGE: Final = Path(__file__).parents[2] / "docs" / "emulators.md"
NAMES: Final = {"ministack": "MiniStack", "moto": "moto"}

_HEAD: Final = """# What the emulators do differently from AWS

Generated from `tests/emulator/table.json` by `make emulators`; do not edit.

The local stack and the tests run on MiniStack. `tests/emulator` tries each behaviour below on MiniStack and on moto and fails
when this page is wrong in either direction: an emulator that stops doing what AWS does, or one that starts to.

Against AWS itself, in the account of the credentials in the environment, in us-east-1 and eu-west-1:

```console
$ EMULATOR_CONTRACT_TARGET=aws .venv/bin/python -m pytest tests/emulator
```

Every queue and topic it makes is called `meridian-contract-...` and deleted at the end. It takes two minutes and costs cents. Without
that variable AWS is never called, whatever credentials there are. The statements about AWS are taken from its documentation until
somebody runs this.
"""


class Difference(BaseModel):
    """What a target does instead, and why that does no harm here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instead: str
    so: str


class Row(BaseModel):
    """One behaviour of AWS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    aws: str
    relied_on_by: str
    differs: dict[str, Difference] = {}


def read_table() -> dict[str, Row]:
    """Read the table, by the name of the experiment."""
    return TypeAdapter(dict[str, Row]).validate_json(TABLE_FILE.read_bytes())


def page() -> str:
    """Return docs/emulators.md."""
    table = read_table()
    parts = [_HEAD]
    for title, experiments in SECTIONS.items():
        parts.append(
            f"\n## {title}\n\n| AWS | relied on by | MiniStack | moto |\n|---|---|---|---|\n"
        )
        for experiment in experiments:
            row = table[experiment.__name__]
            cells = [row.aws, row.relied_on_by, *(_cell(row, name) for name in EMULATORS)]
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _cell(row: Row, target: str) -> str:
    difference = row.differs.get(target)
    return "same" if difference is None else f"**differs:** {difference.instead} {difference.so}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
