"""Fragments of Envoy's configuration (v3 API) as plain data: routes, clusters, limits. Knows nothing of the shop."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_TYPE: Final = "type.googleapis.com/envoy.extensions"
_MOST_CONNECTIONS: Final = 5_000
_MOST_REQUESTS: Final = 2_048
_MOST_BROWSING: Final = 32

_STREAM_SECONDS: Final = 330  # services end an event stream after five minutes


def address(host: str, port: int) -> dict[str, Any]:
    """Write a TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}


def typed(kind: str, **fields: object) -> dict[str, Any]:
    """Name the protocol buffer a fragment is of."""
    return {"@type": f"{_TYPE}.{kind}", **fields}


def path_match(*, path: str | None, exact: str | None, regex: str | None) -> dict[str, Any]:
    """Match a path and what lies below it, one path, or a regular expression over the whole path."""
    if exact:
        return {"path": exact}
    if regex:
        return {"safe_regex": {"regex": regex}}
    return {"path_separated_prefix": path}


def rate_limit(name: str, limits: Mapping[str, Any]) -> dict[str, Any]:
    """A token bucket per client address, or one for all clients of the route class."""
    bucket = {
        "max_tokens": limits["burst"],
        "tokens_per_fill": limits["requests"],
        "fill_interval": "1s",
    }
    config: dict[str, Any] = {
        "stat_prefix": f"edge_{name}",
        "token_bucket": bucket,
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "response_headers_to_add": _spent(f"edge-{name}", limits["requests"]),
    }
    if limits["per_client"]:
        # An entry without a value makes one bucket per address seen; the shared bucket above them all is wider.
        config["descriptors"] = [
            {"entries": [{"key": "remote_address"}], "token_bucket": bucket},
        ]
        config["token_bucket"] = {
            **bucket,
            "max_tokens": 10 * limits["burst"],
            "tokens_per_fill": 10 * limits["requests"],
        }
        config["rate_limits"] = [{"actions": [{"remote_address": {}}]}]
    return config


def _spent(policy: str, per_second: int) -> list[dict[str, Any]]:
    """Tell a refused client what the limit is, in the services' words (draft-ietf-httpapi-ratelimit-headers-11)."""
    told = {
        "RateLimit-Policy": f'"{policy}";q={per_second};w=1',
        "RateLimit": f'"{policy}";r=0;t=1',
    }
    return [{"header": {"key": name, "value": value}} for name, value in told.items()]


def route(
    match: Mapping[str, Any],
    *,
    cluster: str,
    timeout_seconds: float,
    stream: bool,
    auth: str,
    browsing: bool,
    rate: Mapping[str, Any],
) -> dict[str, Any]:
    """One route to a cluster with its timeout, token rule, rate limit and importance."""
    action: dict[str, Any] = {
        "cluster": cluster,
        "priority": "DEFAULT" if browsing else "HIGH",
        "timeout": f"{timeout_seconds}s",
    }
    if stream:
        action["idle_timeout"] = "60s"  # heartbeats come every 15 s
        action["max_stream_duration"] = {"max_stream_duration": f"{_STREAM_SECONDS}s"}
    jwt = {"disabled": True} if auth == "public" else {"requirement_name": auth}
    return {
        "match": dict(match),
        "route": action,
        "typed_per_filter_config": {
            "envoy.filters.http.jwt_authn": typed(
                "filters.http.jwt_authn.v3.PerRouteConfig", **jwt
            ),
            "envoy.filters.http.local_ratelimit": typed(
                "filters.http.local_ratelimit.v3.LocalRateLimit", **rate
            ),
        },
    }


def with_retries(
    plain: Mapping[str, Any], methods: Sequence[str], on: Sequence[str], attempts: int
) -> dict[str, Any]:
    """Copy a route for the methods that may be sent again."""
    any_of = "|".join(methods)
    match = {
        **plain["match"],
        "headers": [
            {"name": ":method", "string_match": {"safe_regex": {"regex": any_of}}},
        ],
    }
    policy = {
        "retry_on": ",".join(on),
        "num_retries": attempts,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    }
    return {**plain, "match": match, "route": {**plain["route"], "retry_policy": policy}}


def cluster(name: str, port: int) -> dict[str, Any]:
    """One service: short connect timeout, and no more retries under way than a fifth of the requests.

    Browsing finds few places: what a service could only queue is refused here, where a refusal costs least.
    """
    endpoint = {"endpoint": {"address": address("127.0.0.1", port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {
            "thresholds": [
                _threshold("HIGH", _MOST_REQUESTS),
                _threshold("DEFAULT", _MOST_BROWSING),
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed(
                "upstreams.http.v3.HttpProtocolOptions",
                # Below the services' own keep-alive, so that a request never meets a closing connection.
                common_http_protocol_options={"idle_timeout": "4s"},
                explicit_http_config={"http_protocol_options": {}},
            )
        },
    }


def _threshold(priority: str, most_requests: int) -> dict[str, Any]:
    return {
        "priority": priority,
        "max_connections": 512,
        "max_pending_requests": most_requests // 2,
        "max_requests": most_requests,
        "retry_budget": {"budget_percent": {"value": 20.0}, "min_retry_concurrency": 3},
    }


def connection_limit() -> dict[str, Any]:
    """Refuse connections beyond what one machine can serve, before file descriptors run out."""
    name = "envoy.resource_monitors.global_downstream_max_connections"
    limit = typed(
        "resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
        max_active_downstream_connections=_MOST_CONNECTIONS,
    )
    return {"resource_monitors": [{"name": name, "typed_config": limit}]}
