"""Which shop a verb speaks to: the supervisor's, or the one Docker Compose runs from this folder."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from local.credentials import load_credentials
from local.paths import Paths
from local.running import find_shop
from local.settings import StackSettings
from local.state import Snapshot, StateFile, record_of
from tests.deploy.compose import environment_of, services


@pytest.fixture
def settings(tmp_path: Path) -> StackSettings:
    paths = Paths(tmp_path / "home")
    paths.create()
    return StackSettings(meridian_home=paths.home, port_offset=500)


def resolved() -> dict[str, Any]:
    """What `docker compose config --format json` says, as far as it is read."""
    found = {}
    for name, service in services(GATEWAY_PORT="9080").items():
        ports = [
            {"host_ip": host, "published": outside, "target": int(inside)}
            for host, outside, inside in (one.split(":") for one in service.get("ports", []))
        ]
        found[name] = {"environment": environment_of(service), "ports": ports}
    return {"services": found}


def install_docker(folder: Path, monkeypatch: pytest.MonkeyPatch, running: str) -> None:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(resolved()))
    program = folder / "docker"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$2" in ps) echo "{running}" ;; config) cat {folder}/config.json ;; *) exit 1 ;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_shop_of_compose_is_found_with_its_ports_and_passwords(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_docker(tmp_path / "bin", monkeypatch, running="gateway\npostgres")
    found = find_shop(settings)
    assert found.gateway == "http://127.0.0.1:9080"
    assert found.database == "postgresql://postgres:local-only-postgres@127.0.0.1:8130/postgres"
    assert found.administrator.email == "admin@meridian.example"
    assert found.administrator.password == "local-only-administrator"
    assert found.administrator.totp_secret == "LOCALONLY" * 3 + "LOCAL"
    assert "local-only" not in repr(found).lower().replace("localonly", "local-only")


def test_the_supervisors_shop_comes_first(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_docker(tmp_path / "bin", monkeypatch, running="gateway")
    paths = Paths(settings.meridian_home)
    StateFile(paths.state).write(Snapshot(record_of("supervisor", os.getpid()), clean=False))
    found = find_shop(settings)
    assert found.gateway == "http://127.0.0.1:8580"
    assert found.administrator.password == load_credentials(paths).admin_password
    assert found.administrator.totp_secret == load_credentials(paths).admin_totp


@pytest.mark.parametrize("running", ["", "postgres"])
def test_containers_without_a_gateway_are_no_shop(
    running: str, settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_docker(tmp_path / "bin", monkeypatch, running=running)
    assert find_shop(settings).gateway == "http://127.0.0.1:8580"


def test_no_docker_is_no_obstacle(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_shop(settings).gateway == "http://127.0.0.1:8580"
