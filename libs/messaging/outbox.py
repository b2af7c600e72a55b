"""The sending side inside a transaction: a message is a row that commits, or rolls back, with the state it tells of."""

from collections.abc import Callable

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.clock import utc_now
from libs.contracts.message import Command, Event, Message
from libs.database.session import after_commit
from libs.ids import uuid7
from libs.messaging.envelope import Envelope, schema_uri, source_uri
from libs.messaging.routing import Routing
from libs.messaging.tables import outbox_messages
from libs.observability.context import causation_id_var, correlation_id_var, request_id_var
from libs.observability.tracing import SpanKind, current_traceparent, start_span


class Outbox:
    """Writes messages into one session's transaction.

    `wake` is called after a successful commit, so that the relay need not wait for its next poll.
    """

    def __init__(
        self, session: AsyncSession, service: str, region: str, wake: Callable[[], None]
    ) -> None:
        self._session = session
        self._service = service
        self._region = region
        self._wake = wake
        self._wakes_after_commit = False

    async def add(self, message: Message, *, aggregate_version: int) -> str:
        """Insert a message and return its id.

        Call it while the aggregate's row is locked: rows of one aggregate then get their positions in
        the order their transactions commit. `aggregate_version` is the aggregate's version after the change.

        Raises:
            ValueError: an event of another publisher; only its owner may tell of an aggregate.
        """
        if isinstance(message, Event) and message.publisher != self._service:
            raise ValueError(
                f"{message.type} is published by {message.publisher}, not {self._service}"
            )
        with start_span(f"create {message.type}", kind=SpanKind.PRODUCER):
            envelope = self._envelope(message, aggregate_version)
        await self._session.execute(
            insert(outbox_messages).values(
                id=envelope.id,
                aggregate_id=envelope.subject,
                aggregate_version=aggregate_version,
                type=envelope.type,
                destination=Routing.load().destination_of(message),
                group_id=envelope.subject if isinstance(message, Command) else None,
                envelope=envelope.to_json(),
            )
        )
        if not self._wakes_after_commit:
            after_commit(self._session, self._wake)
            self._wakes_after_commit = True
        return envelope.id

    def _envelope(self, message: Message, aggregate_version: int) -> Envelope:
        message_id = str(uuid7())
        return Envelope(
            id=message_id,
            source=source_uri(self._region, self._service),
            type=message.type,
            subject=message.subject,
            time=utc_now(),
            dataschema=schema_uri(message.type),
            data=message.model_dump(mode="json"),
            aggregateversion=aggregate_version,
            originregion=self._region,
            traceparent=current_traceparent() or None,
            causationid=causation_id_var.get(),
            correlationid=correlation_id_var.get() or request_id_var.get() or message_id,
        )


async def count_unpublished(session: AsyncSession, *, at_most: int) -> int:
    """Count the messages that wait to be published, but no further than `at_most`."""
    waiting = (
        select(outbox_messages.c.position)
        .where(outbox_messages.c.published_at.is_(None))
        .limit(at_most)
        .subquery()
    )
    counted = await session.scalar(select(func.count()).select_from(waiting))
    return counted or 0
