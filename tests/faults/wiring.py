"""A stack whose every wire to a dependency runs through the fault proxy."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from libs.testing.fault_proxy.process import FaultProxy, running_fault_proxy
from libs.testing.servers import running_ministack, running_postgres
from libs.testing.settings import TestEnvironment
from libs.testing.staff import Administrator
from libs.testing.valkey import running_valkey
from libs.testing.waiting import comes_true
from libs.topology import LOCAL_PORTS
from tests.architecture.applications import ROOT
from tests.e2e.stack import OVERRIDES, START_SECONDS, administrator_of, free_offset

SERVICES_BEHIND_EDGES: Final = {"product": "product", "cart": "cart", "provider": "simulator"}
"""Edges in front of what the stack itself starts, by the part's name."""

_AWS: Final = """[default]
region = us-east-1
services = local
[services local]
sns =
  endpoint_url = http://127.0.0.1:{sns}
sqs =
  endpoint_url = http://127.0.0.1:{sqs}
sesv2 =
  endpoint_url = {emulator}
sts =
  endpoint_url = {emulator}
"""


@dataclass(frozen=True)
class Wired:
    """The running stack and the remote control of its wires."""

    gateway: str
    administrator: Administrator
    proxy: FaultProxy


@contextmanager
def wired_stack(home: Path) -> Iterator[Wired]:
    """Run the shop with an edge for PostgreSQL, Redis, SNS, SQS, product, cart, auth and the payment provider.

    Requests reach the services directly; only what services ask of one another and of their servers can fail.
    """
    with ExitStack() as beside:
        offset = free_offset()
        postgres = beside.enter_context(running_postgres())
        valkey = beside.enter_context(running_valkey())
        emulator = beside.enter_context(running_ministack(TestEnvironment().ministack_python))
        upstreams = {
            "postgres": f"{postgres.partition('host=')[2]}/.s.PGSQL.5432",
            "redis": urlsplit(valkey).netloc,
            "sns": urlsplit(emulator).netloc,
            "sqs": urlsplit(emulator).netloc,
            "auth": f"127.0.0.1:{LOCAL_PORTS['auth'] + offset}",
            **{
                edge: f"127.0.0.1:{LOCAL_PORTS[part] + offset}"
                for edge, part in SERVICES_BEHIND_EDGES.items()
            },
        }
        proxy = beside.enter_context(running_fault_proxy(upstreams, home / "proxy.log"))
        ports = {name: state.port for name, state in proxy.edges().items()}
        environment = _environment(home, offset, ports, emulator)
        beside.enter_context(_supervised(home, environment))
        gateway = f"http://127.0.0.1:{LOCAL_PORTS['gateway'] + offset}"
        yield Wired(gateway, administrator_of(home, offset), proxy)


def _environment(
    home: Path, offset: int, ports: Mapping[str, int], emulator: str
) -> dict[str, str]:
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    (home / "aws").write_text(_AWS.format(sns=ports["sns"], sqs=ports["sqs"], emulator=emulator))
    (home / "overrides.env").write_text(
        f"{OVERRIDES}\n"
        f"PRODUCT_BASE_URL={at['product']}\n"
        f"CART_BASE_URL={at['cart']}\n"
        f"AUTH_BASE_URL={at['auth']}\n"
        f"JWKS_URL={at['auth']}/.well-known/jwks.json\n"
        f"PROVIDER_BASE_URL={at['provider']}\n"
    )
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},  # noqa: TID251 - for a child
        "PYTHONPATH": str(ROOT),
        "MERIDIAN_HOME": str(home / "meridian"),
        "MERIDIAN_ENV_FILE": str(home / "overrides.env"),
        "PORT_OFFSET": str(offset),
        "ADMIN_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{ports['postgres']}/postgres",
        "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
        "AWS_ENDPOINT_URL": "aws",
        "AWS_CONFIG_FILE": str(home / "aws"),
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }


@contextmanager
def _supervised(home: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    said = partial((home / "up.log").read_text, errors="replace")
    try:
        if not comes_true(lambda: "make demo" in said(), START_SECONDS, process):
            pytest.fail(f"the stack did not start:\n{said()}")
        yield
    finally:
        process.terminate()
        process.wait(START_SECONDS)
