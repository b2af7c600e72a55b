"""What the pipeline's builds run, run here: images that are there stay, and what is handed on is enough to deploy with."""

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


def test_the_build_in_a_region_needs_no_state_and_no_terraform() -> None:
    typed = commands(REGION / "deploy.yaml")
    assert "install.sh helm kubectl" in typed
    assert "make tf" not in typed


def test_only_the_plan_plans() -> None:
    assert "do=plan" in commands(MASTER / "plan.yaml")
    assert "do=plan" not in commands(MASTER / "apply.yaml")
    assert "yes=1" not in commands(MASTER / "apply.yaml")
    assert spec(MASTER / "plan.yaml")["artifacts"]["base-directory"] == "plans"
