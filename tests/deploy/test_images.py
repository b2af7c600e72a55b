"""What every image keeps to, read from the Dockerfile: no engine is needed."""

import ast
import fnmatch
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from libs.topology import SERVICES
from tests.architecture.applications import ROOT
from tests.deploy.dockerfile import inherited, instructions, lineage, stages

TARGETS = ("service", "simulator", "tools", "authorizer", "emulator")
TEXT = (ROOT / "Dockerfile").read_text()


def copied_from_the_repository(stage: str) -> set[str]:
    return {
        source
        for value in stages()[stage].all_of("COPY")
        if "--from=" not in value
        for source in value.split()[:-1]
    }


def copied_between_stages(target: str) -> set[str]:
    return {
        match[1]
        for stage in lineage(target)
        for value in stage.all_of("COPY")
        for match in [re.search(r"--from=(\S+)", value)]
        if match
    }


def test_the_base_is_one_argument_pinned_by_digest() -> None:
    declared = next(one.value for one in instructions() if one.name == "ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64}", declared)
    outside = {stage.base for stage in stages().values()} - set(stages())
    assert outside == {"${PYTHON_IMAGE}"}


def test_nothing_is_fetched_but_what_the_lock_names() -> None:
    assert "# syntax=" not in TEXT
    assert ":latest" not in TEXT
    assert not [one for one in instructions() if one.name == "ADD"]
    installs = [one.value for one in instructions() if "install --no-cache-dir" in one.value]
    assert len(installs) == 2
    for install in installs:
        assert "--require-hashes" in install
        assert "--only-binary :all:" in install


def aws_services_in(source: Path) -> set[str]:
    """Name what aioboto3 is asked for: `session.client("sns", endpoint_url=...)`, in a loop over names too."""
    tree = ast.parse(source.read_text())
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.ListComp)]
    found: set[str] = set()
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        if "endpoint_url" in {k.arg for k in call.keywords} and (
            isinstance(call.func, ast.Attribute) and call.func.attr == "client"
        ):
            around = [loop.generators for loop in loops if call in ast.walk(loop)]
            places = call.args if isinstance(call.args[0], ast.Constant) else around[0]
            constants = [n for p in places for n in ast.walk(p) if isinstance(n, ast.Constant)]
            found |= {str(one.value) for one in constants}
    return found


def test_the_descriptions_of_all_aws_services_we_call_are_left_in_the_images() -> None:
    """botocore needs a service's description to make its client; the images delete those of hundreds of others."""
    asked: set[str] = set()
    for folder in ("libs", "services"):
        for source in (ROOT / folder).rglob("*.py"):
            if "testing" not in source.parts:
                asked |= aws_services_in(source)
    [install] = [one for one in stages()["packages"].all_of("RUN") if "botocore/data" in one]
    kept = set(re.findall(r"-not -name '?([a-z0-9*]+)", install))
    assert {"sns", "sqs", "sts", "kms", "sesv2", "appconfigdata"} <= asked
    assert asked <= kept


@pytest.mark.parametrize("target", TARGETS)
def test_no_image_runs_as_root(target: str) -> None:
    assert inherited(target, "USER") == "10001:10001"


@pytest.mark.parametrize("target", TARGETS)
def test_the_process_itself_gets_the_signal(target: str) -> None:
    """In the shell form a shell would be process 1, and SIGTERM would end at it."""
    entry = json.loads(inherited(target, "ENTRYPOINT"))
    assert entry[0] == "python"


@pytest.mark.parametrize("target", ["service", "simulator", "emulator"])
def test_health_is_asked_without_a_shell(target: str) -> None:
    command = inherited(target, "HEALTHCHECK").partition(" CMD ")[2]
    assert json.loads(command)[0] == "python"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_says_what_it_is(target: str) -> None:
    labels = " ".join(value for stage in lineage(target) for value in stage.all_of("LABEL"))
    names = set(re.findall(r"org\.opencontainers\.image\.([a-z.]+)=", labels))
    assert names >= {"title", "description", "version", "revision", "licenses", "base.name"}


