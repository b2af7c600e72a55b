"""Fragments of Envoy's configuration (v3 API) as plain data; knows Envoy's words and nothing of the shop's routes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from local.envoy_problems import local_replies

_TYPE: Final = "type.googleapis.com/envoy.extensions"
AUDIENCE: Final = "meridian"
JWT_PROVIDER: Final = "meridian"

_STRIPPED: Final = (
    {"prefix": "x-user-", "ignore_case": True},
    {"prefix": "x-forwarded-", "ignore_case": True},
    {"prefix": "x-envoy-", "ignore_case": True},
    {"exact": "service-authorization", "ignore_case": True},
    {"exact": "forwarded", "ignore_case": True},
    {"exact": "x-real-ip", "ignore_case": True},
    {"exact": "x-original-url", "ignore_case": True},
    {"exact": "x-rewrite-url", "ignore_case": True},
)
"""What a client may claim about itself and we do not want to hear: removed before Envoy looks at the request."""

_STREAM_SECONDS: Final = 330  # services end an event stream after five minutes


def address(host: str, port: int) -> dict[str, Any]:
    """Write a TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}


def _typed(kind: str, **fields: object) -> dict[str, Any]:
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


def route(
    match: Mapping[str, Any],
    *,
    cluster: str,
    timeout_seconds: float,
    stream: bool,
    auth: str,
    rate: Mapping[str, Any],
) -> dict[str, Any]:
    """One route to a cluster with its timeout, token rule and rate limit."""
    action: dict[str, Any] = {"cluster": cluster, "timeout": f"{timeout_seconds}s"}
    if stream:
        action["idle_timeout"] = "60s"  # heartbeats come every 15 s
        action["max_stream_duration"] = {"max_stream_duration": f"{_STREAM_SECONDS}s"}
    jwt = {"disabled": True} if auth == "public" else {"requirement_name": auth}
    return {
        "match": dict(match),
        "route": action,
        "typed_per_filter_config": {
            "envoy.filters.http.jwt_authn": _typed(
                "filters.http.jwt_authn.v3.PerRouteConfig", **jwt
            ),
            "envoy.filters.http.local_ratelimit": _typed(
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


def jwt_filter(*, issuer: str, jwks_url: str) -> dict[str, Any]:
    """Check user tokens against the JWKS, which is fetched before the listener opens and refreshed in between."""
    provider = {
        "issuer": issuer,
        "audiences": [AUDIENCE],
        "forward": True,
        "clock_skew_seconds": 5,
        "remote_jwks": {
            "http_uri": {"uri": jwks_url, "cluster": "auth", "timeout": "2s"},
            "cache_duration": "300s",
            "async_fetch": {"fast_listener": False, "failed_refetch_duration": "1s"},
        },
    }
    by_name = {"provider_name": JWT_PROVIDER}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": _typed(
            "filters.http.jwt_authn.v3.JwtAuthentication",
            providers={JWT_PROVIDER: provider},
            requirement_map={
                "required": by_name,
                "optional": {"requires_any": {"requirements": [by_name, {"allow_missing": {}}]}},
            },
        ),
    }


def cluster(name: str, port: int) -> dict[str, Any]:
    """One service: short connect timeout, and no more retries under way than a fifth of the requests."""
    endpoint = {"endpoint": {"address": address("127.0.0.1", port)}}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 512,
                    "max_pending_requests": 1024,
                    "max_requests": 2048,
                    "retry_budget": {
                        "budget_percent": {"value": 20.0},
                        "min_retry_concurrency": 3,
                    },
                }
            ]
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _typed(
                "upstreams.http.v3.HttpProtocolOptions",
                # Below the services' own keep-alive, so that a request never meets a closing connection.
                common_http_protocol_options={"idle_timeout": "4s"},
                explicit_http_config={"http_protocol_options": {}},
            )
        },
    }


def listener(
    *, port: int, routes: Sequence[Mapping[str, Any]], jwt: Mapping[str, Any]
) -> dict[str, Any]:
    """The one port clients reach."""
    return {
        "name": "edge",
        "address": address("127.0.0.1", port),
        "per_connection_buffer_limit_bytes": 65536,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(routes, jwt),
                    }
                ]
            }
        ],
    }


def _connection_manager(
    routes: Sequence[Mapping[str, Any]], jwt: Mapping[str, Any]
) -> dict[str, Any]:
    return _typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="edge",
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        server_header_transformation="PASS_THROUGH",
        preserve_external_request_id=True,
        request_id_extension={
            "typed_config": _typed(
                "request_id.uuid.v3.UuidRequestIdConfig", pack_trace_reason=False
            )
        },
        request_headers_timeout="10s",
        max_request_headers_kb=32,
        common_http_protocol_options={
            "idle_timeout": "120s",
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        early_header_mutation_extensions=[_strip_claims()],
        http_filters=[
            _rate_limit_filter(),
            dict(jwt),
            {
                "name": "envoy.filters.http.router",
                "typed_config": _typed(
                    "filters.http.router.v3.Router", suppress_envoy_headers=True
                ),
            },
        ],
        local_reply_config=local_replies(),
        access_log=[_access_log()],
        route_config={
            "name": "edge",
            "virtual_hosts": [
                {
                    "name": "meridian",
                    "domains": ["*"],
                    "routes": [dict(row) for row in routes],
                    "request_headers_to_remove": ["x-envoy-external-address"],
                }
            ],
        },
    )


def _strip_claims() -> dict[str, Any]:
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": _typed(
            "http.early_header_mutation.header_mutation.v3.HeaderMutation",
            mutations=[{"remove_on_match": {"key_matcher": dict(rule)}} for rule in _STRIPPED],
        ),
    }


def _rate_limit_filter() -> dict[str, Any]:
    """Installed without limits of its own: each route brings its class."""
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": _typed(
            "filters.http.local_ratelimit.v3.LocalRateLimit", stat_prefix="edge"
        ),
    }


def _access_log() -> dict[str, Any]:
    """JSON lines in the services' shape; the query stays out, people search for their own names."""
    fields = {
        "timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "service": "gateway",
        "level": "info",
        "event": "request",
        "method": "%REQ(:METHOD)%",
        "path": "%PATH(NQ:PATH)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "detail": "%RESPONSE_CODE_DETAILS%",
        "milliseconds": "%DURATION%",
        "upstream": "%UPSTREAM_CLUSTER%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": _typed(
            "access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": fields}
        ),
    }
