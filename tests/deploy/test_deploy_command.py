"""`make deploy`: the commands for a whole region, in order, and clear words when something is missing."""

import shlex
import subprocess
from pathlib import Path

import pytest

from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.authority import Authority
from tests.deploy.charts import ENVIRONMENTS, HELM, REGIONS, Installation

PROGRAM = "#!/bin/sh\n{}\n"


def deploy(*arguments: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(HELM / "deploy.sh"), *arguments],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def commands(*arguments: str) -> list[list[str]]:
    finished = deploy(*arguments, "dry=1")
    assert finished.returncode == 0, finished.stderr
    return [shlex.split(line) for line in finished.stdout.splitlines()]


def files(command: list[str]) -> list[Path]:
    return [ROOT / command[n + 1] for n, word in enumerate(command) if word == "-f"]


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Stand-ins that note what they are called with; kubectl's context is a cluster in us-east-1."""
    for name, script in {
        "helm": f'echo "$@" >> {tmp_path}/calls; [ "$3" != product ]',
        "kubectl": "echo arn:aws:eks:us-east-1:111122223333:cluster/meridian-prod",
    }.items():
        program = tmp_path / name
        program.write_text(PROGRAM.format(script))
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("region", REGIONS)
def test_a_region_is_the_platform_and_then_the_six_services_with_their_value_files(
    environment: str, region: str
) -> None:
    platform, *services = commands(environment, region)
    assert platform[:5] == ["helm", "upgrade", "--install", "platform", "deploy/helm/platform"]
    assert [command[3] for command in services] == list(SERVICES)
    for command in services:
        assert command[4] == "deploy/helm/service"
        assert files(command) == Installation(command[3], environment, region).value_files
        assert command[command.index("--namespace") + 1] == "meridian"


def test_one_service_can_be_deployed_in_a_version_of_its_own() -> None:
    (command,) = commands("prod", "us-east-1", "only=cart", "tag=v1.2.3")
    assert command[3] == "cart"
    assert "image.tag=v1.2.3" in command


def test_the_authorities_of_the_database_go_to_the_platform_and_nowhere_else(
    tmp_path: Path,
) -> None:
    file = Authority(tmp_path).ca_file
    platform, *services = commands("prod", "us-east-1", f"authorities={file}")
    assert platform[platform.index("--set-file") + 1] == f"database.authorities={file}"
    assert not [command for command in services if "--set-file" in command]


@pytest.mark.parametrize("only", [(), ("only=platform",), ("only=order",)])
def test_a_cluster_that_does_not_know_the_database_asks_by_what_it_shall(
    only: tuple[str, ...], tools: Path
) -> None:
    context = (
        'case "$*" in *configmap*) exit 1 ;; *) echo arn:aws:eks:us-east-1:1:cluster/x ;; esac'
    )
    (tools / "kubectl").write_text(PROGRAM.format(context))
    finished = deploy("prod", "us-east-1", *only, path=f"{tools}:/usr/bin:/bin")
    assert finished.returncode == 2
    (line,) = finished.stderr.splitlines()
    assert "authorities=FILE" in line
    assert "docs/runbooks/deploy-to-eks.md" in line
    assert not (tools / "calls").exists()
    given = (*only, f"authorities={Authority(tools).ca_file}")
    deploy("prod", "us-east-1", *given, path=f"{tools}:/usr/bin:/bin")
    assert (tools / "calls").exists() == (only != ("only=order",)), "a service alone brings none"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "say which environment"),
        (("production", "us-east-1"), "say which environment"),
        (("prod",), "say which region"),
        (("prod", "us-east-1", "only=shop"), "only=shop is none of"),
        (("prod", "us-east-1", "dri=1"), "dri=1 is unknown"),
        (("prod", "us-east-1", "authorities=README.md"), "README.md is no file with certificates"),
        (("prod", "us-east-1", "authorities=none.pem"), "none.pem is no file with certificates"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    arguments: tuple[str, ...], sentence: str
) -> None:
    finished = deploy(*arguments)
    assert finished.returncode == 2
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.startswith("deploy: ")
    assert sentence in line


def test_without_helm_nothing_is_tried_and_the_way_on_is_named(tmp_path: Path) -> None:
    finished = deploy("prod", "us-east-1", path=str(tmp_path))
    assert finished.returncode == 2
    assert "helm is not installed" in finished.stderr
    assert "dry=1" in finished.stderr


def test_another_regions_cluster_is_not_touched(tools: Path) -> None:
    finished = deploy("prod", "eu-west-1", path=f"{tools}:/usr/bin:/bin")
    assert finished.returncode == 2
    assert "does not name eu-west-1" in finished.stderr
    assert not (tools / "calls").exists()


def test_the_first_command_that_fails_ends_it(tools: Path) -> None:
    finished = deploy("prod", "us-east-1", path=f"{tools}:/usr/bin:/bin")
    assert finished.returncode != 0
    called = [line.split()[2] for line in (tools / "calls").read_text().splitlines()]
    assert called == ["platform", "auth", "user", "product"]
    assert "--kube-context arn:aws:eks:us-east-1" in (tools / "calls").read_text()
