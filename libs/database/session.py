"""Sessions and transactions: one per request or message, committed before anybody is told it happened."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import anyio
import asyncpg
from fastapi import Depends, Request
from sqlalchemy import event, text
from sqlalchemy.engine import Dialect, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.pool import QueuePool

from libs.database.tls import tls_arguments
from libs.deadline import require_time

T = TypeVar("T")

RECYCLE_SECONDS: Final = 1800

_CALLBACKS: Final = "after_commit"
_LOCK_NOT_AVAILABLE: Final = "55P03"
_RETRYABLE: Final = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_UNAVAILABLE: Final = frozenset({"53300", "57P01", "57P02", "57P03"})
_CONNECTION_CLASS: Final = "08"

_logger = logging.getLogger(__name__)


class DatabaseUnreachableError(ConnectionError):
    """PostgreSQL gave no connection, or no answer on one."""


@dataclass(frozen=True)
class Patience:
    """How many seconds a request waits for what, so that no fault can hold rows for longer than it lives.

    `connection` is the wait for one of the pool, and again for a new one to be made.
    """

    connection: float = 2
    lock: float = 2
    statement: float = 5
    idle_in_transaction: float = 15

    @property
    def answer(self) -> float:
        """Longer than any statement may run: only a silent server takes this long."""
        return self.statement + 1

    def server_settings(self) -> dict[str, str]:
        """Return the limits PostgreSQL keeps for the session."""
        limits = {
            "statement_timeout": self.statement,
            "lock_timeout": self.lock,
            "idle_in_transaction_session_timeout": self.idle_in_transaction,
        }
        return {name: f"{int(seconds * 1000)}ms" for name, seconds in limits.items()}


DEFAULT_PATIENCE: Final = Patience()


class Database:
    """The connection pool of one process for its schema.

    `url` is a `postgresql://` address; the driver is always asyncpg. `ca_file` names the authorities its certificate must
    come from (see `libs.database.tls`).
    """

    def __init__(
        self,
        url: str,
        *,
        application_name: str,
        pool_size: int = 10,
        patience: Patience = DEFAULT_PATIENCE,
        ca_file: Path | None = None,
    ) -> None:
        self._engine = _engine(url, application_name, pool_size, patience, ca_file)
        # A sign of life must not queue behind the requests that exhausted the pool.
        self._probe = _engine(url, f"{application_name}-probe", 1, patience, ca_file)
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._last_sessions = async_sessionmaker(self._probe, expire_on_commit=False)
        self._prepare: Callable[[], Awaitable[None]] | None = None

    def before_transactions(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Have `prepare` awaited before every transaction but those for last words; it must be quick."""
        self._prepare = prepare

    @property
    def dialects(self) -> Sequence[Dialect]:
        """What the types of columns are told the database by."""
        return self._engine.dialect, self._probe.dialect

    @asynccontextmanager
    async def transaction(self, *, last_words: bool = False) -> AsyncIterator[AsyncSession]:
        """Give a session whose work is committed at the end of the block, or rolled back if it raises.

        Callbacks of `after_commit` run after a successful commit. Commit and clean-up finish even if the task is
        cancelled meanwhile, so no connection is lost and no outcome is left open.

        Args:
            last_words: for the short statement that tidies up after a request that failed; it needs no time left, and
                its connection is not one that requests could have exhausted.

        Raises:
            DeadlineExceeded: nobody waits for the work any more, so it is not begun.
        """
        if last_words:
            session = self._last_sessions()
        else:
            require_time()
            if self._prepare is not None:
                await self._prepare()
            session = self._sessions()
        try:
            yield session
        except BaseException:
            await _finished(session.close())
            raise
        await _finished(_commit(session))

    async def run(self, work: Callable[[AsyncSession], Awaitable[T]], *, attempts: int = 3) -> T:
        """Run a whole unit of work in a transaction; again, after a short random wait, if it lost a conflict.

        Raises:
            Exception: whatever `work` or the commit raised, when it is not retryable or attempts are used up.
        """
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction() as session:
                    return await work(session)
            except DBAPIError as error:
                if attempt == attempts or not is_retryable(error):
                    raise
            await asyncio.sleep(random.uniform(0.0, 0.02 * 2**attempt))  # noqa: S311 - jitter, not a secret
        raise ValueError("attempts must be at least 1")

    @property
    def connections_in_use(self) -> int:
        """How many of the pool's connections somebody holds now, the probe's not counted."""
        pool = self._engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    async def ping(self) -> None:
        """Ask the server for a sign of life, on a connection of its own.

        Raises:
            Exception: the server did not answer; `is_unavailable` recognises it.
        """
        async with self._probe.connect() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()
        await self._probe.dispose()


