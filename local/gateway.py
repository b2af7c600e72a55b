"""The edge: turns `deploy/gateway/routes.json` into Envoy's configuration, checks it and runs it.

Services verify every token for themselves; what the edge refuses merely never reaches them.
"""

import asyncio
import json
import re
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from libs.topology import SERVICES
from local import envoy, envoy_listener
from local.binaries import envoy_program
from local.paths import Paths
from local.process import Part
from local.refusal import Refusal
from local.settings import ROOT, StackSettings, inherited_environment

ROUTES_FILE: Final = ROOT / "deploy" / "gateway" / "routes.json"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RateClass(_Row):
    """How many requests per second one client may send at the edge; services count per user on top."""

    requests: Annotated[int, Field(ge=1)]
    burst: Annotated[int, Field(ge=1)]
    per_client: bool


class RetryPolicy(_Row):
    """Which methods may be sent again, and after which failures (Envoy's `retry_on` words)."""

    methods: Annotated[list[str], Field(min_length=1)]
    on: Annotated[list[str], Field(min_length=1)]
    attempts: Annotated[int, Field(ge=1, le=5)]


class Route(_Row):
    """One row: exactly one of `path`, `exact` and `regex`. Rows of `browsing` are the first to be refused."""

    service: str
    path: str | None = None
    exact: str | None = None
    regex: str | None = None
    auth: Literal["required", "optional", "public"]
    timeout_seconds: Annotated[float, Field(ge=0, le=60)]
    retry: str
    rate: str
    stream: bool = False
    browsing: bool = False

    @model_validator(mode="after")
    def _one_matcher(self) -> "Route":
        given = [text for text in (self.path, self.exact, self.regex) if text]
        if len(given) != 1 or not given[0].startswith("/"):
            raise ValueError("needs exactly one of path, exact and regex, starting with /")
        if self.path and self.path.endswith("/"):
            raise ValueError("path must not end with a slash")
        if self.service not in SERVICES:
            raise ValueError(f"names no service: {self.service}")
        return self

    def matches(self, path: str) -> bool:
        """Tell whether a request path falls to this row, by the rules Envoy follows."""
        if self.exact:
            return path == self.exact
        if self.regex:
            return re.fullmatch(self.regex, path) is not None
        return path == self.path or path.startswith(f"{self.path}/")


class RouteTable(_Row):
    """The whole file; rows are tried in order."""

    comment: Annotated[str, Field(alias="$comment")]
    deadline_seconds: Annotated[float, Field(gt=0, le=60)]
    auth_modes: dict[str, str]
    rate_classes: dict[str, RateClass]
    retry_policies: dict[str, RetryPolicy | None]
    routes: list[Route]

    @model_validator(mode="after")
    def _names_exist(self) -> "RouteTable":
        for route in self.routes:
            if route.rate not in self.rate_classes or route.retry not in self.retry_policies:
                raise ValueError(f"{route} names an unknown rate class or retry policy")
            if route.auth not in self.auth_modes:
                raise ValueError(f"{route} has an auth mode that `auth_modes` does not explain")
        return self

    def route_for(self, path: str) -> Route | None:
        """Return the row a path falls to, None for what the edge does not serve."""
        return next((route for route in self.routes if route.matches(path)), None)


def load_routes(path: Path = ROUTES_FILE) -> RouteTable:
    """Read the route table.

    Raises:
        Refusal: the file is missing or breaks its rules.
    """
    try:
        return RouteTable.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise Refusal(f"{path} is not a route table: {error}") from None


def envoy_config(table: RouteTable, settings: StackSettings) -> dict[str, Any]:
    """Build Envoy's bootstrap document: one listener, a cluster per service, an admin port of Envoy's choice."""
    routes = [entry for route in table.routes for entry in _routes_of(route, table)]
    return {
        "node": {"id": "meridian-gateway", "cluster": f"meridian-{settings.region}"},
        "admin": {
            "address": envoy.address("127.0.0.1", 0),
            "access_log": [],
        },
        "overload_manager": envoy.connection_limit(),
        "static_resources": {
            "listeners": [
                envoy_listener.listener(
                    port=settings.port("gateway"),
                    routes=routes,
                    deadline_seconds=table.deadline_seconds,
                    jwt=envoy_listener.jwt_filter(
                        issuer=settings.issuer,
                        jwks_url=f"{settings.url('auth')}/.well-known/jwks.json",
                    ),
                )
            ],
            "clusters": [envoy.cluster(name, settings.port(name)) for name in SERVICES],
        },
    }


def _routes_of(route: Route, table: RouteTable) -> list[dict[str, Any]]:
    """One row becomes one Envoy route, or two where only safe methods may be retried."""
    match = envoy.path_match(path=route.path, exact=route.exact, regex=route.regex)
    common = envoy.route(
        match,
        cluster=route.service,
        timeout_seconds=route.timeout_seconds,
        stream=route.stream,
        auth=route.auth,
        browsing=route.browsing,
        rate=envoy.rate_limit(route.rate, table.rate_classes[route.rate].model_dump()),
    )
    policy = table.retry_policies[route.retry]
    if policy is None:
        return [common]
    retried = envoy.with_retries(common, policy.methods, policy.on, policy.attempts)
    return [retried, common]


async def write_config(table: RouteTable, settings: StackSettings, paths: Paths) -> Path:
    """Write the configuration and have Envoy itself validate it.

    Raises:
        Refusal: Envoy does not accept it.
    """
    file = paths.run / "envoy.json"
    file.write_text(json.dumps(envoy_config(table, settings), indent=1), encoding="utf-8")
    checker = await asyncio.create_subprocess_exec(
        str(envoy_program()),
        "--mode",
        "validate",
        "--config-path",
        str(file),
        "--log-level",
        "error",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=inherited_environment(),
    )
    output, _ = await checker.communicate()
    if checker.returncode:
        words = " ".join(output.decode(errors="replace").split())[-600:]
        raise Refusal(f"Envoy does not accept {file}: {words}")
    return file


def gateway_part(settings: StackSettings, paths: Paths, config: Path) -> Part:
    """Describe the Envoy process; it is ready when it listens and has loaded the JWKS."""
    admin_file = paths.run / "envoy-admin"
    admin_file.unlink(missing_ok=True)

    async def ready() -> bool:
        return await _has_keys(admin_file)

    return Part(
        name="gateway",
        command=(
            str(envoy_program()),
            "--config-path",
            str(config),
            "--admin-address-path",
            str(admin_file),
            "--concurrency",
            "2",
            "--log-level",
            "warning",
            "--drain-time-s",
            "1",
            "--disable-hot-restart",
        ),
        log=paths.log_of("gateway"),
        ready=ready,
        environment=inherited_environment(),
        port=settings.port("gateway"),
        stop_seconds=1,
    )


async def _has_keys(admin_file: Path) -> bool:
    """Ask Envoy's statistics: `/ready` alone is true after a failed fetch as well."""
    try:
        admin = await asyncio.to_thread(admin_file.read_text, encoding="utf-8")
        async with httpx.AsyncClient(
            base_url=f"http://{admin.strip()}", timeout=2, trust_env=False
        ) as http:
            live = await http.get("/ready")
            stats = await http.get("/stats", params={"filter": "jwks_fetch_success"})
    except (OSError, httpx.HTTPError):
        return False
    fetched = re.search(r"jwks_fetch_success: (\d+)", stats.text)
    return live.status_code == httpx.codes.OK and fetched is not None and int(fetched[1]) > 0
