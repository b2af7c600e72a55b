"""Builds messages as a consumer receives them."""

from libs.clock import utc_now
from libs.contracts import Message
from libs.ids import uuid7
from libs.messaging.envelope import Envelope, schema_uri, source_uri
from libs.topology import MASTER_REGION


def envelope_of(message: Message, *, version: int = 1, source: str = "test") -> Envelope:
    """Put a message into an envelope of its own, as if `source` had published it."""
    return Envelope(
        id=str(uuid7()),
        source=source_uri(MASTER_REGION, source),
        type=message.type,
        subject=message.subject,
        time=utc_now(),
        dataschema=schema_uri(message.type),
        data=message.model_dump(mode="json"),
        aggregateversion=version,
        originregion=MASTER_REGION,
    )
