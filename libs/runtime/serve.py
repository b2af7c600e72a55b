"""Starts a service: `python -m services.order.main [all|api|worker]`, one process, one port, one way to stop."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar, get_args

import uvicorn
from fastapi import APIRouter, FastAPI
from pydantic import ValidationError
from starlette.datastructures import State
from starlette.middleware import Middleware
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from libs.audit.middleware import WatchRefusals
from libs.cache.rate_limit import Policy
from libs.observability.logging import configure_logging
from libs.observability.metrics import configure_metrics
from libs.observability.tracing import configure_tracing
from libs.runtime.resources import Resources, open_resources, wrong_master_key
from libs.runtime.worker import WorkerPlan, running_worker
from libs.security.costs import costs_of
from libs.security.master_key import MasterKeyError, look_at
from libs.security.rate_limiting import RateLimitMiddleware
from libs.security.service_tokens import ServiceSigner, ServiceVerifier
from libs.settings import EXIT_BAD_SETTINGS, Role, ServiceSettings, problems_of
from libs.web.app import add_defaults, add_health, new_app
from libs.web.errors import problem_response

Settings = TypeVar("Settings", bound=ServiceSettings)

KEEP_ALIVE_SECONDS = 75
"""Longer than any client keeps an idle connection, so that none is closed while a request is on its way."""
_LOOK_AGAIN_SECONDS = 0.1


def service_app(
    settings: ServiceSettings,
    *,
    title: str,
    routers: Sequence[APIRouter],
    worker: Callable[[Resources], WorkerPlan],
    on_start: Callable[[Resources], Awaitable[None]] | None = None,
) -> FastAPI:
    """Assemble a service for its role: `api` serves the routes, `worker` runs the plan, `all` does both.

    Every role answers `/livez`, `/readyz` and `/metrics`. `on_start` runs before the first request.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_resources(settings) as resources:
            app.state.resources = resources
            app.state.database = resources.database
            app.state.stopping = resources.stopping
            app.state.refusals = resources.refusals
            if on_start is not None:
                await on_start(resources)
            async with recording_refusals(resources):
                if settings.role == "api":
                    yield
                else:
                    async with running_worker(resources, worker(resources)):
                        yield

    app = new_app(settings.service, title, lifespan=lifespan)
    add_defaults(app, settings, inner=[_watch_refusals(settings), _rate_limit(settings)])
    add_health(app, {"not_stopping": _refuse_when_stopping})
    if settings.role != "worker":
        for router in routers:
            app.include_router(router)
    return app


def run(settings_class: type[Settings], create_app: Callable[[Settings], FastAPI]) -> None:
    """Run a service until SIGTERM or SIGINT; the role is the first argument, else `ROLE`, else `all`.

    Exits with status 2 and one line per problem when the environment lacks or misnames a setting.
    """
    settings = _read_settings(settings_class)
    configure_logging(settings.service, settings.log_level, region=settings.region)
    wrong = asyncio.run(wrong_master_key(settings))
    if wrong is not None:
        _give_up([f"{settings.service}: {wrong}"])
    configure_tracing(settings.service, settings.region, settings.otlp_endpoint)
    configure_metrics(settings.service, settings.region, settings.otlp_endpoint)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    # uvicorn raises the signal again once everything is closed: a wanted end is a success.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with suppress(KeyboardInterrupt):
        _DrainingServer(config, app, settings.linger_seconds).run()


class Stopping(Exception):
    """The process got its signal and finishes what it has."""


async def _refuse_when_stopping(state: State) -> None:
    resources: Resources = state.resources
    if resources.stopping.is_set():
        raise Stopping


@asynccontextmanager
async def recording_refusals(resources: Resources) -> AsyncIterator[None]:
    """Write the refusals of this process to its audit log until the block ends, and the last of them then."""
    stopping = asyncio.Event()
    task = asyncio.create_task(resources.refusals.run(stopping), name="refusals")
    try:
        yield
    finally:
        stopping.set()
        await task


def _watch_refusals(settings: ServiceSettings) -> Middleware:
    return Middleware(WatchRefusals, key=settings.signing_secret.get_secret_value().encode())


def _rate_limit(settings: ServiceSettings) -> Middleware:
    policy = Policy("default", settings.rate_limit_requests, settings.rate_limit_window_seconds)
    return Middleware(
        RateLimitMiddleware,
        policy=policy,
        refuse=lambda scope, error: problem_response(error, scope["path"]),
        cost=costs_of(settings.service),
    )


class _DrainingServer(uvicorn.Server):
    """Tells the app at the first signal that it is stopping, and sees callers off before it closes connections.

    Closing an idle connection while a request is on its way over it resets that request. So every answer given after the
    signal says `Connection: close` (RFC 9112 section 9.6) and connections end by it; those that stay idle for as long as
    the server lingers are ones their callers gave up (`KEPT_IDLE_SECONDS`, and the gateway's own limit).
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, linger_seconds: int) -> None:
        super().__init__(config)
        self._app = app
        self._linger_seconds = linger_seconds

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stopping: asyncio.Event | None = getattr(self._app.state, "stopping", None)
        if stopping is not None:
            stopping.set()
        if not self.should_exit:
            self._ask_callers_to_leave()
        super().handle_exit(sig, frame)

    def _ask_callers_to_leave(self) -> None:
        leave = (b"connection", b"close")
        self.server_state.default_headers = [*self.server_state.default_headers, leave]
        # uvicorn makes the default headers anew every second, from these.
        self.config.encoded_headers = [*self.config.encoded_headers, leave]
        for connection in list(self.server_state.connections):
            # Whoever is being answered got the headers of before.
            if isinstance(connection, HttpToolsProtocol) and connection.cycle is not None:
                connection.cycle.keep_alive = False

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._linger_seconds):
                await self._see_callers_off()
        await super().shutdown(sockets)

    async def _see_callers_off(self) -> None:
        while self.server_state.connections and not self.force_exit:  # noqa: ASYNC110 - uvicorn tells nobody when they end
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _read_settings(settings_class: type[Settings]) -> Settings:
    overrides: dict[str, Any] = {}
    if len(sys.argv) > 1:
        if sys.argv[1] not in get_args(Role):
            sys.exit(f"usage: {sys.argv[0]} [{'|'.join(get_args(Role))}]")
        overrides["role"] = sys.argv[1]
    try:
        settings = settings_class(**overrides)
    except ValidationError as error:
        _give_up([f"{settings_class.service}: {problem}" for problem in problems_of(error)])
    unusable = list(_unusable_files(settings))
    if unusable:
        _give_up(unusable)
    return settings


def _unusable_files(settings: ServiceSettings) -> Iterator[str]:
    """Say which mounted secret is not there or not what it should be; without them nothing can start."""
    me, key, bundle = settings.service, settings.service_key_file, settings.trust_bundle_file
    for name, file, read in (
        ("SERVICE_KEY_FILE", key, lambda: ServiceSigner(me, key)),
        ("TRUST_BUNDLE_FILE", bundle, lambda: ServiceVerifier(bundle, me)),
    ):
        try:
            read()
        except OSError as error:
            yield f"{me}: {name}: {error.strerror}: {file}"
        except ValueError:
            yield f"{me}: {name}: holds no key of the kind it should: {file}"
    try:
        look_at(settings.master_key)
    except MasterKeyError as error:
        yield f"{me}: {error}"


def _give_up(problems: Sequence[str]) -> NoReturn:
    """End the process, with a line for each problem."""
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    sys.exit(EXIT_BAD_SETTINGS)
