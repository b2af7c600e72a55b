"""What a mail would say, as the service that sends it learns."""

import json
from collections.abc import Callable
from typing import Any

import httpx
from sqlalchemy import select

from libs.database.session import Database
from libs.messaging.tables import outbox_messages

ServiceToken = Callable[[str, str], str]


async def told(database: Database, type_: str) -> list[dict[str, Any]]:
    """Return what events of a type said, the oldest first."""
    async with database.transaction() as session:
        envelopes = await session.scalars(
            select(outbox_messages.c.envelope)
            .where(outbox_messages.c.type == type_)
            .order_by(outbox_messages.c.position)
        )
        return [json.loads(envelope)["data"] for envelope in envelopes]


async def changes(database: Database) -> list[str]:
    """Return what people were told about their accounts' security."""
    return [event["change"] for event in await told(database, "identity.security_changed.v1")]


async def mint(client: httpx.AsyncClient, token: str, request_id: str) -> httpx.Response:
    return await client.post(
        "/v1/mail-tokens",
        json={"request_id": request_id},
        headers={"Service-Authorization": f"Bearer {token}"},
    )
