"""The route table, `deploy/gateway/routes.json`, as a model: what the edge serves, and the rules a row keeps."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, model_validator

from edge.classes import CacheClass, Cost, RateClass, RetryPolicy, Row
from libs.topology import SERVICES

ROOT: Final = Path(__file__).resolve().parent.parent
ROUTES_FILE: Final = ROOT / "deploy" / "gateway" / "routes.json"

LONGEST_SECONDS: Final = 29
"""API Gateway waits no longer for an answer that is not a stream; so no row promises more."""

MatcherKind = Literal["prefix", "exact", "template"]
Auth = Literal["required", "optional", "public"]

VARIABLE: Final = re.compile(r"\{([a-z_]+)\}")
"""What a template, or an operation's path, leaves open; the group is its name."""

_PATH: Final = re.compile(r"(/([a-z0-9._-]+|\{[a-z_]+\}))+")


class BrokenTable(Exception):
    """The file is missing or breaks its rules; the message names the file and the rule."""


class Headers(Row):
    """What clients may not claim, and what the edge says instead.

    Attributes:
        stripped_prefixes: removed by what they begin with, where a gateway can do that.
        stripped: removed by name, everywhere; holds the known names under the prefixes for the other gateways.
        request_id: the header that names a request; kept if it is safe, else replaced.
        safe_request_id: what a safe one consists of, a regular expression over the whole.
        longest_request_id: how many characters it has at most.
        user_id: carries the verified token's subject, for logs alone: no service trusts it.
        origin_secret: proves that a request came through the content delivery network.
        through_caches: forwarded to the API by a cached behaviour; anything else stops at the cache.
    """

    stripped_prefixes: list[str]
    stripped: list[str]
    request_id: str
    safe_request_id: str
    longest_request_id: int
    user_id: str
    origin_secret: str
    through_caches: list[str]

    @property
    def removed_by_name(self) -> list[str]:
        """What never reaches a service, for gateways that know no prefixes."""
        return [*self.stripped, self.origin_secret]


class Assets(Row):
    """Static files, which come from a bucket and from no service; only the content delivery network knows them."""

    path: Annotated[str, Field(pattern=r"^/[a-z-]+$")]
    cache: str


class Route(Row):
    """One row: exactly one of `path`, `exact` and `template`, without the version. Rows of `browsing` are refused first."""

    service: str
    version: str | None = "v1"
    path: str | None = None
    exact: str | None = None
    template: str | None = None
    auth: Auth
    timeout_seconds: Annotated[float, Field(ge=0, le=LONGEST_SECONDS)]
    retry: str
    rate: str
    cache: str = "none"
    stream: bool = False
    browsing: bool = False

    @model_validator(mode="after")
    def _one_matcher(self) -> "Route":
        given = [text for text in (self.path, self.exact, self.template) if text]
        if len(given) != 1 or not _PATH.fullmatch(given[0]):
            raise ValueError(
                "needs exactly one of path, exact and template: /words/in-small-letters"
            )
        if (self.template is not None) != ("{" in given[0]):
            raise ValueError("a template, and nothing else, has a {variable}")
        if self.service not in SERVICES:
            raise ValueError(f"names no service: {self.service}")
        if self.stream != (self.timeout_seconds == 0):
            raise ValueError("a stream, and nothing else, has timeout_seconds 0")
        return self


@dataclass(frozen=True)
class Matcher:
    """Which paths a row is for: one path (`exact`), one and all below it (`prefix`), or a `template` with variables."""

    kind: MatcherKind
    path: str

    @property
    def regex(self) -> str:
        """The same as a regular expression over the whole path, in what RE2, PCRE and Python share."""
        literal = self.path.replace(".", r"\.")
        return literal + "(/.*)?" if self.kind == "prefix" else VARIABLE.sub("[^/]+", literal)

    def matches(self, path: str) -> bool:
        """Tell whether a request path, without its query, falls to this row."""
        return re.fullmatch(self.regex, path) is not None


