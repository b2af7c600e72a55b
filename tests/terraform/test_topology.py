"""Production's plans, made without an account, hold every figure of the topology: a row, a resource, a figure."""

import json
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.terraform.blocks import blocks_in
from deploy.terraform.layout import MASTER_ONLY, Layout, Place
from libs.topology import MASTER_REGION
from tests.terraform.sandbox import Sandbox

LAYOUT: Final = Layout()
STACKS: Final = LAYOUT.stacks()
REGIONS: Final = LAYOUT.regions_of("prod")
ROWS: Final = json.loads(Path(__file__).with_name("topology.json").read_text())
NETWORKS: Final = {"us-east-1": "10.0", "eu-west-1": "10.1", "ap-south-1": "10.2"}
PLACES: Final = [
    Place("prod", region, stack)
    for stack in STACKS
    for region in ([MASTER_REGION] if stack in MASTER_ONLY else REGIONS)
]


def resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from resources(child)


def figure(values: Any, path: str) -> Any:
    steps = (int(step) if step.isdigit() else step for step in path.split("."))
    return reduce(lambda value, step: value[step], steps, values)


def wrong(row: Mapping[str, Any], found: list[Mapping[str, Any]], region: str) -> str | None:
    if len(found) < row.get("least", 1) or len(found) != row.get("count", len(found)):
        return f"{row['row']}: there are {len(found)} of {row['type']}"
    if "attribute" not in row:
        return None
    text = json.dumps(row["values"]).replace("{net}", NETWORKS[region]).replace("{region}", region)
    wanted = sorted(map(repr, json.loads(text)))
    figures = sorted({repr(figure(one["values"], row["attribute"])) for one in found})
    return None if figures == wanted else f"{row['row']}: {figures} instead of {wanted}"


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_plan_of_production_holds_the_topologys_figures(sandbox: Sandbox, place: Place) -> None:
    found = list(resources(sandbox.plan(place)["planned_values"]["root_module"]))
    assert found
    faults = []
    for row in (row for row in ROWS if row["stack"] == place.stack):
        matching = [
            one
            for one in found
            if one["type"] == row["type"]
            and all(one["values"].get(key) == value for key, value in row.get("filter", {}).items())
        ]
        faults.append(wrong(row, matching, place.region))
    assert [fault for fault in faults if fault] == []


@pytest.mark.parametrize("stack", STACKS)
def test_a_stacks_example_is_there_for_whoever_stands_on_it(stack: str) -> None:
    example = LAYOUT.terraform / "tests" / "fixtures" / f"{stack}.json"
    assert isinstance(json.loads(example.read_text()), dict)


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_every_value_is_one_that_its_stack_declares(environment: str) -> None:
    folder = LAYOUT.environments / environment
    for stack in STACKS:
        declared = {block.name for block in blocks_in(LAYOUT.folder_of(stack), "variable")}
        own = folder / f"{stack}.tfvars"
        files = [folder / "env.tfvars", *([own] if own.exists() else [])]
        for file in files:
            given = {
                line.split("=")[0].strip()
                for line in file.read_text().splitlines()
                if line[:1].isalpha()
            }
            assert given <= declared, f"{file.name} of {environment}: {given - declared}"


def test_every_environment_names_its_states_bucket() -> None:
    for environment in ("dev", "staging", "prod"):
        text = (LAYOUT.environments / environment / "backend.hcl").read_text()
        assert f'"meridian-{environment}-terraform-state"' in text
        assert "use_lockfile = true" in text
