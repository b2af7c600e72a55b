"""The edge's one listener as Envoy's configuration: what is stripped, checked, limited and logged, in that order."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from libs.deadline import DEADLINE_HEADER
from local.envoy import address, typed
from local.envoy_problems import local_replies

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


def jwt_filter(*, issuer: str, jwks_url: str) -> dict[str, Any]:
    """Check user tokens against the JWKS, which is fetched before the listener opens and refreshed in between."""
    provider = {
        "issuer": issuer,
        "audiences": [AUDIENCE],
        "forward": True,
        # Where services look, and nowhere else: not in the query. The scheme is case-insensitive (RFC 9110 section 11.1).
        "from_headers": [
            {"name": "Authorization", "value_prefix": f"{scheme} "}
            for scheme in ("Bearer", "bearer")
        ],
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
        "typed_config": typed(
            "filters.http.jwt_authn.v3.JwtAuthentication",
            providers={JWT_PROVIDER: provider},
            requirement_map={
                "required": by_name,
                "optional": {"requires_any": {"requirements": [by_name, {"allow_missing": {}}]}},
            },
        ),
    }


def listener(
    *,
    port: int,
    routes: Sequence[Mapping[str, Any]],
    jwt: Mapping[str, Any],
    deadline_seconds: float,
) -> dict[str, Any]:
    """The one port clients reach; who does not say how long they wait, waits `deadline_seconds`."""
    return {
        "name": "edge",
        "address": address("127.0.0.1", port),
        "per_connection_buffer_limit_bytes": 65536,
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": _connection_manager(
                            _virtual_host(routes, deadline_seconds), jwt
                        ),
                    }
                ]
            }
        ],
    }


def _connection_manager(virtual_host: Mapping[str, Any], jwt: Mapping[str, Any]) -> dict[str, Any]:
    return typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="edge",
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        server_header_transformation="PASS_THROUGH",
        preserve_external_request_id=True,
        request_id_extension={
            "typed_config": typed("request_id.uuid.v3.UuidRequestIdConfig", pack_trace_reason=False)
        },
        request_headers_timeout="10s",
        max_request_headers_kb=32,
        # Nothing here upgrades; an offer to may be ignored (RFC 9110 section 7.8) and must not read like a bad token.
        http_protocol_options={"ignore_http_11_upgrade": [{"safe_regex": {"regex": ".*"}}]},
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
                "typed_config": typed("filters.http.router.v3.Router", suppress_envoy_headers=True),
            },
        ],
        local_reply_config=local_replies(),
        access_log=[_access_log()],
        route_config={"name": "edge", "virtual_hosts": [dict(virtual_host)]},
    )


def _virtual_host(routes: Sequence[Mapping[str, Any]], deadline_seconds: float) -> dict[str, Any]:
    return {
        "name": "meridian",
        "domains": ["*"],
        "routes": [dict(row) for row in routes],
        "request_headers_to_add": [
            {
                "header": {"key": DEADLINE_HEADER, "value": str(int(deadline_seconds * 1000))},
                "append_action": "ADD_IF_ABSENT",
            }
        ],
        "request_headers_to_remove": ["x-envoy-external-address"],
    }


def _strip_claims() -> dict[str, Any]:
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": typed(
            "http.early_header_mutation.header_mutation.v3.HeaderMutation",
            mutations=[{"remove_on_match": {"key_matcher": dict(rule)}} for rule in _STRIPPED],
        ),
    }


def _rate_limit_filter() -> dict[str, Any]:
    """Installed without limits of its own: each route brings its class."""
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": typed("filters.http.local_ratelimit.v3.LocalRateLimit", stat_prefix="edge"),
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
        "typed_config": typed(
            "access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": fields}
        ),
    }
