import asyncio
import gc
import os
import subprocess
import sys
import weakref
from pathlib import Path

import httpx
import pytest

from libs.runtime.resources import KEPT_IDLE_SECONDS, wrong_master_key
from libs.security.master_key import add_version
from libs.settings import ServiceSettings
from libs.testing.apps import client_of
from libs.testing.plugin import RunService, SettingsFor
from libs.testing.settings import environment_of
from libs.testing.waiting import eventually
from services.user.main import create_app
from services.user.settings import UserSettings
from tests.architecture.applications import ROOT


async def answers(base: str, path: str) -> int:
    async with httpx.AsyncClient(base_url=base) as http:
        try:
            return (await http.get(path)).status_code
        except httpx.HTTPError:
            return 0


def start(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.user.main", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},  # noqa: TID251 - a child's environment
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_missing_setting_stops_the_process_with_one_line_naming_it(
    settings_for: SettingsFor,
) -> None:
    environment = environment_of(settings_for("user"))
    del environment["DATABASE_URL"], environment["AUTH_BASE_URL"]
    finished = start(environment=environment)
    assert finished.returncode == 2
    assert finished.stderr.splitlines() == [
        "user: DATABASE_URL: Field required",
        "user: AUTH_BASE_URL: Field required",
    ]


def test_a_wrong_setting_is_named_without_its_value(settings_for: SettingsFor) -> None:
    environment = environment_of(settings_for("user"))
    finished = start(environment={**environment, "PORT": "not-a-port-but-a-secret"})
    assert finished.returncode == 2
    assert finished.stderr.startswith("user: PORT: ")
    assert "secret" not in finished.stderr


async def test_a_master_key_that_does_not_open_the_data_keys_stops_the_process_with_one_line(
    settings_for: SettingsFor, service_keys: Path, tmp_path: Path
) -> None:
    settings = settings_for("user")
    assert await wrong_master_key(settings) is None  # the first start made the data keys
    another = tmp_path / "another.json"
    add_version(another)
    environment = {**environment_of(settings), "MASTER_KEY": f"file:{another}"}
    finished = await asyncio.to_thread(start, environment=environment)
    assert finished.returncode == 2
    [line] = finished.stderr.splitlines()
    assert line.startswith("user: MASTER_KEY: it does not open the data keys: ")
    assert await wrong_master_key(settings) is None


@pytest.mark.parametrize(
    ("setting", "content", "reason"),
    [
        ("SERVICE_KEY_FILE", None, "No such file or directory"),
        ("SERVICE_KEY_FILE", "", "holds no key"),
        ("TRUST_BUNDLE_FILE", None, "No such file or directory"),
        ("TRUST_BUNDLE_FILE", '{"keys": []}', "holds no key"),
    ],
)
def test_a_secret_file_that_is_missing_or_wrong_stops_the_process_with_one_line(
    settings_for: SettingsFor, tmp_path: Path, setting: str, content: str | None, reason: str
) -> None:
    file = tmp_path / "mounted.json"
    if content is not None:
        file.write_text(content)
    finished = start(environment={**environment_of(settings_for("user")), setting: str(file)})
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert line.startswith(f"user: {setting}: {reason}")
    assert line.endswith(str(file))


def test_an_unknown_role_is_refused_with_the_choice(settings_for: SettingsFor) -> None:
    finished = start("everything", environment=environment_of(settings_for("user")))
    assert finished.returncode == 1
    assert "all|api|worker" in finished.stderr


@pytest.mark.stack
@pytest.mark.parametrize(("role", "serves"), [("all", 401), ("api", 401), ("worker", 404)])
async def test_every_role_is_alive_and_only_some_serve(
    run_service: RunService, ministack: str, role: str, serves: int
) -> None:
    process = run_service("user", role=role)
    await eventually(lambda: answers(process.url, "/readyz"), timeout=20)
    assert await answers(process.url, "/livez") == 200
    assert await answers(process.url, "/metrics") == 200
    assert await answers(process.url, "/v1/me") == serves


@pytest.mark.stack
async def test_a_wanted_end_is_a_success(run_service: RunService, ministack: str) -> None:
    process = run_service("user")
    await eventually(lambda: answers(process.url, "/readyz"), timeout=20)
    assert await asyncio.to_thread(process.stop) == 0
    assert "Traceback" not in process.log()


@pytest.mark.stack
async def test_a_stopping_process_answers_what_comes_and_asks_callers_to_leave(
    run_service: RunService,
) -> None:
    process = run_service("user", role="api", linger_seconds=30)
    await eventually(lambda: answers(process.url, "/readyz"), timeout=20)
    async with httpx.AsyncClient(base_url=process.url) as kept:
        assert "Connection" not in (await kept.get("/livez")).headers
        process.process.terminate()
        await eventually(lambda: refuses_traffic(process.url))
        last = await kept.get("/livez")
        assert (last.status_code, last.headers["Connection"]) == (200, "close")
        # With nobody connected any more there is nothing to wait for, however long it may linger.
        assert await asyncio.to_thread(process.process.wait, 20) == 0


@pytest.mark.stack
async def test_who_is_being_answered_when_the_signal_comes_is_asked_to_leave_as_well(
    run_service: RunService,
) -> None:
    process = run_service("user", role="api", linger_seconds=30)
    await eventually(lambda: answers(process.url, "/readyz"), timeout=20)
    address = httpx.URL(process.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"PATCH /v1/me HTTP/1.1\r\nHost: user\r\nContent-Length: 2\r\n\r\n{")
    await eventually(lambda: is_answering(process.url, 2))
    process.process.terminate()
    await eventually(lambda: refuses_traffic(process.url))
    writer.write(b"}")
    answer = await reader.read()
    writer.close()
    assert b"connection: close" in answer.lower().splitlines()


@pytest.mark.stack
async def test_a_stopping_process_lingers_no_longer_than_it_was_told(
    run_service: RunService,
) -> None:
    process = run_service("user", role="api", linger_seconds=1)
    async with httpx.AsyncClient(base_url=process.url) as kept:
        await kept.get("/livez")
        assert await asyncio.to_thread(process.stop) == 0


def test_callers_give_up_a_kept_connection_before_a_stopping_service_closes_it() -> None:
    assert ServiceSettings.model_fields["linger_seconds"].default > KEPT_IDLE_SECONDS


async def refuses_traffic(base: str) -> bool:
    return await answers(base, "/readyz") == 503


async def is_answering(base: str, requests: int) -> bool:
    """Tell whether so many requests are under way, the one that asks counted."""
    async with httpx.AsyncClient(base_url=base) as http:
        shown = (await http.get("/metrics")).text
    return f"http_server_active_requests {requests}.0" in shown.splitlines()


@pytest.mark.stack
async def test_nothing_keeps_an_application_that_ended(settings_for: SettingsFor) -> None:
    settings = settings_for("user", role="api")
    assert isinstance(settings, UserSettings)
    app = create_app(settings)
    ended = weakref.ref(app)
    async with client_of(app) as client:
        assert (await client.get("/readyz")).status_code == 200
    del app, client
    gc.collect()
    assert ended() is None
