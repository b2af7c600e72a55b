"""What other people's rules say about modules and stacks, but for exceptions that name their resources and a reason."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.architecture.applications import ROOT
from tests.deploy.programs import CHECKS, program, run
from tests.terraform.statements import keyless

pytestmark = pytest.mark.terraform

EXCEPTIONS: Final = CHECKS / "checkov-terraform.yaml"
TREE: Final = ROOT / "deploy" / "terraform"
LEAST: Final = 400
"""Fewer resources than these mean that checkov did not follow the stacks into their modules."""

CARELESS: Final = 'resource "aws_ebs_volume" "this" {\n  availability_zone = "us-east-1a"\n}\n'


def report(folder: Path) -> Mapping[str, Any]:
    """Return what checkov has to say about a folder, without asking anybody on the network."""
    command = [
        program("checkov"), "--framework", "terraform", "--directory", str(folder), "--skip-path", "/tests/",
        "--skip-download", "--output", "json", "--quiet", "--compact",
    ]  # fmt: skip
    told = run(command, environment={"LOG_LEVEL": "CRITICAL", "BC_SKIP_MAPPING": "TRUE"})
    assert told.stdout.strip().startswith("{"), told.stdout + told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def failures(found: Mapping[str, Any]) -> dict[str, list[str]]:
    """List the resources that fail each check, siblings once."""
    failed: dict[str, set[str]] = {}
    for one in found["results"]["failed_checks"]:
        failed.setdefault(one["check_id"], set()).add(keyless(one["resource"]))
    return {check: sorted(resources) for check, resources in failed.items()}


def test_modules_and_stacks_keep_to_checkovs_rules() -> None:
    found = report(TREE)
    listed = yaml.safe_load(EXCEPTIONS.read_text())
    assert found["summary"]["resource_count"] > LEAST
    assert failures(found) == {check: sorted(one["where"]) for check, one in listed.items()}


def test_checkov_looks_at_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(CARELESS)
    assert failures(report(tmp_path))


def test_every_exception_has_a_reason() -> None:
    listed = yaml.safe_load(EXCEPTIONS.read_text())
    assert [check for check, one in listed.items() if not one.get("why")] == []