def after_commit(session: AsyncSession, callback: Callable[[], None]) -> None:
    """Have `callback` called once the session's transaction is committed, and never if it is rolled back."""
    session.info.setdefault(_CALLBACKS, []).append(callback)


def is_retryable(error: BaseException) -> bool:
    """Tell whether the transaction lost a conflict and may succeed when all of it is run again."""
    return any(_sqlstate(cause) in _RETRYABLE for cause in _causes(error))


def is_lock_timeout(error: BaseException) -> bool:
    """Tell whether somebody else held a lock for longer than this statement was ready to wait."""
    return any(_sqlstate(cause) == _LOCK_NOT_AVAILABLE for cause in _causes(error))


def is_unavailable(error: BaseException) -> bool:
    """Tell whether PostgreSQL could not be reached or gave no connection: an answer of 503, not of 500."""
    return any(_means_unavailable(cause) for cause in _causes(error))


async def request_session(request: Request) -> AsyncIterator[AsyncSession]:
    """Give a request its one session, from the pool in `app.state.database`."""
    database: Database = request.app.state.database
    async with database.transaction() as session:
        yield session


# FastAPI ends a `yield` dependency after the response unless its scope is "function": with the default a failing
# commit would still have been answered 201.
SessionDep = Annotated[AsyncSession, Depends(request_session, scope="function")]


def _engine(
    url: str, application_name: str, pool_size: int, patience: Patience, ca_file: Path | None
) -> AsyncEngine:
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=patience.connection,
        pool_recycle=RECYCLE_SECONDS,
        pool_use_lifo=True,
        connect_args={
            **tls_arguments(ca_file),
            "async_creator_fn": _connect,
            "timeout": patience.connection,
            "command_timeout": patience.answer,
            "server_settings": {
                **patience.server_settings(),
                "jit": "off",
                "application_name": application_name,
            },
        },
    )
    event.listen(engine.sync_engine, "handle_error", _name_silence)
    return engine


def _name_silence(context: ExceptionContext) -> DatabaseUnreachableError | None:
    """Tell a server that stopped answering from the caller's own time-outs."""
    if not isinstance(context.original_exception, TimeoutError):
        return None
    context.is_disconnect = True
    return DatabaseUnreachableError("the server stopped answering")


async def _connect(*args: object, **kwargs: object) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(*args, **kwargs)
    except (OSError, TimeoutError) as error:
        raise DatabaseUnreachableError(str(error) or "connecting took too long") from error


async def _commit(session: AsyncSession) -> None:
    try:
        await session.commit()
    finally:
        await session.close()
    _run_callbacks(session)


async def _finished(work: Coroutine[None, None, None]) -> None:
    """Wait for `work` to the end even if this task is cancelled meanwhile; the cancellation is raised after it."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError as error:
                cancelled = error
    task.result()
    if cancelled is not None:
        raise cancelled


def _run_callbacks(session: AsyncSession) -> None:
    for callback in session.info.pop(_CALLBACKS, ()):
        try:
            callback()
        except Exception:
            # The work is committed: failing the caller now would make it repeat what has happened.
            _logger.exception("after_commit_failed")


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        original: object = getattr(current, "orig", None)
        current = original if isinstance(original, BaseException) else current.__cause__


def _sqlstate(error: BaseException) -> str | None:
    state: object = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else None


def _means_unavailable(error: BaseException) -> bool:
    if isinstance(error, (DatabaseUnreachableError, PoolTimeoutError)):
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _sqlstate(error)
    return state is not None and (state in _UNAVAILABLE or state.startswith(_CONNECTION_CLASS))
