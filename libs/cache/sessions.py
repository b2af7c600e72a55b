"""Live sessions: presence grants, absence denies. A flush logs people out and lets nobody in.

Refresh families in auth's database are the truth; a record here can always be made again from one.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, cast

import redis.asyncio as redis_asyncio
from pydantic import BaseModel, ConfigDict, ValidationError
from redis.exceptions import RedisError

from libs.cache.failures import REDIS_FAILURES
from libs.errors import DomainError

# Both ends of a session are kept by the clock of Redis, which forgets the record at the nearer one.
# `idle` and `end` are read by the version before alone, which prolongs a session when it reads it.
_PUT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - now)
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('HSET', KEYS[1], 'record', ARGV[1], 'idle', ARGV[2], 'end', ARGV[3])
redis.call('PEXPIRE', KEYS[1], left)
return 1
"""
_INDEX_SECONDS: Final = 90 * 24 * 3600


class SessionStoreUnavailable(DomainError):
    """Whether the session still lives cannot be known now, so the answer is no, for a moment."""

    code: ClassVar[str] = "session_store_unavailable"
    status: ClassVar[int] = 503
    title: ClassVar[str] = "Sessions cannot be checked at the moment"


class SessionRecord(BaseModel):
    """What a live session says about itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    user_id: str
    home_region: str
    client_id: str
    created_at: datetime
    auth_time: datetime


@dataclass(frozen=True)
class SessionStore:
    """Session records in Redis under the hash of the session id.

    Raises:
        SessionStoreUnavailable: from every method, when Redis is away.
    """

    redis: redis_asyncio.Redis

    async def check(self) -> None:
        """Make sure that sessions can be stored, before work that would be wasted otherwise."""
        try:
            await self.redis.ping()
        except REDIS_FAILURES as error:
            raise _unavailable() from error

    async def put(
        self,
        session_id: str,
        record: SessionRecord,
        idle_ttl_seconds: int,
        absolute_expiry: datetime,
    ) -> None:
        """Store the record until it was idle for `idle_ttl_seconds` or `absolute_expiry` has come.

        Storing it again renews the idle time. Auth does so at each refresh, at least every five minutes of use: the
        other services only read records, and their users of Redis can do no more.
        """
        hashed = _hash(session_id)
        try:
            await self.redis.eval(
                _PUT,
                1,
                _key(hashed),
                record.model_dump_json(),
                str(idle_ttl_seconds * 1000),
                str(int(absolute_expiry.timestamp() * 1000)),
            )
            await self.redis.sadd(_index(record.user_id), hashed)
            await self.redis.expire(_index(record.user_id), _INDEX_SECONDS)
        except REDIS_FAILURES as error:
            raise _unavailable() from error

    async def get(self, session_id: str) -> SessionRecord | None:
        """Return the live record, or None."""
        return await self._read(_hash(session_id))

    async def delete(self, session_id: str) -> None:
        """End the session; ending an unknown one changes nothing."""
        try:
            await self.redis.delete(session_key(session_id))
        except REDIS_FAILURES as error:
            raise _unavailable() from error

    async def list_for(self, user_id: str) -> list[SessionRecord]:
        """Return a user's live sessions, oldest first."""
        try:
            members = cast("set[bytes]", await self.redis.smembers(_index(user_id)))
        except REDIS_FAILURES as error:
            raise _unavailable() from error
        hashes = [member.decode() for member in members]
        records = await asyncio.gather(*(self._read(hashed) for hashed in hashes))
        await self._forget(
            user_id, [h for h, record in zip(hashes, records, strict=True) if record is None]
        )
        live = [record for record in records if record is not None and record.user_id == user_id]
        return sorted(live, key=lambda record: (record.created_at, record.session_id))

    async def _read(self, hashed: str) -> SessionRecord | None:
        try:
            raw = cast("bytes | None", await self.redis.hget(_key(hashed), "record"))
        except RedisError as error:
            if "WRONGTYPE" in str(error):
                return None
            raise _unavailable() from error
        except REDIS_FAILURES as error:
            raise _unavailable() from error
        if raw is None:
            return None
        try:
            return SessionRecord.model_validate_json(raw)
        except ValidationError:
            return None  # written by something else: not a session

    async def _forget(self, user_id: str, hashes: list[str]) -> None:
        if not hashes:
            return
        try:
            await self.redis.srem(_index(user_id), *hashes)
        except REDIS_FAILURES as error:
            raise _unavailable() from error


def session_key(session_id: str) -> str:
    """Return where the record of a session is kept."""
    return _key(_hash(session_id))


def _hash(session_id: str) -> str:
    return hashlib.sha256(session_id.encode()).hexdigest()


def _key(hashed: str) -> str:
    return f"session:{{{hashed}}}"


def _index(user_id: str) -> str:
    return f"sessions-of:{{{_hash(user_id)}}}"


def _unavailable() -> SessionStoreUnavailable:
    return SessionStoreUnavailable("Try again in a few seconds.", headers={"Retry-After": "5"})
