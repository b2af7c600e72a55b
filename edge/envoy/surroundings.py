"""Where an Envoy runs: what differs between one machine, containers and a cluster, and nothing else does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from libs.topology import LOCAL_PORTS, MASTER_REGION, SERVICES

AUDIENCE: Final = "meridian"

EDGE_PORT: Final = 8080
STATUS_PORT: Final = 8081
ADMIN_PORT: Final = 9901
_SERVICE_PORT: Final = 8080

CERTIFICATE: Final = "/etc/meridian/certificate"
"""Where the platform chart mounts what the gateway shows to the load balancer."""

BROWSING_PER_PROCESS: Final = 32
"""Readers one process of a service serves in time; a few more are refused by the process, many more by the edge."""

TRUSTED_PROXIES: Final = {"alb": 2, "apigateway": 3}
"""By the edge's shape, how many proxies of ours stand in front of the Envoy that decides who the client is.

Each adds whom it saw to `X-Forwarded-For`: CloudFront the client, the next one CloudFront, and so on. So the client is that
many from the right, and what a client wrote itself is further left, believed by nobody. Shape a: CloudFront, load balancer.
Shape b: CloudFront, API Gateway, internal load balancer; the Envoy is Istio's gateway.
"""

_PROCESSES: Final = 16
_GATEWAYS: Final = 3
"""The most processes of product and the fewest gateways a region has: each gateway then leads to a third of the processes."""


@dataclass(frozen=True)
class Surroundings:
    """What a configuration is made for.

    Attributes:
        host: the address the edge listens on.
        admin_port: Envoy's own pages, on the loopback address; 0 lets the system choose.
        status_port: where readiness and metrics can be asked for from outside; None for nowhere.
        upstreams: host and port of each service.
        by_name: the hosts are names, to be looked up again and again.
        browsing_places: how many readers one Envoy admits at a time to a service.
        certificate: the folder of `tls.crt` and `tls.key`, with which every port that is reached from outside ends TLS; None
            where nothing is sent over a network.
        trusted_hops: how many proxies in front are ours (`X-Forwarded-For` is believed that far).
    """

    host: str
    port: int
    admin_port: int
    status_port: int | None
    region: str
    issuer: str
    audience: str
    upstreams: Mapping[str, tuple[str, int]]
    by_name: bool
    browsing_places: int = BROWSING_PER_PROCESS
    trusted_hops: int = 0
    certificate: str | None = None


def in_compose() -> Surroundings:
    """Containers on one machine: clients connect directly and see the port compose publishes."""
    return Surroundings(
        host="0.0.0.0",  # noqa: S104 - a container's own address is not known before
        port=EDGE_PORT,
        admin_port=ADMIN_PORT,
        status_port=STATUS_PORT,
        region=MASTER_REGION,
        issuer=f"http://localhost:{LOCAL_PORTS['gateway']}",
        audience=AUDIENCE,
        upstreams={name: (name, _SERVICE_PORT) for name in SERVICES},
        by_name=True,
    )


def in_cluster() -> Surroundings:
    """A pod behind CloudFront and the load balancer; the platform chart replaces the `${TOKENS}`."""
    return Surroundings(
        host="0.0.0.0",  # noqa: S104 - as above
        port=EDGE_PORT,
        admin_port=ADMIN_PORT,
        status_port=STATUS_PORT,
        region="${REGION}",
        issuer="${ISSUER}",
        audience="${AUDIENCE}",
        upstreams={
            name: (f"{name}.${{NAMESPACE}}.svc.cluster.local", _SERVICE_PORT) for name in SERVICES
        },
        by_name=True,
        browsing_places=BROWSING_PER_PROCESS * _PROCESSES // _GATEWAYS,
        trusted_hops=TRUSTED_PROXIES["alb"],
        certificate=CERTIFICATE,
    )
