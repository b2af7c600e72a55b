"""Stacks refuse values that would hurt: their own tests spoil production's values, one at a time, on a mocked provider."""

import json
import re
from typing import Final

import pytest

from deploy.terraform.layout import Layout, Place
from libs.topology import MASTER_REGION
from tests.terraform.sandbox import Sandbox

LAYOUT: Final = Layout()
VARIABLE: Final = re.compile(r'^variable "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
TESTED: Final = [
    stack for stack in LAYOUT.stacks() if list((LAYOUT.folder_of(stack) / "tests").glob("*.hcl"))
]


@pytest.mark.parametrize("stack", TESTED)
def test_a_stack_refuses_what_its_tests_spoil(sandbox: Sandbox, stack: str) -> None:
    place = Place("prod", MASTER_REGION, stack)
    folder = sandbox.layout.folder_of(stack)
    sandbox.initialise(folder)
    values = sandbox.folder / f"{stack}-refusals.tfvars.json"
    values.write_text(json.dumps(sandbox.values(place)))
    files = [*sandbox.value_files(place), values]
    said = sandbox.run(folder, "test", "-no-color", *(f"-var-file={file}" for file in files))
    assert "0 failed" in said


@pytest.mark.parametrize("stack", LAYOUT.stacks())
def test_a_stacks_refusals_are_tested(stack: str) -> None:
    folder = LAYOUT.folder_of(stack)
    own = (folder / "variables.tf").read_text()
    tests = "".join(file.read_text() for file in folder.glob("tests/*.hcl"))
    refusing = [name for name, body in VARIABLE.findall(own) if "  validation {" in body]
    untested = [name for name in refusing if f"var.{name}" not in tests]
    assert untested == [], f"{stack}: add a run with expect_failures for {untested}"
