"""Every statement on `idempotency_keys`. None of them waits for another request: who comes second is told so."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import LargeBinary, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import CursorResult, Row
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import Database
from libs.idempotency.errors import IdempotencyInFlight, IdempotencyKeyReused, LeaseLost
from libs.idempotency.keys import Identity
from libs.idempotency.reply import StoredReply
from libs.privacy.columns import keys_of
from libs.privacy.keys import DataKeys
from libs.privacy.rows import ANSWERS

LEASE: Final = timedelta(seconds=30)
RETENTION: Final = timedelta(hours=72)
_LONGEST_RETRY_AFTER: Final = 5

# The advisory lock is taken before the row is tried, so that a second request finds out at once instead of waiting
# for the first one's transaction on the unique index. The primary key is what makes the claim exclusive.
_INSERT: Final = text("""
    INSERT INTO idempotency_keys
        (principal, key, method_path, fingerprint, state, resource_id, lease_until)
    SELECT :principal, :key, :method_path, :fingerprint, 'in_flight', :resource_id,
           clock_timestamp() + make_interval(secs => :lease)
    WHERE pg_try_advisory_xact_lock(
        hashtextextended(current_schema() || ' ' || :principal || ' ' || :key, 0))
    ON CONFLICT (principal, key) DO NOTHING
    RETURNING resource_id, fence
""").bindparams(bindparam("fingerprint", type_=LargeBinary))

_SELECT: Final = text("""
    SELECT fingerprint, state, status, headers, body, body_sealed,
           extract(epoch FROM lease_until - clock_timestamp())::float8 AS lease_seconds
    FROM idempotency_keys WHERE principal = :principal AND key = :key
""").columns(headers=JSONB, body=LargeBinary, body_sealed=LargeBinary, fingerprint=LargeBinary)

_TAKE_OVER: Final = text("""
    UPDATE idempotency_keys
    SET fence = fence + 1, lease_until = clock_timestamp() + make_interval(secs => :lease)
    WHERE (principal, key) IN (
        SELECT principal, key FROM idempotency_keys
        WHERE principal = :principal AND key = :key AND state = 'in_flight'
          AND lease_until <= clock_timestamp()
        FOR UPDATE SKIP LOCKED)
    RETURNING resource_id, fence
""")

_COMPLETE: Final = text("""
    UPDATE idempotency_keys
    SET state = 'completed', status = :status, headers = :headers,
        body = :body, body_sealed = :body_sealed
    WHERE principal = :principal AND key = :key AND fence = :fence AND state = :state
""").bindparams(
    bindparam("headers", type_=JSONB),
    bindparam("body", type_=LargeBinary),
    bindparam("body_sealed", type_=LargeBinary),
)

_RELEASE: Final = text("""
    DELETE FROM idempotency_keys
    WHERE principal = :principal AND key = :key AND fence = :fence AND state = 'in_flight'
""")

_EXPIRE: Final = text("""
    UPDATE idempotency_keys SET lease_until = clock_timestamp()
    WHERE principal = :principal AND key = :key AND fence = :fence AND state = 'in_flight'
