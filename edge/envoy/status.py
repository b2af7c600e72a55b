"""Readiness and metrics for those outside the container; Envoy's admin pages themselves stay on loopback."""

from typing import Any, Final

from edge.envoy.fragments import address, ending_tls, typed

_CLUSTER: Final = "admin"
_PATHS: Final = ("/ready", "/stats/prometheus")


def status_listener(host: str, port: int, certificate: str | None) -> dict[str, Any]:
    """Serve two of the admin pages, to be read and nothing else; over TLS where there is a certificate."""
    routes = [
        {
            "match": {"path": path, "headers": [_reading()]},
            "route": {"cluster": _CLUSTER, "timeout": "5s"},
        }
        for path in _PATHS
    ]
    manager = typed(
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="status",
        http_filters=[
            {
                "name": "envoy.filters.http.router",
                "typed_config": typed("filters.http.router.v3.Router"),
            }
        ],
        route_config={
            "name": "status",
            "virtual_hosts": [{"name": "status", "domains": ["*"], "routes": routes}],
        },
    )
    chain = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    return {
        "name": "status",
        "address": address(host, port),
        "ignore_global_conn_limit": True,  # a full edge must still say that it lives
        "filter_chains": [{"filters": [chain], **ending_tls(certificate)}],
    }


def admin_cluster(port: int) -> dict[str, Any]:
    """Reach the admin pages over loopback."""
    endpoint = {"endpoint": {"address": address("127.0.0.1", port)}}
    return {
        "name": _CLUSTER,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": _CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _reading() -> dict[str, Any]:
    return {"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}