@dataclass(frozen=True)
class EdgeRoute:
    """A row with everything it names looked up: what the generators work with."""

    name: str
    service: str
    matcher: Matcher
    version: str | None
    served_as: str | None
    auth: Auth
    timeout_seconds: float
    retry: RetryPolicy | None
    rate_name: str
    rate: RateClass
    cache_name: str
    cache: CacheClass
    stream: bool
    browsing: bool

    @property
    def rewrite(self) -> tuple[str, str] | None:
        """The version in the path and what the service calls it, where that differs."""
        if self.version is None or self.served_as is None or self.version == self.served_as:
            return None
        return f"/{self.version}/", f"/{self.served_as}/"

    def served(self, path: str) -> str:
        """Write a path of the row as the service knows it."""
        return path if self.rewrite is None else path.replace(*self.rewrite, 1)


class RouteTable(Row):
    """The whole file; rows are tried in order.

    `versions` maps each version clients write in front of a path to the one the services serve it as.
    """

    comment: Annotated[str, Field(alias="$comment")]
    deadline_seconds: Annotated[float, Field(gt=0, le=60)]
    stream_seconds: Annotated[int, Field(gt=0, le=900)]
    versions: dict[
        Annotated[str, Field(pattern=r"^v\d+$")], Annotated[str, Field(pattern=r"^v\d+$")]
    ]
    headers: Headers
    auth_modes: dict[str, str]
    rate_classes: dict[str, RateClass]
    costs: list[Cost]
    retry_policies: dict[str, RetryPolicy | None]
    cache_classes: dict[str, CacheClass]
    assets: list[Assets]
    routes: list[Route]

    @model_validator(mode="after")
    def _names_exist(self) -> "RouteTable":
        for route in self.routes:
            if route.rate not in self.rate_classes or route.retry not in self.retry_policies:
                raise ValueError(f"{route} names an unknown rate class or retry policy")
            if route.auth not in self.auth_modes:
                raise ValueError(f"{route} has an auth mode that `auth_modes` does not explain")
            if route.cache not in self.cache_classes:
                raise ValueError(f"{route} names an unknown cache class")
            if route.version is not None and route.version not in self.versions:
                raise ValueError(f"{route} has a version that `versions` does not explain")
        if unknown := {row.cache for row in self.assets} - self.cache_classes.keys():
            raise ValueError(f"assets name unknown cache classes: {sorted(unknown)}")
        return self

    @model_validator(mode="after")
    def _what_is_personal_is_not_cached(self) -> "RouteTable":
        for route in self.routes:
            if self.cache_classes[route.cache].caches and (
                route.auth == "required" or route.stream
            ):
                raise ValueError(
                    f"{route} needs a token or streams, so no shared cache may keep it"
                )
        return self

    @cached_property
    def edge_routes(self) -> list[EdgeRoute]:
        """The rows in order, with the names they use looked up."""
        return [self._resolved(route) for route in self.routes]

    def route_for(self, path: str) -> EdgeRoute | None:
        """Return the row a path falls to, None for what the edge does not serve."""
        return next((route for route in self.edge_routes if route.matcher.matches(path)), None)

    def _resolved(self, route: Route) -> EdgeRoute:
        matcher = _matcher_of(route)
        return EdgeRoute(
            name=_name_of(route, matcher),
            service=route.service,
            matcher=matcher,
            version=route.version,
            served_as=self.versions.get(route.version or ""),
            auth=route.auth,
            timeout_seconds=route.timeout_seconds,
            retry=self.retry_policies[route.retry],
            rate_name=route.rate,
            rate=self.rate_classes[route.rate],
            cache_name=route.cache,
            cache=self.cache_classes[route.cache],
            stream=route.stream,
            browsing=route.browsing,
        )


def _matcher_of(route: Route) -> Matcher:
    version = f"/{route.version}" if route.version else ""
    if route.path:
        return Matcher("prefix", version + route.path)
    if route.exact:
        return Matcher("exact", version + route.exact)
    return Matcher("template", version + (route.template or ""))


def _name_of(route: Route, matcher: Matcher) -> str:
    """A name for systems that want one: the service and the words of the path."""
    words = re.findall(r"[a-z0-9]+", VARIABLE.sub("", matcher.path))
    return "-".join([route.service, *words])


def load_table(path: Path = ROUTES_FILE) -> RouteTable:
    """Read the route table.

    Raises:
        BrokenTable: the file is missing or breaks its rules.
    """
    try:
        return RouteTable.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BrokenTable(f"{path} is not a route table: {error}") from None
