"""Being forgotten: asking for it, looking how far it is, and the receipt."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from libs.audit.log import AuditLog
from libs.database.session import Database
from libs.idempotency.reply import Reply
from libs.idempotency.two_transactions import Claim
from libs.observability.logging import get_logger
from libs.web.conditional import NO_STORE
from services.user.errors import ErasureAlreadyRequested, ErasureNotFound
from services.user.repository.erasures import ErasureDetails, ErasureRepository
from services.user.schemas.erasures import (
    ErasureRequestedView,
    ErasureView,
    ServiceAnswerView,
)
from services.user.service.erasing import Erasing

RECEIPT_TOKEN_BYTES = 32

_log = get_logger(__name__)


@dataclass(frozen=True)
class ErasureService:
    """Use cases of one request, inside its transaction."""

    erasures: ErasureRepository

    async def request(self, erasure_id: str, user_id: str) -> ErasureRequestedView:
        """Write down that somebody wants to be forgotten; the worker does the rest.

        Raises:
            ErasureAlreadyRequested: they said so before; whoever has the first answer has the receipt's token.
        """
        token = secrets.token_urlsafe(RECEIPT_TOKEN_BYTES)
        erasure = await self.erasures.insert_once(erasure_id, user_id, _hash(token))
        if erasure is None:
            raise ErasureAlreadyRequested("Look how far it is: GET /v1/me/erasure.")
        _log.info("erasure_requested", erasure_id=erasure_id)
        answers = await self.erasures.answers(erasure_id)
        view = view_of(ErasureDetails(erasure, answers))
        return ErasureRequestedView(**view.model_dump(), receipt_token=token)

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
    erasing: Erasing

    async def request(self, user_id: str, claim: Claim) -> Reply:
        """Commit the request and its answer, then close the account; the worker does it when auth is away.

        Raises:
            ErasureAlreadyRequested: they said so before.
        """
        async with self.database.transaction() as session:
            view = await ErasureService(ErasureRepository(session)).request(
                claim.resource_id, user_id
            )
            await AuditLog(session).record("erasure.requested", user_id, view.erasure_id)
            reply = Reply(202, view, {"Location": _place_of(view), "Cache-Control": NO_STORE})
            await claim.complete(session, reply)
        await self.erasing.close_now(user_id)
        return reply


def _place_of(view: ErasureView) -> str:
    return f"/v1/erasures/{view.erasure_id}"


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