def test_a_service_image_holds_the_shared_parts_and_that_service_only() -> None:
    assert copied_from_the_repository("service-source") == {
        "libs",
        "services/__init__.py",
        "services/${SERVICE}",
        "services/${SERVICE}/main.py",
    }
    assert copied_between_stages("service") == {"packages", "service-source"}
    assert copied_from_the_repository("service") == set()


def test_the_simulator_image_holds_nothing_of_the_shop() -> None:
    assert copied_from_the_repository("simulator-source") == {"simulator"}
    assert copied_between_stages("simulator") == {"packages", "simulator-source"}


def test_the_authorizers_image_holds_what_checks_tokens_and_not_what_writes_configurations() -> (
    None
):
    assert copied_from_the_repository("authorizer-source") == {
        "libs",
        "edge/__init__.py",
        "edge/authorizer",
    }
    assert copied_between_stages("authorizer") == {"packages", "authorizer-source"}


def test_the_pipeline_builds_and_pushes_what_a_region_runs() -> None:
    folder = ROOT / "deploy/terraform/modules/delivery/buildspecs"
    build = yaml.safe_load((folder / "image.yaml").read_text())["phases"]["build"]
    [names] = re.findall(r'/push\.sh "\$REGISTRY" "\$TAG" (.*)', "\n".join(build["commands"]))
    assert set(names.split()) == {*SERVICES, "tools", "authorizer"}
    script = (folder / "push.sh").read_text()
    assert 'make "image-$name" TAG="$tag"' in script, "a build without a target makes the last one"
    assert "docker push" in script


def test_the_last_stages_run_nothing_so_that_what_is_built_is_what_was_copied() -> None:
    for target in TARGETS:
        assert not stages()[target].all_of("RUN"), target


def test_every_key_folder_of_the_tools_exists_for_its_volume() -> None:
    made = " ".join(stages()["tools-source"].all_of("RUN"))
    assert set(re.findall(r"/keys/([a-z]+)", made)) == {*SERVICES, "trust"}


def test_the_builder_is_sent_named_files_only() -> None:
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    allowed = [line[1:] for line in lines if line.startswith("!")]
    refused = [line for line in lines[1:] if not line.startswith("!")]
    assert not any("*" in name for name in allowed)
    assert "libs/testing" in refused
    for name in allowed:
        assert (ROOT / name).exists(), name
    needed = {"requirements.lock", "local/ministack.lock", "libs", "services", "simulator"}
    assert needed <= set(allowed)
    for secret in (".env", ".meridian/secrets/secrets.json", ".git/config"):
        assert not any(secret == name or fnmatch.fnmatch(secret, f"{name}/*") for name in allowed)


def test_what_the_tools_run_is_sent_to_the_builder() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    for path in (ROOT / "local/keys.py", ROOT / "local/database.py"):
        assert f"!{path.relative_to(ROOT)}" in allowed
        for name in re.findall(r"^from (local\.\S+) import", path.read_text(), re.MULTILINE):
            assert f"!{Path(*name.split('.'))}.py" in allowed, name


def test_without_docker_one_sentence_says_what_to_do() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "images", "DOCKER=no-such-docker"],  # noqa: S607 - whichever make runs this
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.startswith("Docker is not installed: ")
    assert "make up" in done.stderr


def test_make_builds_every_image() -> None:
    plan = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "images", "TAG=9"],  # noqa: S607 - whichever make runs this
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    built = re.findall(
        r"--target (\S+) (?:--build-arg SERVICE=(\S+) )?--tag meridian/(\S+):9 \.", plan
    )
    assert {(target, service) for target, service, _ in built} == {
        *(("service", service) for service in SERVICES),
        *((target, "") for target in TARGETS if target != "service"),
    }
    assert all(name == (service or target) for target, service, name in built)
