"""Modules and stacks say what somebody asks, and ask what they use; examples of outputs have the outputs' names."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from deploy.terraform.blocks import blocks_in
from deploy.terraform.layout import Layout

LAYOUT: Final = Layout()
MODULES: Final = {module.name: module for module in LAYOUT.modules()}
CALL: Final = re.compile(r'^module "([\w-]+)" \{\n  source\s*= "[^"]*/([\w-]+)"\n', re.MULTILINE)
BODY: Final = re.compile(r'^module "[\w-]+" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
SOURCE: Final = re.compile(r'^  source\s*= "[^"]*/([\w-]+)"$', re.MULTILINE)
GIVEN: Final = re.compile(r"^  (\w+)\s*=", re.MULTILINE)
STAND_INS: Final = sorted((LAYOUT.terraform / "tests" / "emulated").iterdir())
KEY: Final = re.compile(r"^    (\w+)\s*=", re.MULTILINE)


def text_of(folder: Path, pattern: str = "*.tf") -> str:
    return "\n".join(file.read_text() for file in sorted(folder.glob(pattern)))


CALLERS: Final = [
    *(LAYOUT.folder_of(stack) for stack in LAYOUT.stacks()),
    *MODULES.values(),
]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_called_and_says_nothing_that_nobody_asks(name: str) -> None:
    asked = set(re.findall(r"\boutput\.(\w+)", text_of(MODULES[name] / "tests", "*.hcl")))
    called = False
    for folder in CALLERS:
        text = text_of(folder)
        for label, module in CALL.findall(text):
            if module == name:
                called = True
                asked |= set(re.findall(rf"module\.{label}\b(?:\[[^\]]*\])?\.(\w+)", text))
    assert called, f"no stack uses the module {name}: call it, or delete it"
    if name == "ingress":  # the edge takes one of two by a local
        asked |= set(re.findall(r"local\.balancer\.(\w+)", text_of(LAYOUT.folder_of("edge"))))
    said = {output.name for output in blocks_in(MODULES[name], "output")}
    assert said <= asked, f"{name}: nobody asks for {sorted(said - asked)}"


@pytest.mark.parametrize("folder", [*CALLERS, *STAND_INS], ids=lambda folder: folder.name)
def test_a_call_gives_a_module_all_that_it_asks(folder: Path) -> None:
    """Stand-ins for an emulator call the same modules, and no stack's plan is made of them."""
    for body in BODY.findall(text_of(folder)):
        (module,) = SOURCE.findall(body)
        asked = {block.name for block in blocks_in(MODULES[module], "variable") if block.required}
        assert asked <= set(GIVEN.findall(body)), f"{folder.name} calls {module}"


@pytest.mark.parametrize("folder", CALLERS, ids=lambda folder: folder.name)
def test_every_variable_is_used(folder: Path) -> None:
    text = text_of(folder)
    shared = text_of(LAYOUT.terraform / "stacks" / "shared")
    told_to_all = set(re.findall(r'^variable "(\w+)"', shared, re.MULTILINE))
    unused = [
        block.name
        for block in blocks_in(folder, "variable")
        if block.name not in told_to_all and not re.search(rf"\bvar\.{block.name}\b", text)
    ]
    assert unused == []


@pytest.mark.parametrize("stack", LAYOUT.stacks())
def test_a_stacks_example_has_the_names_of_its_output(stack: str) -> None:
    example = LAYOUT.terraform / "tests" / "fixtures" / f"{stack}.json"
    said = KEY.findall((LAYOUT.folder_of(stack) / "outputs.tf").read_text())
    assert sorted(json.loads(example.read_text())) == sorted(said)