""")

_FORGET: Final = text("DELETE FROM idempotency_keys WHERE principal = :principal")

_PURGE: Final = text("""
    DELETE FROM idempotency_keys WHERE (principal, key) IN (
        SELECT principal, key FROM idempotency_keys
        WHERE created_at < now() - make_interval(secs => :age) AND lease_until <= now()
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


@dataclass(frozen=True, slots=True)
class Held:
    """A claim this request holds; the fence tells it from earlier and later holders."""

    identity: Identity
    fence: int
    resource_id: str | None
    resumed: bool


async def claim(
    session: AsyncSession, identity: Identity, *, resource_id: str | None, lease: timedelta = LEASE
) -> Held | StoredReply:
    """Claim the key, or return the answer stored under it.

    A claim whose lease ran out is taken over together with its resource id.

    Raises:
        IdempotencyInFlight: another request holds it.
        IdempotencyKeyReused: it belongs to a request that differs.
    """
    whose = {"principal": identity.principal, "key": identity.key}
    seconds = {"lease": lease.total_seconds()}
    inserted = await session.execute(
        _INSERT,
        {
            **whose,
            **seconds,
            "method_path": identity.method_path,
            "fingerprint": identity.fingerprint,
            "resource_id": resource_id,
        },
    )
    row = inserted.one_or_none()
    if row is not None:
        return Held(identity, row.fence, row.resource_id, resumed=False)
    row = (await session.execute(_SELECT, whose)).one_or_none()
    stored = _judge(row, identity, keys_of(session))
    if stored is not None:
        return stored
    taken = (await session.execute(_TAKE_OVER, {**whose, **seconds})).one_or_none()
    if taken is None:
        raise IdempotencyInFlight
    return Held(identity, taken.fence, taken.resource_id, resumed=True)


async def complete(session: AsyncSession, held: Held, reply: StoredReply) -> None:
    """Store the answer in the session's transaction.

    Raises:
        LeaseLost: somebody else has taken over.
    """
    if not await _write(session, held, reply, state="in_flight"):
        raise LeaseLost


async def replace(session: AsyncSession, held: Held, reply: StoredReply) -> None:
    """Store a better answer than the one this request has completed with."""
    await _write(session, held, reply, state="completed")


async def release(session: AsyncSession, held: Held) -> None:
    """Give the key back as if it had never been used."""
    await session.execute(_RELEASE, _held(held))


async def expire(session: AsyncSession, held: Held) -> None:
    """Let the next attempt resume at once, with the same resource id."""
    await session.execute(_EXPIRE, _held(held))


async def forget_answers(session: AsyncSession, principal: str) -> int:
    """Remove every key of somebody's with the answer stored under it; return how many."""
    return _row_count(await session.execute(_FORGET, {"principal": principal}))


async def purge_expired(
    session: AsyncSession, *, older_than: timedelta = RETENTION, limit: int = 1000
) -> int:
    """Remove up to `limit` keys older than the promised retention and return how many."""
    result = await session.execute(_PURGE, {"age": older_than.total_seconds(), "limit": limit})
    return _row_count(result)


async def purge_all_expired(database: Database, *, limit: int = 1000) -> int:
    """Remove every key past its retention, in short transactions, and return how many; for a service's timer."""
    removed = 0
    while True:
        async with database.transaction() as session:
            step = await purge_expired(session, limit=limit)
        removed += step
        if step < limit:
            return removed


def _judge(
    row: "Row[tuple[object, ...]] | None", identity: Identity, keys: DataKeys
) -> StoredReply | None:
    """Return the stored answer, None if the claim may be taken over, or raise."""
    if row is None:  # claimed by a transaction that has not committed
        raise IdempotencyInFlight
    if row.fingerprint != identity.fingerprint:
        raise IdempotencyKeyReused(
            "Use a new key for a request that differs in method, path, query or body."
        )
    if row.state == "completed":
        headers: Mapping[str, str] = row.headers
        if row.body_sealed is None:
            return StoredReply(row.status, headers, row.body)
        return StoredReply(row.status, headers, keys.open(ANSWERS, _row(identity), row.body_sealed))
    if row.lease_seconds > 0:
        raise IdempotencyInFlight(min(math.ceil(row.lease_seconds), _LONGEST_RETRY_AFTER))
    return None


async def _write(session: AsyncSession, held: Held, reply: StoredReply, *, state: str) -> bool:
    keys = keys_of(session)
    result = await session.execute(
        _COMPLETE,
        {
            **_held(held),
            "state": state,
            "status": reply.status,
            "headers": dict(reply.headers),
            "body": reply.body if keys.plain_written else None,
            "body_sealed": keys.seal(ANSWERS, _row(held.identity), reply.body),
        },
    )
    return _row_count(result) == 1


def _row(identity: Identity) -> str:
    return f"{identity.principal}\n{identity.key}"


def _held(held: Held) -> dict[str, object]:
    identity = held.identity
    return {"principal": identity.principal, "key": identity.key, "fence": held.fence}


def _row_count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
