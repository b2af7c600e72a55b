"""Fragments of Envoy's configuration (v3 API) as plain data: routes, clusters, limits. What a row becomes."""

from collections.abc import Mapping
from typing import Any, Final

from edge.classes import RateClass, RetryPolicy
from edge.table import EdgeRoute, Matcher

_TYPE: Final = "type.googleapis.com/envoy.extensions"
_MOST_CONNECTIONS: Final = 5_000
_MOST_REQUESTS: Final = 2_048

_MOST_CLIENTS: Final = 10_000
"""Addresses whose buckets are remembered. The default, 20, forgets a client as soon as twenty others called."""


def address(host: str, port: int) -> dict[str, Any]:
    """Write a TCP address."""
    return {"socket_address": {"address": host, "port_value": port}}


def typed(kind: str, **fields: object) -> dict[str, Any]:
    """Name the protocol buffer a fragment is of."""
    return {"@type": f"{_TYPE}.{kind}", **fields}


def ending_tls(folder: str | None) -> dict[str, Any]:
    """Have a listener's chain end TLS, 1.2 or newer, with `tls.crt` and `tls.key` of a folder; nothing without one."""
    if folder is None:
        return {}
    shown = {
        "certificate_chain": {"filename": f"{folder}/tls.crt"},
        "private_key": {"filename": f"{folder}/tls.key"},
    }
    context = typed(
        "transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context={
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificates": [shown],
            "alpn_protocols": ["h2", "http/1.1"],
        },
    )
    return {"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}}


def path_match(matcher: Matcher) -> dict[str, Any]:
    """Match a path and what lies below it, one path, or a template."""
    if matcher.kind == "exact":
        return {"path": matcher.path}
    if matcher.kind == "template":
        return {"safe_regex": {"regex": matcher.regex}}
    return {"path_separated_prefix": matcher.path}


def rate_limit(name: str, limits: RateClass) -> dict[str, Any]:
    """A token bucket per client address below a wider one for all, or just one for all clients of the class."""
    config: dict[str, Any] = {
        "stat_prefix": f"edge_{name}",
        "token_bucket": _bucket(limits.total, limits.total_burst),
        "filter_enabled": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "filter_enforced": {"default_value": {"numerator": 100, "denominator": "HUNDRED"}},
        "response_headers_to_add": _spent(f"edge-{name}", limits.requests),
    }
    if limits.per_client:
        # An entry without a value makes one bucket per address seen.
        own = _bucket(limits.requests, limits.burst)
        config["descriptors"] = [{"entries": [{"key": "remote_address"}], "token_bucket": own}]
        config["rate_limits"] = [{"actions": [{"remote_address": {}}]}]
        config["max_dynamic_descriptors"] = _MOST_CLIENTS
    return config


def _bucket(per_second: int, burst: int) -> dict[str, Any]:
    return {"max_tokens": burst, "tokens_per_fill": per_second, "fill_interval": "1s"}


def _spent(policy: str, per_second: int) -> list[dict[str, Any]]:
    """Tell a refused client what the limit is, in the services' words (draft-ietf-httpapi-ratelimit-headers-11)."""
    told = {
        "RateLimit-Policy": f'"{policy}";q={per_second};w=1',
        "RateLimit": f'"{policy}";r=0;t=1',
    }
    return [{"header": {"key": name, "value": value}} for name, value in told.items()]


def routes_of(route: EdgeRoute, *, stream_seconds: int, by_name: bool) -> list[dict[str, Any]]:
    """One row becomes one Envoy route, or two where only safe methods may be retried.

    `by_name` has the upstream hear its own name as the host, which is how a mesh finds it.
    """
    jwt = {"disabled": True} if route.auth == "public" else {"requirement_name": route.auth}
    plain = {
        "name": route.name,
        "match": path_match(route.matcher),
        "route": _action(route, stream_seconds=stream_seconds, by_name=by_name),
        "typed_per_filter_config": {
            "envoy.filters.http.jwt_authn": typed(
                "filters.http.jwt_authn.v3.PerRouteConfig", **jwt
            ),
            "envoy.filters.http.local_ratelimit": typed(
                "filters.http.local_ratelimit.v3.LocalRateLimit",
                **rate_limit(route.rate_name, route.rate),
            ),
        },
    }
    return [plain] if route.retry is None else [_retried(plain, route.retry), plain]


def _action(route: EdgeRoute, *, stream_seconds: int, by_name: bool) -> dict[str, Any]:
    action: dict[str, Any] = {
        "cluster": route.service,
        "priority": "DEFAULT" if route.browsing else "HIGH",
        "timeout": f"{route.timeout_seconds}s",
    }
    if route.stream:
        action["idle_timeout"] = "60s"  # heartbeats come every 15 s
        action["max_stream_duration"] = {"max_stream_duration": f"{stream_seconds}s"}
    if route.rewrite is not None:
        written, served = route.rewrite
        action["regex_rewrite"] = {"pattern": {"regex": f"^{written}"}, "substitution": served}
    if by_name:
        action["auto_host_rewrite"] = True
    return action


def _retried(plain: Mapping[str, Any], policy: RetryPolicy) -> dict[str, Any]:
    """Copy a route for the methods that may be sent again."""
    any_of = "|".join(policy.methods)
    method = {"name": ":method", "string_match": {"safe_regex": {"regex": any_of}}}
    again = {
        "retry_on": ",".join(policy.on),
        "num_retries": policy.attempts,
        "retry_back_off": {"base_interval": "0.025s", "max_interval": "0.25s"},
    }
    return {
        **plain,
        "name": f"{plain['name']}-safe",
        "match": {**plain["match"], "headers": [method]},
        "route": {**plain["route"], "retry_policy": again},
    }


def cluster(
    name: str, host: str, port: int, *, by_name: bool, browsing_places: int
) -> dict[str, Any]:
    """One service: short connect timeout, and no more retries under way than a fifth of the requests.

    Browsing finds few places: what a service could only queue is refused here, where a refusal costs least.
    """
    endpoint = {"endpoint": {"address": address(host, port)}}
    return {
        "name": name,
        "type": "STRICT_DNS" if by_name else "STATIC",
        "dns_lookup_family": "V4_PREFERRED",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {
            "thresholds": [
                _threshold("HIGH", _MOST_REQUESTS),
                _threshold("DEFAULT", browsing_places),
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
