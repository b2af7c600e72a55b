"""Envoy's whole configuration for a route table and the surroundings it runs in."""

from typing import Any

from edge.envoy import fragments, listener
from edge.envoy.status import admin_cluster, status_listener
from edge.envoy.surroundings import Surroundings
from edge.table import RouteTable


def envoy_config(table: RouteTable, where: Surroundings) -> dict[str, Any]:
    """Build the bootstrap document: the edge's listener, a cluster per service, the admin port on loopback."""
    listeners = [listener.edge_listener(table, where)]
    clusters = [
        fragments.cluster(
            name, host, port, by_name=where.by_name, browsing_places=where.browsing_places
        )
        for name, (host, port) in where.upstreams.items()
    ]
    if where.status_port is not None:
        listeners.append(status_listener(where.host, where.status_port, where.certificate))
        clusters.append(admin_cluster(where.admin_port))
    return {
        "node": {"id": "meridian-gateway", "cluster": f"meridian-{where.region}"},
        "admin": {"address": fragments.address("127.0.0.1", where.admin_port), "access_log": []},
        "overload_manager": fragments.connection_limit(),
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }
