"""The edge's one listener as Envoy's configuration: what is stripped, checked, limited and logged, in that order."""

from typing import Any, Final

from edge.envoy.fragments import address, ending_tls, routes_of, typed
from edge.envoy.problems import local_replies
from edge.envoy.request_headers import early_mutations, origin_filter, removed_before_services
from edge.envoy.surroundings import Surroundings
from edge.table import Headers, RouteTable
from libs.deadline import DEADLINE_HEADER

_PROVIDER: Final = "meridian"


def edge_listener(table: RouteTable, where: Surroundings) -> dict[str, Any]:
    """The one port clients reach."""
    manager = {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": _connection_manager(table, where),
    }
    return {
        "name": "edge",
        "address": address(where.host, where.port),
        "per_connection_buffer_limit_bytes": 65536,
        "filter_chains": [{"filters": [manager], **ending_tls(where.certificate)}],
    }


def _connection_manager(table: RouteTable, where: Surroundings) -> dict[str, Any]:
    return typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="edge",
        use_remote_address=True,
        xff_num_trusted_hops=where.trusted_hops,
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
        early_header_mutation_extensions=[
            early_mutations(table.headers, trusted_hops=where.trusted_hops)
        ],
        http_filters=[
            origin_filter(),
            _rate_limit_filter(),
            _jwt_filter(table.headers, where),
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("filters.http.router.v3.Router", suppress_envoy_headers=True),
            },
        ],
        local_reply_config=local_replies(table.headers),
        access_log=[_access_log()],
        route_config={"name": "edge", "virtual_hosts": [_virtual_host(table, where)]},
    )


def _virtual_host(table: RouteTable, where: Surroundings) -> dict[str, Any]:
    routes = [
        entry
        for route in table.edge_routes
        for entry in routes_of(route, stream_seconds=table.stream_seconds, by_name=where.by_name)
    ]
    return {
        "name": "meridian",
        "domains": ["*"],
        "routes": routes,
        "request_headers_to_add": [
            {
                "header": {
                    "key": DEADLINE_HEADER,
                    "value": str(int(table.deadline_seconds * 1000)),
                },
                "append_action": "ADD_IF_ABSENT",
            },
            # One address, the client's: a service need not know how many proxies there are.
            {
                "header": {
                    "key": "x-forwarded-for",
                    "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                },
                "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
            },
        ],
        "request_headers_to_remove": removed_before_services(table.headers),
    }


def _jwt_filter(headers: Headers, where: Surroundings) -> dict[str, Any]:
    """Check user tokens against the JWKS, which is fetched before the listener opens and refreshed in between."""
    provider = {
        "issuer": where.issuer,
        "audiences": [where.audience],
        "forward": True,
        # Where services look, and nowhere else: not in the query. The scheme is case-insensitive (RFC 9110 section 11.1).
        "from_headers": [
            {"name": "Authorization", "value_prefix": f"{scheme} "}
            for scheme in ("Bearer", "bearer")
        ],
        "claim_to_headers": [{"header_name": headers.user_id, "claim_name": "sub"}],
        "clock_skew_seconds": 5,
        "remote_jwks": {
            "http_uri": {"uri": _jwks_url(where), "cluster": "auth", "timeout": "2s"},
            "cache_duration": "300s",
            "async_fetch": {"fast_listener": False, "failed_refetch_duration": "1s"},
        },
    }
    by_name = {"provider_name": _PROVIDER}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": typed(
            "filters.http.jwt_authn.v3.JwtAuthentication",
            providers={_PROVIDER: provider},
            requirement_map={
                "required": by_name,
                "optional": {"requires_any": {"requirements": [by_name, {"allow_missing": {}}]}},
            },
        ),
    }


def _jwks_url(where: Surroundings) -> str:
    host, port = where.upstreams["auth"]
    return f"http://{host}:{port}/.well-known/jwks.json"


def _rate_limit_filter() -> dict[str, Any]:
    """Installed without limits of its own: each route brings its class."""
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": typed("filters.http.local_ratelimit.v3.LocalRateLimit", stat_prefix="edge"),
    }


def _access_log() -> dict[str, Any]:
    """JSON lines in the services' shape, without the path and its query: people search for their own names.

    Which operation it was and which ids were in its path is in the service's line of the same request id.
    """
    fields = {
        "timestamp": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
        "service": "gateway",
        "level": "info",
        "event": "request",
        "method": "%REQ(:METHOD)%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "detail": "%RESPONSE_CODE_DETAILS%",
        "milliseconds": "%DURATION%",
        "route": "%ROUTE_NAME%",
        "upstream": "%UPSTREAM_CLUSTER%",
        "attempts": "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
        # What the client was told: it is there even where a request broke off before it had an id.
        "request_id": '%COALESCE({"operators": [{"command": "RESP", "param": "x-request-id"}, '
        '{"command": "REQ", "param": "x-request-id"}]})%',
    }
    return {
        "name": "envoy.access_loggers.stdout",
        "typed_config": typed(
            "access_loggers.stream.v3.StdoutAccessLog", log_format={"json_format": fields}
        ),
    }
