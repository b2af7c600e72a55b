"""Being forgotten: asking for it, looking how far it is, and the receipt."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.database.session import Database
from libs.ids import new_id
from libs.observability.logging import get_logger
from services.user.domain.erasure import ErasureState
from services.user.errors import ErasureNotFound
from services.user.repository.erasures import ErasureDetails, ErasureRepository
from services.user.schemas.erasures import (
    ErasureRequestedView,
    ErasureView,
    ServiceAnswerView,
)
from services.user.service.erasing import Erasing

_log = get_logger(__name__)


@dataclass(frozen=True)
class ReceiptTokens:
    """Makes the token of a receipt from its erasure's id: an answer that got lost can be given again."""

    secret: bytes

    def of(self, erasure_id: str) -> str:
        """Return the erasure's token: 256 bits nobody can compute without our secret (HMAC-SHA-256, RFC 2104)."""
        mac = hmac.digest(
            self.secret, f"meridian erasure receipt v1 {erasure_id}".encode(), "sha256"
        )
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")


@dataclass(frozen=True)
class ErasureService:
    """Use cases of one request, inside its transaction."""

    erasures: ErasureRepository

    async def of_caller(self, user_id: str) -> ErasureView:
        """Return the caller's own erasure.

        Raises:
            ErasureNotFound: they never asked for one.
        """
        return view_of(_existing(await self.erasures.of_user(user_id)))

    async def by_receipt(self, erasure_id: str, token: str) -> ErasureView:
        """Return an erasure to whoever has its receipt's token; the account may be gone.

        Raises:
            ErasureNotFound: no such erasure, or not with this token: the answer does not tell which.
        """
        details = _existing(await self.erasures.find(erasure_id))
        if not hmac.compare_digest(details.erasure.receipt_token_hash, _hash(token)):
            raise _not_found()
        return view_of(details)


@dataclass(frozen=True)
class ErasureRequests:
    """Taking the wish down, and closing the account in the same breath; calls auth with no transaction open."""

    database: Database
    accounts: Erasing
    tokens: ReceiptTokens

    async def is_known(self, user_id: str) -> bool:
        """Tell whether somebody asked before."""
        async with self.database.transaction() as session:
            return await ErasureRepository(session).of_user(user_id) is not None

    async def request(self, user_id: str) -> ErasureRequestedView:
        """Write down that somebody wants to be forgotten, then close the account; the worker does it when auth is away.

        Whoever asked before gets the same erasure and token again: the first answer may have been lost.
        """
        erasure_id = new_id("ers")
        async with self.database.transaction() as session:
            erasures = ErasureRepository(session)
            token_hash = _hash(self.tokens.of(erasure_id))
            if await erasures.insert_once(erasure_id, user_id, token_hash) is not None:
                await AuditLog(session).record("erasure.requested", user_id, erasure_id)
                _log.info("erasure_requested", erasure_id=erasure_id)
            details = _existing(await erasures.of_user(user_id))
            token = self.tokens.of(details.erasure.id)
            # A token made under another secret, which whoever asks again does not have, ends here.
            details.erasure.receipt_token_hash = _hash(token)
            view = ErasureRequestedView(**view_of(details).model_dump(), receipt_token=token)
        if view.state == ErasureState.REQUESTED:
            await self.accounts.close_now(user_id)
        return view


def view_of(details: ErasureDetails) -> ErasureView:
    """Show an erasure."""
    erasure = details.erasure
    return ErasureView(
        erasure_id=erasure.id,
        state=erasure.state,
        reason=erasure.reason,
        requested_at=erasure.requested_at,
        completed_at=erasure.completed_at,
        services=[
            ServiceAnswerView(
                service=answer.service,
                answered_at=answer.answered_at,
                retained_until=answer.retained_until,
            )
            for answer in details.answers
        ],
        receipt=erasure.receipt,
    )


def _existing(details: ErasureDetails | None) -> ErasureDetails:
    if details is None:
        raise _not_found()
    return details


def _not_found() -> ErasureNotFound:
    return ErasureNotFound("No erasure was asked for, or the token is another one's.")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
