"""Who may call what between services: one table, as data."""

import functools
import json
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter

_TABLE: Final = Path(__file__).with_name("allow_matrix.json")


class AllowedCall(BaseModel):
    """One row: `caller` may call `operation` of `callee`; `user_token` says it does so for a user."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    caller: str
    callee: str
    operation: str
    user_token: bool


@functools.cache
def allowed_calls() -> tuple[AllowedCall, ...]:
    """Return every row of the matrix."""
    rows = json.loads(_TABLE.read_bytes())
    return TypeAdapter(tuple[AllowedCall, ...]).validate_python(rows)


def find_call(caller: str, callee: str, operation: str) -> AllowedCall | None:
    """Return the row that allows this call, if one does."""
    wanted = (caller, callee, operation)
    return next(
        (row for row in allowed_calls() if (row.caller, row.callee, row.operation) == wanted), None
    )
