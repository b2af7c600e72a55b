"""Code, Terraform and the local file know the same flags, word for word."""

import ast
import importlib
import re
from pathlib import Path
from typing import Final

import pytest

from deploy.terraform.layout import ENVIRONMENTS, Layout
from libs.flags.document import parse
from libs.flags.flags import Flag
from local.environments import FLAGS_FILE
from tests.architecture.applications import ROOT

DECLARATIONS: Final = sorted((ROOT / "services").glob("*/flags.py"))
VALUE: Final = re.compile(
    r"^  (?P<name>\w+) = \{\n"
    r'    description = "(?P<description>[^"]+)"\n'
    r"    default     = (?P<default>true|false)\n"
    r"(?:    enabled     = (?:true|false)\n)?"
    r"  \}\n",
    re.MULTILINE,
)


def declared() -> list[Flag]:
    modules = [importlib.import_module(f"services.{p.parent.name}.flags") for p in DECLARATIONS]
    return [one for module in modules for one in vars(module).values() if isinstance(one, Flag)]


def in_terraform(environment: str) -> list[Flag]:
    values = Layout().environments / environment / "operations.tfvars"
    block = re.search(r"^flags = \{\n(.*?)^\}\n", values.read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None, f"{environment} has no flags"
    found = list(VALUE.finditer(block[1]))
    assert "".join(one[0] for one in found) == block[1], "a flag is written otherwise than these"
    return [Flag(f["name"], f["default"] == "true", f["description"]) for f in found]


def by_name(flags: list[Flag]) -> list[Flag]:
    return sorted(flags, key=lambda one: one.name)


def test_a_flag_is_declared_once_and_says_what_it_does() -> None:
    names = [one.name for one in declared()]
    assert names
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{1,63}", name) for name in names)
    assert all(one.description for one in declared())


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_terraform_rolls_out_every_flag_that_is_declared_and_no_other(environment: str) -> None:
    assert by_name(in_terraform(environment)) == by_name(declared())


def test_on_one_machine_everything_is_as_its_default_says() -> None:
    assert parse(FLAGS_FILE.read_bytes()) == {one.name: one.default for one in declared()}


def test_flags_are_declared_nowhere_else() -> None:
    elsewhere = [
        path
        for path in (ROOT / "services").rglob("*.py")
        if path not in DECLARATIONS and makes_flags(path)
    ]
    assert elsewhere == []
    assert all(makes_flags(path) for path in DECLARATIONS)


def makes_flags(path: Path) -> bool:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return any(isinstance(one.func, ast.Name) and one.func.id == "Flag" for one in calls)


def test_the_runbook_says_what_off_means() -> None:
    runbook = (ROOT / "docs" / "runbooks" / "flags.md").read_text()
    assert set(re.findall(r"^\| `([a-z_]+)` \|", runbook, re.MULTILINE)) == {
        one.name for one in declared()
    }
