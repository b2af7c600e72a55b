"""Mails people asked for, by the database's clock."""

from datetime import timedelta

from sqlalchemy import and_, delete, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.ids import new_id
from libs.privacy.columns import protected
from services.auth.domain.mail_requests import LIFETIMES, MailPurpose
from services.auth.models import MailRequest
from services.auth.repository.identities import hold


class MailRequestRepository:
    """Requests for mails and the tokens in them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, user_id: str, purpose: MailPurpose, email: str | None = None) -> str:
        """Note that the account's owner shall get a mail, at `email` or its own address; return the request's id."""
        return await self._add(user_id, purpose, email)

    async def add_for_nobody(self, purpose: MailPurpose) -> None:
        """Leave the traces of a request for an address nobody may be written at, without the address.

        A row that holds an address belongs to an account, and is erased with it.
        """
        await self._add(None, purpose, None)

    async def find_open_locked(self, request_id: str) -> MailRequest | None:
        """Return the request while a mail for it is worth sending."""
        found: MailRequest | None = await self._session.scalar(
            select(MailRequest)
            .where(
                MailRequest.id == request_id,
                MailRequest.done_at.is_(None),
                MailRequest.expires_at > func.now(),
            )
            .with_for_update()
        )
        return found

    async def set_token(self, request_id: str, token_hash: bytes, lifetime: timedelta) -> None:
        """Make this the request's one token, from now on."""
        await self._session.execute(
            update(MailRequest)
            .where(MailRequest.id == request_id)
            .values(token_hash=token_hash, token_expires_at=func.now() + lifetime)
        )

    async def find_by_token_locked(
        self, token_hash: bytes, purpose: MailPurpose
    ) -> MailRequest | None:
        """Return the request whose token this is, while it works.

        Its account is locked first, as by all who change one: who registers it anew ends this request meanwhile.
        """
        owners = select(MailRequest.user_id).where(
            MailRequest.token_hash == token_hash, MailRequest.user_id.is_not(None)
        )
        await hold(self._session, *await self._session.scalars(owners))
        found: MailRequest | None = await self._session.scalar(
            select(MailRequest)
            .where(
                MailRequest.token_hash == token_hash,
                MailRequest.purpose == purpose,
                MailRequest.done_at.is_(None),
                MailRequest.token_expires_at > func.now(),
            )
            .with_for_update()
        )
        return found

    async def end_all(self, user_id: str, *purposes: MailPurpose) -> None:
        """Let no token of these purposes work any more."""
        await self._session.execute(
            update(MailRequest)
            .where(
                MailRequest.user_id == user_id,
                MailRequest.purpose.in_(purposes),
                MailRequest.done_at.is_(None),
            )
            .values(done_at=func.now())
        )

    async def forget_over(self) -> None:
        """Delete requests that were answered, or that no mail is sent for and whose token has ended."""
        has_token = func.coalesce(MailRequest.token_expires_at > func.now(), false())
        too_late = and_(MailRequest.expires_at < func.now(), ~has_token)
        await self._session.execute(
            delete(MailRequest).where(or_(MailRequest.done_at.is_not(None), too_late))
        )

    async def _add(self, user_id: str | None, purpose: MailPurpose, email: str | None) -> str:
        request_id = new_id("mrq")
        await self._session.execute(
            insert(MailRequest).values(
                **protected(self._session, MailRequest, request_id, {"email": email}),
                id=request_id,
                user_id=user_id,
                purpose=purpose,
                expires_at=func.now() + LIFETIMES[purpose].request,
            )
        )
        return request_id
