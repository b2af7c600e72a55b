"""Everything a service process holds open, built once at start and closed in reverse order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import httpx
import redis.asyncio as redis_asyncio
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession

from libs.audit.log import AuditLog
from libs.audit.refusals import Refusals
from libs.cache.hints import Hints
from libs.cache.rate_limit import RateLimiter
from libs.cache.redis import open_redis
from libs.cache.responses import ByteCache
from libs.cache.sessions import SessionStore
from libs.clock import Clock, SystemClock
from libs.database.session import Database, Patience
from libs.flags.flags import Flags
from libs.flags.process import open_flags
from libs.messaging.broker import open_broker
from libs.messaging.outbox import Outbox
from libs.messaging.transport import Broker
from libs.observability.logging import get_logger
from libs.observability.metrics import Observation, gauge
from libs.privacy.keys import DataKeys
from libs.privacy.process import kept_fresh
from libs.security.master_key import MasterKey, WrappedElsewhere, open_master_key
from libs.security.service_tokens import ServiceSigner, ServiceVerifier
from libs.security.tokens import JwksCache, TokenVerifier
from libs.settings import ServiceSettings
from libs.web.calls import CallPolicy
from libs.web.client import ServiceClient
from libs.web.pagination import CursorCodec
from libs.web.transport import CallTransport

_log = get_logger(__name__)

OwnSettings = TypeVar("OwnSettings", bound=ServiceSettings)

KEPT_IDLE_SECONDS = 4
"""Shorter than a stopping service lingers (`linger_seconds`), so that no call is sent over a connection it is about to close."""


@dataclass(frozen=True)
class Resources:
    """The open connections and clients of one process; services build their collaborators from it."""

    settings: ServiceSettings
    database: Database
    redis: redis_asyncio.Redis
    sessions: SessionStore
    rate_limiter: RateLimiter
    byte_cache: ByteCache
    hints: Hints
    broker: Broker
    verifier: TokenVerifier
    signer: ServiceSigner
    service_verifier: ServiceVerifier
    http: httpx.AsyncClient
    cursors: CursorCodec
    refusals: Refusals
    master_key: MasterKey
    flags: Flags
    clock: Clock = field(default_factory=SystemClock)
    wake_relay: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _clients: dict[str, ServiceClient] = field(default_factory=dict)

    def settings_as(self, kind: type[OwnSettings]) -> OwnSettings:
        """Return the settings as the service's own.

        Raises:
            TypeError: the process was started with another service's settings.
        """
        if not isinstance(self.settings, kind):
            raise TypeError(f"{kind.__name__} needed, not {type(self.settings).__name__}")
        return self.settings

    def outbox(self, session: AsyncSession) -> Outbox:
        """Return the outbox writing in this session's transaction; the relay wakes after its commit."""
        return Outbox(
            session, self.settings.service, self.settings.region, wake=self.wake_relay.set
        )

    def audit(self, session: AsyncSession) -> AuditLog:
        """Return the audit log writing in this session's transaction."""
        return AuditLog(session)

    def client(self, callee: str, base_url: str) -> ServiceClient:
        """Return the one client for a callee, so that its circuit breaker and retry budget are shared."""
        if callee not in self._clients:
            policy = CallPolicy.of_tries(self.settings.call_seconds)
            self._clients[callee] = ServiceClient(base_url, callee, self.signer, self.http, policy)
        return self._clients[callee]


