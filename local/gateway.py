"""The edge on this machine: has Envoy check what `edge/` made of the route table, and runs it.

Services verify every token for themselves; what the edge refuses merely never reaches them.
"""

import asyncio
import json
import re
from pathlib import Path

import httpx

from edge.envoy.bootstrap import envoy_config
from edge.envoy.surroundings import AUDIENCE, Surroundings
from edge.table import BrokenTable, RouteTable, load_table
from libs.topology import SERVICES
from local.binaries import envoy_program
from local.paths import Paths
from local.process import Part
from local.refusal import Refusal
from local.settings import StackSettings, inherited_environment


def checked_table() -> RouteTable:
    """Read the route table.

    Raises:
        Refusal: it is missing or breaks its rules.
    """
    try:
        return load_table()
    except BrokenTable as error:
        raise Refusal(str(error)) from None


def surroundings(settings: StackSettings) -> Surroundings:
    """Describe this machine: everything on loopback, clients connect directly, the admin port is Envoy's choice."""
    return Surroundings(
        host="127.0.0.1",
        port=settings.port("gateway"),
        admin_port=0,
        status_port=None,
        region=settings.region,
        issuer=settings.issuer,
        audience=AUDIENCE,
        upstreams={name: ("127.0.0.1", settings.port(name)) for name in SERVICES},
        by_name=False,
    )


async def write_config(table: RouteTable, settings: StackSettings, paths: Paths) -> Path:
    """Write the configuration and have Envoy itself validate it.

    Raises:
        Refusal: Envoy does not accept it.
    """
    file = paths.run / "envoy.json"
    file.write_text(
        json.dumps(envoy_config(table, surroundings(settings)), indent=1), encoding="utf-8"
    )
    checker = await asyncio.create_subprocess_exec(
        str(envoy_program()),
        "--mode",
        "validate",
        "--config-path",
        str(file),
        "--log-level",
        "error",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=inherited_environment(),
    )
    output, _ = await checker.communicate()
    if checker.returncode:
        words = " ".join(output.decode(errors="replace").split())[-600:]
        raise Refusal(f"Envoy does not accept {file}: {words}")
    return file


def gateway_part(settings: StackSettings, paths: Paths, config: Path) -> Part:
    """Describe the Envoy process; it is ready when it listens and has loaded the JWKS."""
    admin_file = paths.run / "envoy-admin"
    admin_file.unlink(missing_ok=True)

    async def ready() -> bool:
        return await _has_keys(admin_file)

    return Part(
        name="gateway",
        command=(
            str(envoy_program()),
            "--config-path",
            str(config),
            "--admin-address-path",
            str(admin_file),
            "--concurrency",
            "2",
            "--log-level",
            "warning",
            "--drain-time-s",
            "1",
            "--disable-hot-restart",
        ),
        log=paths.log_of("gateway"),
        ready=ready,
        environment=inherited_environment(),
        port=settings.port("gateway"),
        stop_seconds=1,
    )


async def _has_keys(admin_file: Path) -> bool:
    """Ask Envoy's statistics: `/ready` alone is true after a failed fetch as well."""
    try:
        admin = await asyncio.to_thread(admin_file.read_text, encoding="utf-8")
        async with httpx.AsyncClient(
            base_url=f"http://{admin.strip()}", timeout=2, trust_env=False
        ) as http:
            live = await http.get("/ready")
            stats = await http.get("/stats", params={"filter": "jwks_fetch_success"})
    except (OSError, httpx.HTTPError):
        return False
    fetched = re.search(r"jwks_fetch_success: (\d+)", stats.text)
    return live.status_code == httpx.codes.OK and fetched is not None and int(fetched[1]) > 0
