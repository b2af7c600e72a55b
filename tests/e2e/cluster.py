"""Two API processes of every service, found and replaced as Kubernetes does it, behind the stack's own gateway configuration."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from libs.testing.processes import ServiceProcess, start_process
from libs.testing.waiting import eventually
from libs.topology import SERVICES
from local.binaries import envoy_program
from tests.e2e.draining import Draining
from tests.e2e.replicas import free_port
from tests.e2e.stack import Stack

REPLICAS: Final = 2

_STARTS_AT_ONCE: Final = 2
_PLACES: Final = 4_096
_START_SECONDS: Final = 120
_ENVOY: Final = "type.googleapis.com/envoy"


@dataclass
class Cluster:
    """Deployments of the six APIs, a gateway that follows their endpoints, and an address within for each service.

    The address within passes connections on and knows nothing of requests, as a ClusterIP does: what is kept open stays
    with the pod that is told to stop.
    """

    stack: Stack
    draining: Draining
    gateway: str
    admin: Path
    within: Mapping[str, str]
    folder: Path
    environments: Mapping[str, Mapping[str, str]]
    pods: dict[str, list[ServiceProcess]] = field(
        default_factory=lambda: {service: [] for service in SERVICES}
    )
    ended: list[ServiceProcess] = field(default_factory=list)
    started: int = 0
    starting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_STARTS_AT_ONCE))

    def start_pod(self, service: str) -> ServiceProcess:
        """Start a pod and return once it is alive; nobody is sent to it yet."""
        self.started += 1
        number, port = self.started, free_port()
        addresses = {f"{name.upper()}_BASE_URL": url for name, url in self.within.items()}
        environment = {
            **self.environments[service],
            **addresses,
            "ROLE": "api",
            "PORT": str(port),
            "JWKS_URL": f"{self.within['auth']}/.well-known/jwks.json",
            "LINGER_SECONDS": str(self.draining.linger),
            "DRAIN_SECONDS": str(self.draining.drain),
        }
        log = self.folder / f"{service}-{number}.log"
        arguments = ["-m", f"services.{service}.main"]
        url = f"http://127.0.0.1:{port}"
        return start_process(arguments, environment, url, log, seconds=_START_SECONDS)

    async def add(self, service: str) -> None:
        """Start a pod, and send requests to it once it says it is ready."""
        async with self.starting:
            pod = await asyncio.to_thread(self.start_pod, service)
        self.pods[service].append(pod)
        await eventually(lambda: _is_ready(pod), timeout=_START_SECONDS)
        await self._tell_gateway(service, self.pods[service])

    async def replace(self, service: str) -> None:
        """Replace the oldest pod as a rolling update does with maxSurge 1 and maxUnavailable 0."""
        leaving = self.pods[service][0]
        await self.add(service)
        self.pods[service].remove(leaving)
        self.ended.append(leaving)
        # Kubernetes takes the endpoint away while the pod sleeps, some time after its end was decided.
        await asyncio.sleep(self.draining.pre_stop / 2)
        await self._tell_gateway(service, self.pods[service])
        await asyncio.sleep(self.draining.pre_stop / 2)
        leaving.process.terminate()
        seconds = self.draining.grace - self.draining.pre_stop
        await asyncio.to_thread(leaving.process.wait, seconds)

    def end_worker(self, service: str) -> None:
        """Tell the stack's own process to stop, which relays and consumes; its supervisor starts the next one."""
        with suppress(ProcessLookupError):  # it ended and its successor is not there yet
            os.kill(self.stack.pid_of(service), signal.SIGTERM)

    async def is_open(self) -> bool:
        """True once the gateway has fetched the keys it checks tokens with, and listens."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            try:
                answer = await http.get(f"{self.gateway}/.well-known/jwks.json")
            except httpx.HTTPError:
                return False
        return answer.status_code == httpx.codes.OK

    async def _tell_gateway(self, service: str, pods: Sequence[ServiceProcess]) -> None:
        ports = {int(pod.url.rpartition(":")[2]) for pod in pods}
        write_endpoints(self.folder, service, ports)
        await eventually(lambda: self._gateway_knows(service, ports), timeout=_START_SECONDS)

    async def _gateway_knows(self, service: str, ports: set[int]) -> bool:
        async with httpx.AsyncClient(timeout=10, trust_env=False) as http:
            try:
                admin = await asyncio.to_thread(self.admin.read_text)
                answer = await http.get(f"http://{admin.strip()}/clusters?format=json")
            except (OSError, httpx.HTTPError):
                return False
        for cluster in answer.json()["cluster_statuses"]:
            if cluster["name"] == service:
                hosts = cluster.get("host_statuses", [])
                return {h["address"]["socket_address"]["port_value"] for h in hosts} == ports
        return False


@contextmanager
def running_cluster(stack: Stack, draining: Draining, folder: Path) -> Iterator[Cluster]:
    """Run a gateway without endpoints beside a stack, and end it and all pods afterwards."""
    gateway = free_port()
    within = {service: free_port() for service in SERVICES}
    admin = folder / "admin"
    for service in SERVICES:
        write_endpoints(folder, service, set())
    config = folder / "envoy.json"
    config.write_text(json.dumps(_config(stack, folder, gateway, within)))
    with (folder / "gateway.log").open("wb") as log:
        envoy = subprocess.Popen(
            [
                envoy_program(), "--config-path", config, "--admin-address-path", admin,
                "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart",
            ],
            stdout=log, stderr=log, env={"PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    urls = {service: f"http://127.0.0.1:{port}" for service, port in within.items()}
    # Read before the first of them ends: later one may be just about to be started again.
    environments = {name: psutil.Process(stack.pid_of(name)).environ() for name in SERVICES}
    cluster = Cluster(
        stack, draining, f"http://127.0.0.1:{gateway}", admin, urls, folder, environments
    )
    try:
        yield cluster
    finally:
        for pod in [*cluster.ended, *(pod for pods in cluster.pods.values() for pod in pods)]:
            if pod.process.poll() is None:
                pod.kill()
        envoy.terminate()
        envoy.wait(10)


def write_endpoints(folder: Path, service: str, ports: set[int]) -> None:
    """Say where a service answers; the file is moved into place, which is what Envoy watches for."""
    endpoints = [{"endpoint": {"address": _address(port)}} for port in sorted(ports)]
    resource = {
        "@type": f"{_ENVOY}.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": service,
        "endpoints": [{"lb_endpoints": endpoints}],
    }
    draft = folder / f"{service}.draft"
    draft.write_text(json.dumps({"resources": [resource]}))
    os.replace(draft, _endpoints_file(folder, service))  # noqa: PTH105 - the word for it


def _config(stack: Stack, folder: Path, gateway: int, within: Mapping[str, int]) -> dict[str, Any]:
    """Take the running gateway's configuration; only where it listens and how it finds endpoints differ."""
    config: dict[str, Any] = json.loads((stack.home / "meridian/run/envoy.json").read_text())
    resources = config["static_resources"]
    [edge] = resources["listeners"]
    edge["address"] = _address(gateway)
    resources["listeners"] += [_passing_on(service, port) for service, port in within.items()]
    for cluster in resources["clusters"]:
        del cluster["load_assignment"]
        cluster["type"] = "EDS"
        source = {"path": str(_endpoints_file(folder, cluster["name"]))}
        cluster["eds_cluster_config"] = {
            "eds_config": {"path_config_source": source, "resource_api_version": "V3"}
        }
        # Nobody is refused for want of a place: a busy machine is another test's business.
        for threshold in cluster["circuit_breakers"]["thresholds"]:
            threshold |= {"max_requests": _PLACES, "max_pending_requests": _PLACES}
    return config


def _passing_on(service: str, port: int) -> dict[str, Any]:
    proxy = {
        "@type": f"{_ENVOY}.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": service,
        "cluster": service,
    }
    chain = {"filters": [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]}
    return {"name": f"within-{service}", "address": _address(port), "filter_chains": [chain]}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _endpoints_file(folder: Path, service: str) -> Path:
    return folder / f"{service}.endpoints.json"


async def _is_ready(pod: ServiceProcess) -> bool:
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        try:
            answer = await http.get(f"{pod.url}/readyz")
        except httpx.HTTPError:
            return False
    return answer.status_code == httpx.codes.OK
