"""Finds the shop that runs on this machine: the one `make up` started, else the one Docker Compose started."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from local.administrator import Administrator
from local.credentials import load_credentials
from local.paths import Paths
from local.postgres import SUPERUSER, admin_url
from local.settings import ROOT, StackSettings
from local.state import running_supervisor

COMPOSE_SECONDS = 20.0


@dataclass(frozen=True)
class RunningShop:
    """Where the shop answers, and what an administrator of it knows.

    Attributes:
        database: the database administrator's address.
    """

    gateway: str
    database: str = field(repr=False)
    administrator: Administrator


def find_shop(settings: StackSettings) -> RunningShop:
    """Return the shop of this machine; when none runs, where `make up` would start one."""
    paths = Paths(settings.meridian_home.resolve())
    compose = None if running_supervisor(paths) else _compose()
    if compose is not None:
        return _composed(compose)
    credentials = load_credentials(paths)
    return RunningShop(
        settings.url("gateway"),
        admin_url(settings, credentials.postgres),
        Administrator(settings.admin_email, credentials.admin_password, credentials.admin_totp),
    )


def _composed(services: Mapping[str, Any]) -> RunningShop:
    administrator = services["administrator"]["environment"]
    password = quote(services["postgres"]["environment"]["POSTGRES_PASSWORD"])
    return RunningShop(
        f"http://127.0.0.1:{_published(services['gateway'])}",
        f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{_published(services['postgres'])}/{SUPERUSER}",
        Administrator(
            administrator["ADMIN_EMAIL"],
            administrator["ADMIN_PASSWORD"],
            administrator["ADMIN_TOTP_SECRET"],
        ),
    )


def _published(service: Mapping[str, Any]) -> int:
    return int(service["ports"][0]["published"])


def _compose() -> Mapping[str, Any] | None:
    """Ask Compose what it runs from this folder, with whatever `.env` changed; None without Docker or containers."""
    running = _docker_compose("ps", "--status", "running", "--services")
    if "gateway" not in running.split():
        return None
    services: Mapping[str, Any] = json.loads(_docker_compose("config", "--format", "json"))[
        "services"
    ]
    return services


def _docker_compose(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=COMPOSE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
