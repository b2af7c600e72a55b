"""What waits to be answered once, by the database's clock."""

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.challenges import ChallengePurpose
from services.auth.domain.second_factors import CHALLENGE_LIFETIME, FAILURES_PER_CHALLENGE
from services.auth.models import Challenge


class ChallengeRepository:
    """Challenges, found by their hashes."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, challenge_hash: bytes, purpose: ChallengePurpose, user_id: str | None
    ) -> None:
        await self._session.execute(
            insert(Challenge).values(
                challenge_hash=challenge_hash,
                purpose=purpose,
                user_id=user_id,
                expires_at=func.now() + CHALLENGE_LIFETIME,
            )
        )

    async def take(
        self, challenge_hash: bytes, purpose: ChallengePurpose, user_id: str | None
    ) -> bool:
        """Use a challenge up; False unless it was put to this person, for this, and not too long ago."""
        whose = Challenge.user_id.is_(None) if user_id is None else Challenge.user_id == user_id
        taken = await self._session.scalar(
            delete(Challenge)
            .where(
                Challenge.challenge_hash == challenge_hash,
                Challenge.purpose == purpose,
                Challenge.expires_at > func.now(),
                whose,
            )
            .returning(Challenge.purpose)
        )
        return taken is not None

    async def second_step_locked(self, token_hash: bytes) -> Challenge | None:
        """Return the login that waits for its second step, while it still may be tried."""
        found: Challenge | None = await self._session.scalar(
            select(Challenge)
            .where(
                Challenge.challenge_hash == token_hash,
                Challenge.purpose == ChallengePurpose.SECOND_STEP,
                Challenge.expires_at > func.now(),
                Challenge.failures < FAILURES_PER_CHALLENGE,
            )
            .with_for_update()
        )
        return found

    async def count_failure(self, challenge_hash: bytes) -> None:
        await self._session.execute(
            update(Challenge)
            .where(Challenge.challenge_hash == challenge_hash)
            .values(failures=Challenge.failures + 1)
        )

    async def end_all(self, user_id: str) -> None:
        """Let nothing that was begun with old credentials be finished."""
        await self._session.execute(delete(Challenge).where(Challenge.user_id == user_id))

    async def forget_expired(self) -> None:
        await self._session.execute(delete(Challenge).where(Challenge.expires_at < func.now()))
