"""Looks at sessions from behind, and lets time pass for them."""

from collections import Counter
from datetime import timedelta

import httpx
from sqlalchemy import func, select, update

from libs.cache.redis import open_redis
from libs.cache.sessions import SessionStore
from libs.database.session import Database
from libs.testing.servers import REDIS_PATIENCE
from services.auth.models import RefreshFamily, RefreshToken
from tests.auth.conftest import Person


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def is_recorded(redis_url: str, person: Person) -> bool:
    redis = open_redis(redis_url, REDIS_PATIENCE)
    record = await SessionStore(redis).get(person.tokens["session_id"])
    await redis.aclose()
    return record is not None


async def live_sessions(database: Database) -> int:
    """Count the families nobody has ended."""
    live = select(func.count()).where(RefreshFamily.revoked_at.is_(None))
    async with database.transaction() as session:
        return await session.scalar(live) or 0


async def flush(redis_url: str) -> None:
    redis = open_redis(redis_url, REDIS_PATIENCE)
    await redis.flushall()
    await redis.aclose()


async def states(database: Database) -> Counter[str]:
    async with database.transaction() as session:
        return Counter(await session.scalars(select(RefreshToken.state)))


async def let_time_pass(database: Database, **delta: float) -> None:
    """Move everything that happened into the past."""
    by = timedelta(**delta)
    async with database.transaction() as session:
        await session.execute(update(RefreshToken).values(used_at=RefreshToken.used_at - by))
        await session.execute(
            update(RefreshFamily).values(
                last_used_at=RefreshFamily.last_used_at - by,
                expires_at=RefreshFamily.expires_at - by,
                auth_time=RefreshFamily.auth_time - by,
            )
        )
