"""What a command says of an environment that lacks something."""

import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
from pydantic import SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from libs.database.__main__ import main as database_command
from libs.messaging.__main__ import main as messaging_command
from libs.settings import DatabaseSettings, Environment, Settings, read_settings
from libs.topology import SERVICES
from tests.architecture.applications import ROOT, settings_class_of
from tests.authority import Authority

COMMANDS = {
    "auth": ["create-admin", "--email", "ops@example.com"],
    "cart": ["checksum"],
    "order": ["audit"],
    "payment": ["reconcile"],
    "product": ["count"],
}
SECRET = "postgresql://hunter2"


@pytest.mark.parametrize(
    ("service", "environment", "missing"),
    [
        *((service, {}, "DATABASE_URL") for service in COMMANDS),
        *((service, {"DATABASE_URL": SECRET}, "REGION: ") for service in ("auth", "payment")),
    ],
)
def test_what_is_missing_is_named_in_a_line_and_no_secret_is(
    service: str, environment: dict[str, str], missing: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}.cli", *COMMANDS[service]],
        cwd=ROOT,
        env={"PYTHONPATH": "."} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


class Pair(Settings):
    first: int = 1
    second: int = 2

    @model_validator(mode="after")
    def _equal(self) -> Self:
        if self.first != self.second:
            raise PydanticCustomError("unequal", "FIRST and SECOND have to be equal.")
        return self


def test_what_is_wrong_with_several_variables_together_has_no_name_before_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        read_settings(Pair)
    assert capsys.readouterr().err == "FIRST and SECOND have to be equal.\n"


class Connecting(DatabaseSettings):
    """What any command is that reads an address."""

    database_url: SecretStr | None = None


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    return Authority(tmp_path).ca_file


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_where_customers_are_no_database_is_connected_to_without_authorities_of_its_certificate(
    environment: Environment, ca_file: Path
) -> None:
    url = SecretStr(SECRET)
    with pytest.raises(ValidationError, match=f"DATABASE_CA_FILE: not set, but {environment}"):
        Connecting(environment=environment, database_url=url)
    Connecting(environment=environment, database_url=url, database_ca_file=ca_file)
    Connecting(environment=environment)  # who connects to none needs none


@pytest.mark.parametrize("environment", ["local", "test"])
def test_elsewhere_the_address_decides(environment: Environment) -> None:
    Connecting(environment=environment, database_url=SecretStr(SECRET))


def test_a_process_that_is_not_told_where_it_runs_runs_in_production(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ENVIRONMENT", raising=False)
    monkeypatch.setenv("DATABASE_URL", SECRET)
    with pytest.raises(SystemExit):
        read_settings(Connecting)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("DATABASE_CA_FILE: not set, but production")
    assert "hunter2" not in line


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_authorities_that_cannot_be_read_are_refused_in_a_line_that_names_the_file(
    content: str | None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("DATABASE_CA_FILE", str(file))
    with pytest.raises(SystemExit):
        read_settings(Connecting)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("DATABASE_CA_FILE: ")
    assert str(file) in line


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_held_to_it(service: str) -> None:
    assert issubclass(settings_class_of(service), DatabaseSettings)


def test_every_command_is_held_to_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENVIRONMENT", "production")
    monkeypatch.setenv("DATABASE_URL_ORDER", SECRET)
    monkeypatch.setenv("MIGRATOR_DATABASE_URL_ORDER", SECRET)
    assert messaging_command(["republish", "--service", "order", "--since", "2026-01-31"]) == 2
    with pytest.raises(SystemExit):
        database_command(["upgrade", "order"])
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["DATABASE_CA_FILE"] * 2
