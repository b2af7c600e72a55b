"""Drives every erasure to its receipt. Each step commits by itself and may be repeated, so a crash costs a repetition.

First the account is closed, with auth. While an order is open nothing else happens: the person is still to get goods,
money or mail. Then user removes its own rows and asks everybody else, in one transaction; asks again whoever does not
answer; and signs the receipt with the last answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from libs.contracts.erasure import ErasureCompleted
from libs.contracts.user import ErasureRequested, UserErased
from libs.database.session import Database
from libs.errors import DomainError
from libs.messaging.outbox import Outbox
from libs.observability.logging import get_logger
from libs.observability.metrics import counter
from libs.security.service_tokens import ServiceSigner
from services.user.domain.erasure import (
    ErasureState,
    is_complete,
    pause_seconds,
    receipt_claims,
    why_held,
)
from services.user.models import Erasure
from services.user.repository.erasures import ErasureRepository

RECEIPT_TYPE = "erasure-receipt+jwt"
BATCH = 20

_NOT_BEGUN = frozenset({ErasureState.REQUESTED, ErasureState.HELD})

_log = get_logger(__name__)
_unanswered = counter(
    "user_erasures_asked_again",
    unit="{request}",
    description="Requests to forget somebody sent again, because a service has not answered.",
)


class Accounts(Protocol):
    """Who closes accounts."""

    async def close(self, user_id: str) -> None: ...


class Orders(Protocol):
    """Who knows what is still owed."""

    async def count_open(self, user_id: str) -> int: ...


@dataclass(frozen=True)
class Erasing:
    """The worker's half of erasures; replicas share the work by skipping locked rows."""

    database: Database
    outbox_of: Callable[[Any], Outbox]
    accounts: Accounts
    orders: Orders

    async def run(self) -> int:
        """Take every erasure that is due a step on; returns how many."""
        taken = await self._take()
        for erasure in taken:
            try:
                await self._step(erasure)
            except DomainError as error:  # a service is away: the erasure is looked at again later
                _log.warning("erasure_step_failed", erasure_id=erasure.id, code=error.code)
        return len(taken)

    async def close_now(self, user_id: str) -> None:
        """Close the account without waiting for the worker; when auth is away the worker does it."""
        try:
            await self.accounts.close(user_id)
        except DomainError as error:
            _log.warning("account_not_closed_yet", code=error.code)

    async def _take(self) -> list[Erasure]:
        """Set when each is looked at next before working on it: who dies meanwhile leaves it due again."""
        async with self.database.transaction() as session:
            erasures = ErasureRepository(session)
            taken = list(await erasures.take_due(BATCH))
            for erasure in taken:
                erasures.postpone(erasure, pause_seconds(erasure.checks))
        return taken

    async def _step(self, erasure: Erasure) -> None:
        if erasure.state == ErasureState.RUNNING:
            await self._ask_again(erasure.id)
            return
        await self.accounts.close(erasure.user_id)
        reason = why_held(await self.orders.count_open(erasure.user_id))
        if reason is None:
            await self._begin(erasure.id)
        else:
            await self._hold(erasure.id, reason)

    async def _hold(self, erasure_id: str, reason: str) -> None:
        async with self.database.transaction() as session:
            erasure = await ErasureRepository(session).locked(erasure_id)
            if erasure is not None and erasure.state in _NOT_BEGUN:
                erasure.state, erasure.reason = ErasureState.HELD, reason

    async def _begin(self, erasure_id: str) -> None:
        """Remove what user has and ask everybody else, all or nothing."""
        async with self.database.transaction() as session:
            erasures = ErasureRepository(session)
            erasure = await erasures.locked(erasure_id)
            if erasure is None or erasure.state not in _NOT_BEGUN:
                return
            erasure.state, erasure.reason, erasure.checks = ErasureState.RUNNING, None, 0
            removed = await erasures.remove_user(erasure.user_id, erasure.id)
            await erasures.answer(erasure.id, "user", removed, None)
            await self.outbox_of(session).add(_request(erasure), aggregate_version=1)
            _log.info("erasure_begun", erasure_id=erasure_id)

    async def _ask_again(self, erasure_id: str) -> None:
        async with self.database.transaction() as session:
            erasure = await ErasureRepository(session).locked(erasure_id)
            if erasure is None or erasure.state != ErasureState.RUNNING:
                return
            # Asked once in `_begin`: the first look after that comes before anybody had time to answer.
            if erasure.checks > 1:
                await self.outbox_of(session).add(_request(erasure), aggregate_version=1)
                _unanswered.add(1)


async def take_answer(
    erasures: ErasureRepository, outbox: Outbox, signer: ServiceSigner, told: ErasureCompleted
) -> None:
    """Note a service's answer, and complete the erasure with the last one; repeated or late answers change nothing."""
    erasure = await erasures.locked(told.erasure_id)
    if erasure is None or erasure.state != ErasureState.RUNNING:
        return
    await erasures.answer(erasure.id, told.publisher, told.removed, told.retained_until)
    answers = await erasures.answers(erasure.id)
    if not is_complete(answers):
        return
    now = await erasures.now()
    claims = receipt_claims(erasure.id, erasure.requested_at, now, answers)
    erasure.state, erasure.completed_at, erasure.next_check_at = ErasureState.COMPLETED, now, None
    erasure.receipt = signer.sign(RECEIPT_TYPE, claims)
    done = UserErased(user_id=erasure.user_id, erasure_id=erasure.id)
    await outbox.add(done, aggregate_version=2)
    await erasures.record_completion(erasure)
    _log.info("erasure_completed", erasure_id=erasure.id, user_id=erasure.user_id)


def _request(erasure: Erasure) -> ErasureRequested:
    return ErasureRequested(user_id=erasure.user_id, erasure_id=erasure.id)
