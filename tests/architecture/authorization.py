"""Reads docs/security/authorization.json, the table of who may call what."""

import json
from collections.abc import Iterator
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from tests.architecture.applications import ROOT

TABLE: Final = ROOT / "docs" / "security" / "authorization.json"


class Row(BaseModel):
    """One operation's row; docs/security/README.md explains the words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    audience: Literal["public", "customer", "admin", "internal"]
    scope: str | None = None
    session: Literal["any", "live", "recent"] = "any"
    ownership: Literal["everybody", "self", "owner", "owner_or_staff"] = "everybody"
    guests: bool = False
    token: Literal["judged"] | None = None

    @property
    def needs_user(self) -> bool:
        return self.audience in {"customer", "admin"}


def rows() -> Iterator[tuple[str, str, Row]]:
    """Give service, operation and row of the whole table."""
    table = json.loads(TABLE.read_text())
    for service, operations in table.items():
        if service != "$comment":
            for operation, row in operations.items():
                yield service, operation, Row.model_validate(row)
