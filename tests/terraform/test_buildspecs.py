"""What the pipeline's builds run, run here: images that are there stay, and what is handed on is enough to deploy with."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.architecture.applications import ROOT

MODULES: Final = ROOT / "deploy" / "terraform" / "modules"
MASTER: Final = MODULES / "delivery" / "buildspecs"
REGION: Final = MODULES / "delivery-region" / "buildspecs"
SYSTEM: Final = "/usr/bin:/bin"


def spec(file: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(file.read_text())
    return read


def commands(file: Path) -> str:
    phases = spec(file)["phases"].values()
    return "\n".join(line for phase in phases for line in phase["commands"])


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    """Stand-ins for a registry that has the image of auth, and for the programs that build and push."""
    programs = {
        "aws": 'case "$*" in *meridian/auth*) echo 1 ;; *) echo 0 ;; esac',
        "make": f'echo "make $1" >> {tmp_path}/calls',
        "docker": f'echo "docker $1" >> {tmp_path}/calls',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def test_a_second_build_of_a_commit_pushes_what_is_missing_and_nothing_else(
    registry: Path,
) -> None:
    words = ["registry.example.com", "0123456789ab", "auth", "user"]
    done = subprocess.run(
        ["/bin/bash", str(MASTER / "push.sh"), *words],
        env={"PATH": f"{registry}:{SYSTEM}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "meridian/auth:0123456789ab is in the registry" in done.stdout
    calls = (registry / "calls").read_text().splitlines()
    assert calls == ["make image-user", "docker tag", "docker push"]


def test_what_the_apply_hands_on_is_enough_to_deploy_with(tmp_path: Path) -> None:
    for pattern in spec(MASTER / "apply.yaml")["artifacts"]["files"]:
        for file in ROOT.glob(pattern):
            if file.is_file():
                copy = tmp_path / file.relative_to(ROOT)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
    typed = commands(REGION / "deploy.yaml")
    for script in re.findall(r"deploy/\S+\.sh", typed):
        assert (tmp_path / script).is_file()
    for verb in ("controllers", "deploy"):
        assert f"make {verb} " in typed
        done = subprocess.run(
            ["/usr/bin/env", "make", verb, "env=prod", "region=eu-west-1", "dry=1"],
            cwd=tmp_path,
            env={"PATH": SYSTEM},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        values = re.findall(r"-f (\S+)", done.stdout)
        assert values
        assert [one for one in values if not (tmp_path / one).is_file()] == []


def assumed(folder: Path, aws: str) -> subprocess.CompletedProcess[str]:
    """Source assume.sh with a stand-in for the AWS command line, then print what the shell goes on with."""
    (folder / "aws").write_text(f"#!/bin/sh\n{aws}\n")
    (folder / "aws").chmod(0o755)
    role = "arn:aws:iam::111122223333:role/meridian-prod-eu-west-1-deploy"
    script = f'set -eu; . {MASTER / "assume.sh"} {role} an-id; echo "$AWS_PROFILE $AWS_CONFIG_FILE"'
    environment = {"PATH": f"{folder}:{SYSTEM}", "TMPDIR": str(folder), "TAG": "0123456789abcdef"}
    return subprocess.run(
        ["/bin/bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )


def test_a_steps_role_is_taken_anew_for_as_long_as_the_step_takes(tmp_path: Path) -> None:
    done = assumed(tmp_path, "echo arn:aws:sts::111122223333:assumed-role/deploy/pipeline")
    assert done.returncode == 0, done.stderr
    profile, _, file = done.stdout.splitlines()[-1].partition(" ")
    written = configparser.ConfigParser()
    written.read(file)
    assert dict(written[f"profile {profile}"]) == {
        "role_arn": "arn:aws:iam::111122223333:role/meridian-prod-eu-west-1-deploy",
        "external_id": "an-id",
        "role_session_name": "pipeline-0123456789ab",
        "credential_source": "EcsContainer",
    }


def test_a_role_that_cannot_be_taken_ends_the_step_with_a_sentence(tmp_path: Path) -> None:
    done = assumed(tmp_path, "exit 254")
    assert done.returncode != 0
    assert "could not be assumed" in done.stderr
    assert "/" not in done.stdout


@pytest.mark.parametrize("step", ["image", "plan", "apply"])
def test_a_build_names_the_python_it_runs_on(step: str) -> None:
    phases = spec(MASTER / f"{step}.yaml")["phases"]
    assert str(phases["install"]["runtime-versions"]["python"]) == "3.11"


def test_the_build_in_a_region_needs_no_state_and_no_terraform() -> None:
    typed = commands(REGION / "deploy.yaml")
    assert "install.sh helm kubectl" in typed
    assert "make tf" not in typed


def test_only_the_plan_plans() -> None:
    assert "do=plan" in commands(MASTER / "plan.yaml")
    assert "do=plan" not in commands(MASTER / "apply.yaml")
    assert "yes=1" not in commands(MASTER / "apply.yaml")
    assert spec(MASTER / "plan.yaml")["artifacts"]["base-directory"] == "plans"
