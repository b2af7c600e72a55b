"""Claim and effect in two transactions, for handlers that call other services in between.

The first commits the key, a lease and the id of what will be made; the calls carry that id; the second commits effect,
answer and completion together. After a crash the lease runs out and a retry resumes with the same id.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Request, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import Database, after_commit
from libs.errors import DomainError
from libs.idempotency import store
from libs.idempotency.header import FingerprintSecret, RequiredKey
from libs.idempotency.keys import identity_of
from libs.idempotency.reply import Reply, StoredReply
from libs.ids import new_id

_PATIENCE_SECONDS: Final = 0.3
_PAUSE_SECONDS: Final = 1.0

_logger: Final = logging.getLogger(__name__)
_telling: Final[set[asyncio.Task[None]]] = set()


class Claim:
    """The right to work on one request, for as long as nobody else has taken over.

    Attributes:
        resource_id: id of what this request makes, the same in every attempt.
        resumed: an earlier attempt stopped half-way; what it called may have happened.
    """

    def __init__(self, database: Database, held: store.Held, resource_id: str) -> None:
        self.resource_id = resource_id
        self.resumed = held.resumed
        self._database = database
        self._held = held
        self._completed = False

    @property
    def completed(self) -> bool:
        """Whether the answer is stored and committed."""
        return self._completed

    async def complete(self, session: AsyncSession, reply: Reply) -> None:
        """Store the answer in the transaction that holds the effect; call it inside the last one.

        Raises:
            LeaseLost: another attempt has taken over; the transaction must not be committed.
        """
        await self.complete_with(session, StoredReply.of(reply))

    async def complete_with(self, session: AsyncSession, reply: StoredReply) -> None:
        """Store an answer that is rendered already.

        Raises:
            LeaseLost: another attempt has taken over.
        """
        await store.complete(session, self._held, reply)
        after_commit(session, self._mark_completed)

    async def replace(self, reply: Reply) -> None:
        """Have later repeats answer this instead, in a transaction of its own; losing it costs only freshness."""
        try:
            async with self._database.transaction() as session:
                await store.replace(session, self._held, StoredReply.of(reply))
        except (SQLAlchemyError, OSError):
            _logger.warning("late_answer_not_stored", exc_info=True)

    async def release(self) -> None:
        """Give the key back: nothing was done, and the request may be corrected and sent again under it."""
        await self._give_up(store.release)

    async def expire(self) -> None:
        """Let the next attempt resume now, with the same id."""
        await self._give_up(store.expire)

    async def _give_up(self, how: Callable[[AsyncSession, store.Held], Awaitable[None]]) -> None:
        """Tell the database, at once if it listens, else behind the answer: the client need not wait for that."""
        task = asyncio.get_running_loop().create_task(self._tell(how), name="claim-given-up")
        _telling.add(task)
        task.add_done_callback(_telling.discard)
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)

    async def _tell(self, how: Callable[[AsyncSession, store.Held], Awaitable[None]]) -> None:
        ends_at = time.monotonic() + store.LEASE.total_seconds()
        while True:
            try:
                async with self._database.transaction(last_words=True) as session:
                    await how(session, self._held)
            except (SQLAlchemyError, OSError):
                if time.monotonic() > ends_at:
                    _logger.warning("claim_left_to_its_lease", exc_info=True)
                    return
            else:
                return
            await asyncio.sleep(random.uniform(0.0, _PAUSE_SECONDS))  # noqa: S311 - jitter, not a secret

    def _mark_completed(self) -> None:
        self._completed = True


class TwoTransactions:
    """Runs work that calls other services at most once to its end per key."""

    def __init__(self, request: Request, database: Database, key: str, secret: bytes) -> None:
        self._request = request
        self._database = database
        self._key = key
        self._secret = secret

    async def run(self, id_prefix: str, work: Callable[[Claim], Awaitable[Reply]]) -> Response:
        """Claim the key, run `work` with no transaction open, and answer what it returns or returned before.

        `work` must call `claim.complete` in its last transaction. A `DomainError` before that is answered and not
        stored, except a declined payment (402), which is. After a failure of the database or of a callee the next
        attempt may resume at once, after any other error when the lease has run out.

        Raises:
            IdempotencyInFlight: the same request is being worked on.
            IdempotencyKeyReused: the key belongs to a request that differs.
            LeaseLost: this attempt stalled and another took over.
            RuntimeError: `work` returned without completing.
        """
        identity = await identity_of(self._request, self._key, self._secret)
        new = new_id(id_prefix)
        async with self._database.transaction() as session:
            held = await store.claim(session, identity, resource_id=new)
        if isinstance(held, StoredReply):
            return held.response(replayed=True)
        claim = Claim(self._database, held, held.resource_id or new)
        try:
            reply = await work(claim)
        except DomainError as error:
            return await self._refused(claim, error)
        except (SQLAlchemyError, OSError):
            # The database failed. What it still committed has completed the claim too, and is not touched by this.
            await claim.expire()
            raise
        if not claim.completed:
            raise RuntimeError("work under an idempotency key must complete its claim")
        return StoredReply.of(reply).response()

    async def _refused(self, claim: Claim, error: DomainError) -> Response:
        if error.status == HTTPStatus.PAYMENT_REQUIRED and not claim.completed:
            reply = StoredReply.of_error(error, self._request.url.path)
            async with self._database.transaction() as session:
                await claim.complete_with(session, reply)
            return reply.response()
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # A callee that did not answer may still have acted, under this id.
            await claim.expire()
        else:
            await claim.release()
        raise error


async def resumable_required(
    request: Request, key: RequiredKey, secret: FingerprintSecret
) -> TwoTransactions:
    """Build the mode. It opens no session for the request: none may be held during calls."""
    database: Database = request.app.state.database
    return TwoTransactions(request, database, key, secret)


ResumableRequired = Annotated[TwoTransactions, Depends(resumable_required)]
