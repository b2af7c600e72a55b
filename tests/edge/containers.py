"""Runs the checked-in configuration for containers on this machine: the same file, its addresses moved to loopback."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from edge.envoy.surroundings import CERTIFICATE
from edge.table import ROOT
from edge.targets import GATEWAY, PLATFORM_FILES
from libs.security.certificates import self_signed
from libs.testing.servers import free_port
from local.binaries import envoy_program
from local.paths import Paths
from local.process import Part, Supervised
from local.settings import inherited_environment
from local.state import StateFile

COMPOSE = (ROOT / GATEWAY / "envoy.yaml").read_text(encoding="utf-8")
CLUSTER = (ROOT / PLATFORM_FILES / "envoy.yaml").read_text(encoding="utf-8")
ISSUER = "http://localhost:8080"
TOKENS = {
    "${REGION}": "us-east-1",
    "${ISSUER}": ISSUER,
    "${AUDIENCE}": "meridian",
    "${NAMESPACE}": "meridian",
}


@dataclass(frozen=True)
class RunningEdge:
    """Clients of the edge's port and of the one that tells its status."""

    http: httpx.AsyncClient
    status: httpx.AsyncClient


def with_tokens(text: str, folder: Path) -> str:
    """Replace what the platform chart replaces, and mount what it mounts."""
    for token, value in TOKENS.items():
        text = text.replace(token, value)
    return with_certificate(text, folder)


def with_certificate(text: str, folder: Path) -> str:
    """Have Envoy find a certificate for `localhost` in a folder, as in a pod."""
    made = self_signed(["localhost"])
    (folder / "tls.crt").write_text(made["certificate"], encoding="utf-8")
    (folder / "tls.key").write_text(made["key"], encoding="utf-8")
    return text.replace(f"{CERTIFICATE}/", f"{folder}/")


def moved(text: str, service_port: int, ports: dict[int, int], folder: Path) -> dict[str, Any]:
    """Move every address of a configuration: our own to free ports, the services' to the stand-in."""
    config: dict[str, Any] = yaml.safe_load(with_tokens(text, folder))
    addresses = [config["admin"]["address"]]
    addresses += [listener["address"] for listener in config["static_resources"]["listeners"]]
    for address in addresses:
        place = address["socket_address"]
        place["address"] = "127.0.0.1"
        place["port_value"] = ports[place["port_value"]]
    for cluster in config["static_resources"]["clusters"]:
        endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
        place = endpoint["address"]["socket_address"]
        by_name = cluster["type"] == "STRICT_DNS"
        place["port_value"] = service_port if by_name else ports[place["port_value"]]
        place["address"] = "localhost" if by_name else "127.0.0.1"
    return config


@asynccontextmanager
async def running_container_edge(
    text: str, service_port: int, paths: Paths, **variables: str
) -> AsyncIterator[RunningEdge]:
    """Run Envoy with the text of a configuration and these environment variables."""
    ports = {8080: free_port(), 8081: free_port(), 9901: free_port()}
    config = paths.run / "container.yaml"
    config.write_text(yaml.safe_dump(moved(text, service_port, ports, paths.run)), encoding="utf-8")
    trusted = paths.run / "tls.crt" if CERTIFICATE in text else None
    async with client(ports[8080], trusted) as http, client(ports[8081], trusted) as status:

        async def ready() -> bool:
            try:
                return (await status.get("/ready")).status_code == httpx.codes.OK
            except httpx.HTTPError:
                return False

        part = Part(
            name="gateway",
            command=(
                str(envoy_program()),
                *("--config-path", str(config), "--concurrency", "1"),
                *("--log-level", "warning", "--drain-time-s", "1", "--disable-hot-restart"),
            ),
            log=paths.log_of("gateway"),
            ready=ready,
            environment=inherited_environment() | variables,
            port=ports[8080],
            stop_seconds=1,
        )
        envoy = Supervised(part, StateFile(paths.state))
        await envoy.start()
        try:
            yield RunningEdge(http, status)
        finally:
            await envoy.stop()


def client(port: int, trusted: Path | None) -> httpx.AsyncClient:
    """Make a client of a port: over TLS, checking the certificate, where there is one to be trusted."""
    if trusted is None:
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
    context = ssl.create_default_context(cafile=trusted)
    base = f"https://localhost:{port}"
    return httpx.AsyncClient(base_url=base, verify=context, trust_env=False, timeout=10)