@asynccontextmanager
async def open_resources(settings: ServiceSettings) -> AsyncIterator[Resources]:
    """Open what a service needs and close it in reverse order.

    Nothing here waits for a dependency: a process starts while PostgreSQL, Redis or the broker are away,
    and answers 503 for what needs them until they come back.
    """
    async with AsyncExitStack() as stack:
        database = _database(settings)
        stack.push_async_callback(database.close)
        _show_pool(stack, database, settings.database_pool_size)
        redis = _redis(settings)
        stack.push_async_callback(redis.aclose)
        http = await stack.enter_async_context(_internal_http())
        broker = await stack.enter_async_context(_broker(settings))
        master_key = await stack.enter_async_context(open_master_key(settings))
        await stack.enter_async_context(kept_fresh(database, master_key, settings.service))
        flags = await stack.enter_async_context(open_flags(settings))
        hints = Hints(redis, settings.service)
        stack.push_async_callback(hints.close)
        yield Resources(
            settings=settings,
            database=database,
            redis=redis,
            sessions=SessionStore(redis),
            rate_limiter=RateLimiter(
                redis, settings.service, answer_seconds=settings.redis_seconds
            ),
            byte_cache=ByteCache(redis, settings.service, answer_seconds=settings.redis_seconds),
            hints=hints,
            broker=broker,
            verifier=_verifier(settings, http),
            signer=ServiceSigner(settings.service, settings.service_key_file),
            service_verifier=ServiceVerifier(settings.trust_bundle_file, settings.service),
            http=http,
            master_key=master_key,
            flags=flags,
            cursors=CursorCodec(settings.signing_secret.get_secret_value()),
            refusals=Refusals(database),
        )


def _verifier(settings: ServiceSettings, http: httpx.AsyncClient) -> TokenVerifier:
    keys = JwksCache(settings.jwks_url, http, fetch_seconds=2 * settings.call_seconds)
    return TokenVerifier(keys, settings.issuer, settings.audience)


def _redis(settings: ServiceSettings) -> redis_asyncio.Redis:
    return open_redis(
        settings.redis_url.get_secret_value(), settings.redis_seconds, settings.redis_ca_file
    )


def _broker(settings: ServiceSettings) -> AbstractAsyncContextManager[Broker]:
    return open_broker(
        region=settings.region,
        endpoint_url=settings.aws_endpoint_url,
        prefix=settings.messaging_prefix,
    )


async def wrong_master_key(settings: ServiceSettings) -> str | None:
    """Say why `MASTER_KEY` does not open this service's data keys; None where it does, or nobody can tell now."""
    database = _database(settings)
    try:
        async with open_master_key(settings) as master_key:
            await DataKeys(database, master_key, settings.service).ready()
    except WrappedElsewhere as error:
        return f"MASTER_KEY: it does not open the data keys: {error}"
    except Exception as error:  # noqa: BLE001 - whatever is away may come back
        _log.warning("data_keys_not_checked", reason=type(error).__name__)
    finally:
        await database.close()
    return None


def _database(settings: ServiceSettings) -> Database:
    return Database(
        settings.database_url.get_secret_value(),
        application_name=f"{settings.service}-{settings.role}",
        pool_size=settings.database_pool_size,
        patience=Patience(
            connection=settings.database_connection_seconds,
            lock=settings.database_lock_seconds,
            statement=settings.database_statement_seconds,
        ),
        ca_file=settings.database_ca_file,
    )


def _show_pool(stack: AsyncExitStack, database: Database, size: int) -> None:
    """Show how full the pool is, in the words of OpenTelemetry's conventions for database clients."""
    used = {"db.client.connection.state": "used"}
    for forget in (
        gauge(
            "db.client.connection.count",
            lambda: [Observation(database.connections_in_use, used)],
            unit="{connection}",
            description="Pooled database connections in use",
        ),
        gauge(
            "db.client.connection.max",
            lambda: float(size),
            unit="{connection}",
            description="Most connections the pool opens",
        ),
    ):
        stack.callback(forget)


def _internal_http() -> httpx.AsyncClient:
    # No proxy of the environment stands between two services.
    limits = httpx.Limits(max_connections=200, keepalive_expiry=KEPT_IDLE_SECONDS)
    transport = CallTransport(trust_env=False, limits=limits)
    return httpx.AsyncClient(trust_env=False, transport=transport)


async def resources_of(request: Request) -> Resources:
    """Hand the process's resources to a dependency."""
    resources: Resources = request.app.state.resources
    return resources


ResourcesDep = Annotated[Resources, Depends(resources_of)]
