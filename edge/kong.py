"""Kong without a database (shape a, instead of Envoy): one declarative file.

A row becomes a Kong service, which has the timeouts and retries, and a route. Where only safe methods may be retried
it becomes two of each. Kong takes the public keys that tokens are checked with from the file: `with_keys` puts them in.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc.jwk import RSAKey

from edge.table import EdgeRoute, RouteTable
from libs.deadline import DEADLINE_HEADER

_PORT: Final = 8080
_CONNECT_MILLISECONDS: Final = 1_000
_SILENCE_MILLISECONDS: Final = 60_000  # of a stream, whose heartbeats come every 15 s
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CONSUMER: Final = "meridian-users"


@dataclass(frozen=True)
class _Half:
    """The methods of a row that are treated alike."""

    name: str
    methods: Sequence[str]
    retries: int


def kong_file(table: RouteTable) -> dict[str, Any]:
    """Build the declarative file; until it has keys, every call that needs a token is refused."""
    # Kong tries regular expressions by priority, so the first row gets the highest.
    ranked = zip(range(len(table.edge_routes), 0, -1), table.edge_routes, strict=True)
    services = [
        _service(half, route, _route(half, route, rank, table))
        for rank, route in ranked
        for half in _halves(route)
    ]
    return {
        "_format_version": "3.0",
        "services": services,
        "consumers": [{"username": _CONSUMER, "jwt_secrets": []}],
        "plugins": [
            {
                "name": "correlation-id",
                "config": {
                    "header_name": table.headers.request_id,
                    "generator": "uuid",
                    "echo_downstream": True,
                },
            },
        ],
    }


def with_keys(file: Mapping[str, Any], jwks: Mapping[str, Any]) -> dict[str, Any]:
    """Give the file the public keys of a JWKS document; a token names its key in `kid`."""
    secrets = [
        {
            "key": key["kid"],
            "algorithm": "RS256",
            "rsa_public_key": RSAKey.import_key(key).as_pem(private=False).decode(),
        }
        for key in jwks["keys"]
    ]
    return {**file, "consumers": [{"username": _CONSUMER, "jwt_secrets": secrets}]}


def _halves(route: EdgeRoute) -> Iterator[_Half]:
    if route.retry is None:
        yield _Half(route.name, _METHODS, 0)
        return
    safe = route.retry.methods
    yield _Half(f"{route.name}-safe", safe, route.retry.attempts)
    yield _Half(route.name, [method for method in _METHODS if method not in safe], 0)


def _service(half: _Half, route: EdgeRoute, entry: Mapping[str, Any]) -> dict[str, Any]:
    wait = _SILENCE_MILLISECONDS if route.stream else int(route.timeout_seconds * 1000)
    return {
        "name": half.name,
        "protocol": "http",
        "host": route.service,
        "port": _PORT,
        "connect_timeout": _CONNECT_MILLISECONDS,
        "read_timeout": wait,
        "write_timeout": wait,
        "retries": half.retries,
        "routes": [entry],
    }


def _route(half: _Half, route: EdgeRoute, rank: int, table: RouteTable) -> dict[str, Any]:
    return {
        "name": half.name,
        "paths": [f"~{_pattern(route)}$"],
        "regex_priority": rank,
        "methods": list(half.methods),
        "protocols": ["http", "https"],
        "strip_path": False,
        "preserve_host": False,
        "request_buffering": True,
        "response_buffering": not route.stream,
        "plugins": [_transformer(route, table), _rate_limiting(route), *_jwt(route)],
    }


def _transformer(route: EdgeRoute, table: RouteTable) -> dict[str, Any]:
    config: dict[str, Any] = {
        "remove": {"headers": table.headers.removed_by_name},
        "add": {"headers": [f"{DEADLINE_HEADER}:{int(table.deadline_seconds * 1000)}"]},
    }
    if route.rewrite is not None:
        config["replace"] = {"uri": f"/{route.served_as}$(uri_captures['rest'])"}
    return {"name": "request-transformer", "config": config}


def _rate_limiting(route: EdgeRoute) -> dict[str, Any]:
    """Kong counts by the second and knows no bursts; each node counts for itself, as Envoy does."""
    return {
        "name": "rate-limiting",
        "config": {
            "second": route.rate.requests,
            "limit_by": "ip" if route.rate.per_client else "service",
            "policy": "local",
            "fault_tolerant": True,
        },
    }


def _jwt(route: EdgeRoute) -> list[dict[str, Any]]:
    """Only where a token is required: for guests this plugin would have to let bad tokens pass as no token."""
    if route.auth != "required":
        return []
    config = {
        "key_claim_name": "kid",
        "claims_to_verify": ["exp"],
        "header_names": ["authorization"],
        "uri_param_names": [],
        "cookie_names": [],
        "run_on_preflight": True,
    }
    return [{"name": "jwt", "config": config}]


def _pattern(route: EdgeRoute) -> str:
    """The row's expression; where the version is written anew, what follows it gets a name."""
    if route.rewrite is None:
        return route.matcher.regex
    version = f"/{route.version}"
    return f"{version}(?<rest>{route.matcher.regex.removeprefix(version)})"
