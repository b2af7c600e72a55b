"""Reads what a service recorded in its audit log."""

import json
from typing import Any

from sqlalchemy import text

from libs.database.session import Database


async def recorded(database: Database) -> list[tuple[str, str, str]]:
    """List what was recorded: action, actor and outcome, in order; refused access aside."""
    return [(row["action"], row["actor"], row["outcome"]) for row in await entries(database)]


async def entries(database: Database) -> list[dict[str, Any]]:
    """List the entries with their details, in order; refused access aside."""
    async with database.transaction() as session:
        rows = await session.execute(
            text("SELECT * FROM audit_entries WHERE action <> 'access.refused' ORDER BY position")
        )
        return [{**row, "details": json.loads(row["details"])} for row in rows.mappings()]
