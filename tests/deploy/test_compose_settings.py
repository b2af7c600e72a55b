"""Every process in a container is given what it reads, and secrets that are its own."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from libs.cache.access import acl_file
from libs.database.__main__ import main as database_command
from libs.settings import LOCAL_ONLY, ServiceSettings
from libs.testing.settings import settings_class_of
from libs.topology import SERVICES, schema_of
from services.auth.settings import AdministratorSettings
from services.product.settings import ImportSettings
from simulator.settings import SimulatorSettings
from tests.authority import Authority
from tests.deploy.compose import BASE, PROCESSES, environment_of, owner_of
from tests.deploy.golden import USERS_FILE, users_of_compose

AWS = {"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
IMAGE_VALUES = {"HOST": "0.0.0.0", "PORT": "8080"}  # noqa: S104 - inside the container


def read_settings(process: str, monkeypatch: pytest.MonkeyPatch, **changed: str) -> ServiceSettings:
    environment = IMAGE_VALUES | environment_of(BASE[process]) | changed
    monkeypatch.setattr("os.environ", environment)
    return settings_class_of(owner_of(process))()


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_starts_with_the_environment_it_is_given(
    process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = read_settings(process, monkeypatch)
    assert made.environment == "local"
    user = urlsplit(made.database_url.get_secret_value()).username
    assert user == f"{schema_of(owner_of(process))}_app"


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_is_killed_while_it_drains(
    process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker may need the drain time twice: for its connections, then for its loops."""
    made = read_settings(process, monkeypatch)
    grace = int(BASE[process]["stop_grace_period"].removesuffix("s"))
    assert grace > made.linger_seconds + 2 * made.drain_seconds


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_is_given_a_name_it_does_not_read(process: str) -> None:
    """Settings ignore what they do not know, so a misspelt name would be silently without effect."""
    known = {name.upper() for name in settings_class_of(owner_of(process)).model_fields}
    assert set(environment_of(BASE[process])) - known <= AWS


def test_jobs_and_simulator_read_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", environment_of(BASE["seed"]))
    assert ImportSettings().database_url
    monkeypatch.setattr("os.environ", environment_of(BASE["administrator"]))
    assert AdministratorSettings().admin_password
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValidationError, match="admin_totp_secret"):
        AdministratorSettings()
    given = {"SIMULATOR_DATA": "/var/lib/meridian", **environment_of(BASE["simulator"])}
    monkeypatch.setattr("os.environ", given)
    simulator = SimulatorSettings()
    payment = environment_of(BASE["payment"])
    assert simulator.api_key.get_secret_value() == payment["PROVIDER_API_KEY"]
    assert simulator.webhook_secret.get_secret_value() == payment["WEBHOOK_SECRET"]


def test_the_migration_job_has_all_it_asks_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = "postgresql://postgres:x@127.0.0.1:9/postgres"
    complete = environment_of(BASE["migrate"]) | {"ADMIN_DATABASE_URL": nowhere}
    for service in SERVICES:
        complete[f"MIGRATOR_DATABASE_URL_{service.upper()}"] = nowhere
    monkeypatch.setattr("os.environ", complete)
    for verb in ("bootstrap", "upgrade"):
        assert database_command([verb]) == 2
        assert "is not set" not in capsys.readouterr().err


def test_passwords_of_roles_agree_with_what_the_migration_job_sets() -> None:
    migrate = environment_of(BASE["migrate"])
    for process in PROCESSES:
        address = urlsplit(environment_of(BASE[process])["DATABASE_URL"])
        assert address.password == migrate[f"APP_PASSWORD_{owner_of(process).upper()}"]
    for service in SERVICES:
        migrator = urlsplit(migrate[f"MIGRATOR_DATABASE_URL_{service.upper()}"])
        assert migrator.username == f"{schema_of(service)}_migrator"
        assert migrator.password == migrate[f"MIGRATOR_PASSWORD_{service.upper()}"]
    passwords = [value for name, value in migrate.items() if "_PASSWORD_" in name]
    assert len(set(passwords)) == 2 * len(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_its_own_secrets_and_nobody_elses(service: str) -> None:
    migrate = environment_of(BASE["migrate"])
    foreign = {
        migrate["ADMIN_DATABASE_URL"],
        environment_of(BASE["administrator"])["ADMIN_PASSWORD"],
    }
    foreign |= {
        value
        for name, value in migrate.items()
        if "PASSWORD_" in name and name != f"APP_PASSWORD_{service.upper()}"
    }
    for process in (service, f"{service}-worker"):
        text = " ".join(environment_of(BASE[process]).values())
        assert not [word for word in foreign if word in text]
        sources = {volume.split(":")[0] for volume in BASE[process]["volumes"]}
        assert sources == {f"{service}-identity", "trust", "./local/flags"}
        assert all(volume.endswith(":ro") for volume in BASE[process]["volumes"])


@pytest.mark.parametrize("process", PROCESSES)
def test_every_secret_says_that_it_is_local_and_is_refused_elsewhere(
    process: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = read_settings(process, monkeypatch)
    ca_file = str(Authority(tmp_path).ca_file)
    secrets = {name: value for name, value in made if isinstance(value, SecretStr)}
    assert {"database_url", "redis_url", "signing_secret"} <= set(secrets)
    for name, value in secrets.items():
        assert LOCAL_ONLY in value.get_secret_value(), name
    for environment in ("staging", "production"):
        with pytest.raises(ValidationError, match=r"published in docker-compose\.yml") as refused:
            read_settings(process, monkeypatch, ENVIRONMENT=environment, DATABASE_CA_FILE=ca_file)
        assert LOCAL_ONLY not in str(refused.value.errors(include_input=False)[0]["msg"])


def test_one_published_secret_is_enough_to_be_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = {"DATABASE_CA_FILE": str(Authority(tmp_path).ca_file)} | {
        name: value.replace(LOCAL_ONLY, "ours")
        for name, value in environment_of(BASE["order"]).items()
    }
    with pytest.raises(ValidationError, match=r"published in docker-compose\.yml: SIGNING_SECRET;"):
        read_settings(
            "order",
            monkeypatch,
            **own | {"ENVIRONMENT": "production", "SIGNING_SECRET": f"{LOCAL_ONLY}-" * 3},
        )
    made = read_settings("order", monkeypatch, **own | {"ENVIRONMENT": "production"})
    assert made.environment == "production"


def test_services_sign_in_to_redis_with_the_rights_that_are_tried_out() -> None:
    """Where the file differs, write it anew: `make golden`."""
    assert USERS_FILE.read_text() == acl_file(users_of_compose())
    for process in PROCESSES:
        address = urlsplit(environment_of(BASE[process])["REDIS_URL"])
        assert address.username == owner_of(process)
        assert address.password == users_of_compose()[owner_of(process)]
