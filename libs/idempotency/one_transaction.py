"""Claim, effect and answer in the request's one transaction: for handlers that call nobody else."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from libs.database.session import SessionDep
from libs.idempotency import store
from libs.idempotency.header import FingerprintSecret, OptionalKey, RequiredKey
from libs.idempotency.keys import id_from, identity_of, method_path_of, principal_of
from libs.idempotency.reply import Reply, StoredReply
from libs.ids import new_id


@dataclass(frozen=True, slots=True)
class OneTransaction:
    """Runs work at most once per key; without a key it just runs it."""

    request: Request
    session: AsyncSession
    key: str | None
    secret: bytes

    def id_of(self, prefix: str) -> str:
        """Return the id for what this request makes: derived from its key, or new without one."""
        if self.key is None:
            return new_id(prefix)
        principal = principal_of(self.request, self.secret)
        return id_from(principal, self.key, method_path_of(self.request), prefix)

    async def once(self, work: Callable[[], Awaitable[Reply]]) -> Response:
        """Run `work` in the request's transaction, or answer what it answered before.

        An error raised by `work` rolls the claim back with everything else, so that errors are never stored.

        Raises:
            IdempotencyInFlight: the same request is being worked on.
            IdempotencyKeyReused: the key belongs to a request that differs.
        """
        if self.key is None:
            return StoredReply.of(await work()).response()
        identity = await identity_of(self.request, self.key, self.secret)
        held = await store.claim(self.session, identity, resource_id=None)
        if isinstance(held, StoredReply):
            return held.response(replayed=True)
        reply = StoredReply.of(await work())
        await store.complete(self.session, held, reply)
        return reply.response()


async def idempotent(
    request: Request, session: SessionDep, key: OptionalKey, secret: FingerprintSecret
) -> OneTransaction:
    """Build the mode for a request that may carry a key."""
    return OneTransaction(request, session, key, secret)


async def idempotent_required(
    request: Request, session: SessionDep, key: RequiredKey, secret: FingerprintSecret
) -> OneTransaction:
    """Build the mode for a request that must carry a key."""
    return OneTransaction(request, session, key, secret)


Idempotent = Annotated[OneTransaction, Depends(idempotent)]
IdempotentRequired = Annotated[OneTransaction, Depends(idempotent_required)]
