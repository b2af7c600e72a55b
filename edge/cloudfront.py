"""CloudFront's behaviours: what shared caches may keep, and which requests reach the API at all.

Terraform reads the file, and asks AWS for the ids of AWS's own policies by their names. Whatever no behaviour names is looked for among the static files, never at the API.
"""

from collections.abc import Sequence
from typing import Any, Final

from edge.classes import CacheClass
from edge.operations import Operation
from edge.table import VARIABLE, EdgeRoute, RouteTable
from edge.text import NOTICE

_READING: Final = ("GET", "HEAD")
_ALL: Final = ("GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE")

_READ_TIMEOUT_SECONDS: Final = 30
"""More than the longest row, and twice the pause between a stream's heartbeats."""


def behaviours_file(table: RouteTable, operations: Sequence[Operation]) -> dict[str, Any]:
    """Build the file: origins, policies, and the behaviours in the order they are tried."""
    cached = {name: one for name, one in table.cache_classes.items() if one.caches}
    return {
        "$comment": f"{NOTICE} Seconds; header names in small letters.",
        "origins": {
            "api": {
                "read_timeout": _READ_TIMEOUT_SECONDS,
                "keepalive_timeout": 5,
                "protocol": "https-only",
                "secret_header": table.headers.origin_secret,
            },
            "assets": {"access": "origin-access-control"},
        },
        "cache_policies": {
            "none": {"managed": "CachingDisabled"},
            **{name: _cache_policy(one) for name, one in cached.items()},
        },
        "origin_request_policies": {
            "everything": {"managed": "AllViewerExceptHostHeader"},
            # A header that is forwarded and not part of the key could make one client's answer everybody's.
            "through_caches": {
                "headers": table.headers.through_caches,
                "query_strings": "all",
                "cookies": "none",
            },
        },
        "behaviours": [
            *(_assets(f"{row.path}/*", row.cache) for row in table.assets),
            *(
                behaviour
                for route in table.edge_routes
                for behaviour in _behaviours(route, table, operations)
            ),
        ],
        "default_behaviour": _assets("*", "none"),
        # A refusal is one client's; by default it would be everybody's for ten seconds.
        "error_caching_min_ttl": {
            str(status): 0 for status in (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
        },
    }


def _cache_policy(one: CacheClass) -> dict[str, Any]:
    return {
        "min_ttl": 0,
        "default_ttl": one.default_seconds,
        "max_ttl": one.longest_seconds,
        "headers": one.key_headers,
        "query_strings": "all",
        "cookies": "none",
    }


def _behaviours(
    route: EdgeRoute, table: RouteTable, operations: Sequence[Operation]
) -> list[dict[str, Any]]:
    return [
        {
            "path_pattern": pattern,
            "origin": "api",
            "cache": route.cache_name,
            "cache_policy": route.cache_name if route.cache.caches else "none",
            "origin_request_policy": "through_caches" if route.cache.caches else "everything",
            "allowed_methods": list(_methods(route, table, operations)),
            "cached_methods": list(_READING),
            "compress": not route.stream,  # compressing waits for more
            "viewer_protocol": "https-only",
        }
        for pattern in _patterns(route)
    ]


def _assets(pattern: str, cache: str) -> dict[str, Any]:
    return {
        "path_pattern": pattern,
        "origin": "assets",
        "cache": cache,
        "cache_policy": cache,
        "origin_request_policy": None,
        "allowed_methods": list(_READING),
        "cached_methods": list(_READING),
        "compress": True,
        "viewer_protocol": "redirect-to-https",
    }


def _patterns(route: EdgeRoute) -> list[str]:
    path = VARIABLE.sub("*", route.matcher.path)
    return [path, f"{path}/*"] if route.matcher.kind == "prefix" else [path]


def _methods(
    route: EdgeRoute, table: RouteTable, operations: Sequence[Operation]
) -> tuple[str, ...]:
    """CloudFront knows reading and everything; a row that only reads lets nothing else in."""
    used = {
        operation.method for operation in operations if table.route_for(operation.example) == route
    }
    return _READING if used <= {"GET"} else _ALL
